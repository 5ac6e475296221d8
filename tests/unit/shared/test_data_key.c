#include "shared/data_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/column_cipher.h"
#include "tests/unit/shared/key_folder.h"

#define SECRET_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SECRET_2 "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a\n"
#define PLAIN    "010-1234-5678"

static struct osy_keyring *load(const char *first, const char *second)
{
    struct key_folder folder;
    struct osy_keyring *keyring = NULL;

    key_folder_make(&folder);
    if (first)
        key_folder_write(&folder, "data-k1.key", first, 0600);
    if (second)
        key_folder_write(&folder, "data-k2.key", second, 0600);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_DATA, NULL);
    key_folder_remove(&folder);
    return keyring;
}

static int load_keys(void **state)
{
    *state = load(SECRET_1, NULL);
    return *state ? 0 : -1;
}

static int free_keys(void **state)
{
    osy_keyring_destroy(*state);
    return 0;
}

static struct osy_column place_of(const char *column, uint8_t row)
{
    struct osy_column place = {.table = "orders", .column = column};

    memset(place.row_id.bytes, row, sizeof place.row_id.bytes);
    return place;
}

static void make(const struct osy_keyring *keyring, uint8_t row, struct osy_data_key *key,
                 struct osy_buffer *wrapped)
{
    const struct osy_column place = place_of("data_key", row);

    osy_buffer_clear(wrapped);
    assert_true(osy_data_key_make(keyring, &place, key, wrapped, NULL));
}

static void a_wrapped_key_comes_back_and_names_its_row(void **state)
{
    const struct osy_column place = place_of("data_key", 7);
    struct osy_buffer wrapped = OSY_BUFFER_INIT;
    struct osy_data_key key, other, back;

    make(*state, 7, &key, &wrapped);
    assert_int_equal(wrapped.bytes[0], OSY_COLUMN_WRAPPED);
    assert_true(osy_data_key_unwrap(*state, &place, wrapped.bytes, wrapped.length, &back, NULL));
    assert_memory_equal(&back, &key, sizeof key);
    assert_true(osy_uuid_equal(&back.id, &place.row_id));
    make(*state, 7, &other, &wrapped);
    assert_memory_not_equal(other.secret, key.secret, sizeof key.secret);
    osy_buffer_deinit(&wrapped);
}

static void a_wrapped_key_of_another_row_wrapping_key_or_length_is_refused(void **state)
{
    const struct osy_column place = place_of("data_key", 7), elsewhere = place_of("data_key", 8),
                            another = place_of("wrapped", 7);
    struct osy_keyring *keyring = load(NULL, SECRET_2);
    struct osy_buffer wrapped = OSY_BUFFER_INIT;
    struct osy_data_key key;

    make(*state, 7, &key, &wrapped);
    assert_false(
        osy_data_key_unwrap(*state, &elsewhere, wrapped.bytes, wrapped.length, &key, NULL));
    assert_false(osy_data_key_unwrap(*state, &another, wrapped.bytes, wrapped.length, &key, NULL));
    assert_false(osy_data_key_unwrap(keyring, &place, wrapped.bytes, wrapped.length, &key, NULL));
    osy_buffer_clear(&wrapped);
    assert_true(osy_column_encrypt(*state, &place, "short", 5, &wrapped, NULL));
    assert_false(osy_data_key_unwrap(*state, &place, wrapped.bytes, wrapped.length, &key, NULL));
    osy_buffer_deinit(&wrapped);
    osy_keyring_destroy(keyring);
}

static void refuse(const struct osy_data_key *key, const struct osy_column *place,
                   const struct osy_buffer *stored, size_t length)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    struct osy_error err = {OSY_OK, ""};

    assert_false(osy_column_open(key, place, stored->bytes, length, &out, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_int_equal(out.length, 0);
    osy_buffer_deinit(&out);
}

static void what_one_key_seals_no_other_opens(void **state)
{
    const struct osy_column place = place_of("customer_phone", 7), other = place_of("note", 7);
    struct osy_buffer wrapped = OSY_BUFFER_INIT, stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;
    struct osy_data_key key, renamed, stranger;

    make(*state, 7, &key, &wrapped);
    make(*state, 7, &stranger, &wrapped); /* the same name, another secret */
    renamed = key;
    renamed.id.bytes[0] ^= 1;
    assert_true(osy_column_seal(&key, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    assert_int_equal(osy_column_version(stored.bytes, stored.length), OSY_COLUMN_SEALED);
    assert_int_equal(stored.length, 2 + 16 + 12 + strlen(PLAIN) + 16);
    assert_true(osy_column_open(&key, &place, stored.bytes, stored.length, &out, NULL));
    assert_string_equal(out.bytes, PLAIN);
    refuse(&stranger, &place, &stored, stored.length);
    refuse(&renamed, &place, &stored, stored.length);
    refuse(&key, &other, &stored, stored.length);
    osy_buffer_deinit(&wrapped);
    osy_buffer_deinit(&stored);
    osy_buffer_deinit(&out);
}

static void every_flipped_bit_and_every_cut_is_noticed(void **state)
{
    const struct osy_column place = place_of("customer_phone", 7);
    struct osy_buffer wrapped = OSY_BUFFER_INIT, stored = OSY_BUFFER_INIT;
    struct osy_data_key key;

    make(*state, 7, &key, &wrapped);
    assert_true(osy_column_seal(&key, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    for (size_t bit = 0; bit < stored.length * 8; bit++) {
        stored.bytes[bit / 8] ^= (char)(1 << bit % 8);
        refuse(&key, &place, &stored, stored.length);
        stored.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t length = 0; length < stored.length; length++)
        refuse(&key, &place, &stored, length);
    osy_buffer_deinit(&wrapped);
    osy_buffer_deinit(&stored);
}

/* Neither kind can be passed off as the other. */
static void versions_do_not_mix(void **state)
{
    const struct osy_column place = place_of("customer_phone", 7);
    struct osy_buffer wrapped = OSY_BUFFER_INIT, stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;
    struct osy_data_key key;

    make(*state, 7, &key, &wrapped);
    assert_true(osy_column_encrypt(*state, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    refuse(&key, &place, &stored, stored.length);
    osy_buffer_clear(&stored);
    assert_true(osy_column_seal(&key, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    assert_false(osy_column_decrypt(*state, &place, stored.bytes, stored.length, &out, NULL));
    osy_buffer_deinit(&wrapped);
    osy_buffer_deinit(&stored);
    osy_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrapped_key_comes_back_and_names_its_row),
        cmocka_unit_test(a_wrapped_key_of_another_row_wrapping_key_or_length_is_refused),
        cmocka_unit_test(what_one_key_seals_no_other_opens),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
        cmocka_unit_test(versions_do_not_mix),
    };

    return cmocka_run_group_tests(tests, load_keys, free_keys);
}
