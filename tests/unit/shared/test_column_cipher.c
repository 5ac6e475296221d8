#include "shared/column_cipher.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/alloc.h"
#include "tests/unit/shared/key_folder.h"

#define SECRET_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SECRET_2 "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a\n"
#define PLAIN    "Hong Gil-dong, 010-1234-5678"
#define OVERHEAD (2 + 2 + 12 + 16) /* version, length, kid of two, nonce, tag */

static struct osy_keyring *keyring; /* data keys k1 and k2; k2 is the active one */

static struct osy_keyring *load(const char *first, const char *second)
{
    struct key_folder folder;
    struct osy_keyring *loaded = NULL;

    key_folder_make(&folder);
    if (first)
        key_folder_write(&folder, "data-k1.key", first, 0600);
    if (second)
        key_folder_write(&folder, "data-k2.key", second, 0600);
    loaded = osy_keyring_load(folder.path, OSY_KEYS_DATA, NULL);
    key_folder_remove(&folder);
    return loaded;
}

static int load_keys(void **state)
{
    (void)state;
    keyring = load(SECRET_1, SECRET_2);
    return keyring ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    osy_keyring_destroy(keyring);
    return 0;
}

static struct osy_column place_of(const char *table, const char *column, uint8_t row)
{
    struct osy_column place = {.table = table, .column = column};

    memset(place.row_id.bytes, row, sizeof place.row_id.bytes);
    return place;
}

static void encrypt(const struct osy_column *place, struct osy_buffer *stored)
{
    assert_true(osy_column_encrypt(keyring, place, PLAIN, strlen(PLAIN), stored, NULL));
}

/* Refused, out unchanged, and not a trace of the plain text behind what out holds. */
static void expect_refused(const struct osy_keyring *keys, const struct osy_column *place,
                           const void *bytes, size_t length)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    struct osy_error err = {OSY_OK, ""};
    void *copy = osy_alloc(length);

    memcpy(copy, bytes, length);
    osy_buffer_reserve(&out, 4096); /* so that all of the room behind its content is known */
    osy_buffer_text(&out, "before");
    memset(out.bytes + out.length + 1, 0, out.capacity - out.length - 1);
    assert_false(osy_column_decrypt(keys, place, copy, length, &out, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_null(strstr(err.message, "Hong"));
    assert_int_equal(out.length, 6);
    assert_string_equal(out.bytes, "before");
    for (size_t i = out.length; i < out.capacity; i++)
        assert_int_equal(out.bytes[i], 0);
    osy_buffer_deinit(&out);
    free(copy);
}

static void a_value_of_any_length_comes_back(void **state)
{
    struct osy_column place = place_of("orders", "note", 1);
    char plain[600];

    (void)state;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)(i * 7);
    for (size_t length = 0; length <= sizeof plain; length += length < 40 ? 1 : 93) {
        struct osy_buffer stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;
        osy_buffer_text(&out, "x");
        assert_true(osy_column_encrypt(keyring, &place, plain, length, &stored, NULL));
        assert_int_equal(stored.length, length + OVERHEAD);
        assert_memory_equal(stored.bytes, "\x01\x02k2", 4);
        assert_true(osy_column_decrypt(keyring, &place, stored.bytes, stored.length, &out, NULL));
        assert_int_equal(out.length, 1 + length);
        assert_memory_equal(out.bytes + 1, plain, length);
        assert_int_equal(out.bytes[out.length], 0);
        osy_buffer_deinit(&stored);
        osy_buffer_deinit(&out);
    }
}

static void an_empty_value_fits_an_empty_buffer(void **state)
{
    struct osy_column place = place_of("orders", "note", 1), other = place_of("orders", "x", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;

    (void)state;
    assert_true(osy_column_encrypt(keyring, &place, "", 0, &stored, NULL));
    assert_false(osy_column_decrypt(keyring, &other, stored.bytes, stored.length, &out, NULL));
    assert_true(osy_column_decrypt(keyring, &place, stored.bytes, stored.length, &out, NULL));
    assert_int_equal(out.length, 0);
    assert_string_equal(out.bytes, "");
    osy_buffer_deinit(&stored);
    osy_buffer_deinit(&out);
}

/* Made by Node's crypto module with the same key, place and format. */
static void a_value_of_another_implementation_decrypts(void **state)
{
    static const uint8_t stored[] = {
        0x01, 0x02, 0x6b, 0x31, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
        0x0b, 0x0f, 0x6d, 0xb8, 0x7c, 0xe5, 0xa2, 0xab, 0x77, 0xa0, 0x25, 0xf8, 0xe5, 0xd6, 0xc5,
        0x58, 0x5d, 0xb2, 0xe6, 0xaa, 0x05, 0xc2, 0x48, 0x6b, 0x51, 0x0d, 0x51, 0xd2, 0xbd, 0x34,
        0xff, 0x49, 0xa5, 0x8f, 0xf8, 0xc4, 0xf2, 0x5a, 0xd7, 0x64, 0x89, 0x4f, 0x7d, 0x70, 0xf5};
    struct osy_column place = place_of("orders", "customer_name", 0x11);
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    assert_true(osy_column_decrypt(keyring, &place, stored, sizeof stored, &out, NULL));
    assert_string_equal(out.bytes, PLAIN);
    osy_buffer_deinit(&out);
}

static void a_value_in_another_place_does_not_decrypt(void **state)
{
    struct osy_column home = place_of("orders", "customer_name", 1);
    const struct osy_column elsewhere[] = {
        place_of("orders", "customer_name", 2), place_of("orders", "customer_phone", 1),
        place_of("order", "customer_name", 1),  place_of("orderscustomer_name", "", 1),
        place_of("orders", "customer_nam", 1),  place_of("", "orderscustomer_name", 1),
        place_of("ordersc", "ustomer_name", 1), place_of("customer_name", "orders", 1),
    };
    struct osy_buffer stored = OSY_BUFFER_INIT;

    (void)state;
    encrypt(&home, &stored);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        expect_refused(keyring, &elsewhere[i], stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct osy_column place = place_of("orders", "customer_name", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT;

    (void)state;
    encrypt(&place, &stored);
    for (size_t bit = 0; bit < stored.length * 8; bit++) {
        stored.bytes[bit / 8] ^= (char)(1 << bit % 8);
        expect_refused(keyring, &place, stored.bytes, stored.length);
        stored.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    osy_buffer_deinit(&stored);
}

/* Every cut, and so every tag of 0 to 15 bytes; and a longer one. */
static void every_other_length_is_refused(void **state)
{
    struct osy_column place = place_of("orders", "customer_name", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT;

    (void)state;
    encrypt(&place, &stored);
    for (size_t length = 0; length < stored.length; length++)
        expect_refused(keyring, &place, stored.bytes, length);
    osy_buffer_char(&stored, 0);
    expect_refused(keyring, &place, stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
}

static void a_value_without_cipher_text_needs_its_whole_tag(void **state)
{
    struct osy_column place = place_of("orders", "note", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT;

    (void)state;
    assert_true(osy_column_encrypt(keyring, &place, "", 0, &stored, NULL));
    for (size_t tag = 0; tag < 16; tag++)
        expect_refused(keyring, &place, stored.bytes, stored.length - 16 + tag);
    osy_buffer_deinit(&stored);
}

static void old_values_stay_readable_and_unknown_keys_are_refused(void **state)
{
    struct osy_keyring *old_keys = load(SECRET_1, NULL), *new_keys = load(NULL, SECRET_2);
    struct osy_column place = place_of("orders", "customer_name", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;

    (void)state;
    assert_true(osy_column_encrypt(old_keys, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    assert_true(osy_column_decrypt(keyring, &place, stored.bytes, stored.length, &out, NULL));
    assert_string_equal(out.bytes, PLAIN);
    expect_refused(new_keys, &place, stored.bytes, stored.length);
    stored.bytes[3] = '2'; /* relabelled with a key that is there */
    expect_refused(new_keys, &place, stored.bytes, stored.length);
    expect_refused(keyring, &place, stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
    osy_buffer_deinit(&out);
    osy_keyring_destroy(old_keys);
    osy_keyring_destroy(new_keys);
}

/* The cached context must not outlive its key: the same kid, and likely the same address, another
 * secret. */
static void a_keyring_that_takes_anothers_place_brings_its_own_secret(void **state)
{
    struct osy_column place = place_of("orders", "customer_name", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT;
    struct osy_keyring *keys = load(SECRET_1, NULL);

    (void)state;
    assert_true(osy_column_encrypt(keys, &place, PLAIN, strlen(PLAIN), &stored, NULL));
    osy_keyring_destroy(keys);
    keys = load(SECRET_2, NULL);
    expect_refused(keys, &place, stored.bytes, stored.length);
    osy_keyring_destroy(keys);
    osy_buffer_deinit(&stored);
}

static int compare_nonces(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void no_nonce_comes_twice(void **state)
{
    enum { COUNT = 20000 };
    struct osy_column place = place_of("orders", "customer_name", 1);
    struct osy_buffer stored = OSY_BUFFER_INIT;
    uint8_t(*nonces)[12] = osy_alloc_array(COUNT, sizeof *nonces);

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        osy_buffer_clear(&stored);
        encrypt(&place, &stored);
        memcpy(nonces[i], stored.bytes + 4, sizeof *nonces);
    }
    qsort(nonces, COUNT, sizeof *nonces, compare_nonces);
    for (size_t i = 1; i < COUNT; i++)
        assert_memory_not_equal(nonces[i - 1], nonces[i], sizeof *nonces);
    osy_buffer_deinit(&stored);
    free(nonces);
}

/* cmocka's assertions belong to its own thread: this one counts what came back right. */
static void *round_trips(void *argument)
{
    size_t *good = argument;

    for (uint8_t i = 0; i < 200; i++) {
        struct osy_column place = place_of("orders", "customer_name", i);
        struct osy_buffer stored = OSY_BUFFER_INIT, out = OSY_BUFFER_INIT;
        if (osy_column_encrypt(keyring, &place, PLAIN, strlen(PLAIN), &stored, NULL) &&
            osy_column_decrypt(keyring, &place, stored.bytes, stored.length, &out, NULL) &&
            strcmp(out.bytes, PLAIN) == 0)
            ++*good;
        osy_buffer_deinit(&stored);
        osy_buffer_deinit(&out);
    }
    return NULL;
}

static void threads_do_not_share_contexts(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    size_t good[THREADS] = {0};

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, round_trips, &good[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_any_length_comes_back),
        cmocka_unit_test(an_empty_value_fits_an_empty_buffer),
        cmocka_unit_test(a_value_of_another_implementation_decrypts),
        cmocka_unit_test(a_value_in_another_place_does_not_decrypt),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(a_value_without_cipher_text_needs_its_whole_tag),
        cmocka_unit_test(old_values_stay_readable_and_unknown_keys_are_refused),
        cmocka_unit_test(a_keyring_that_takes_anothers_place_brings_its_own_secret),
        cmocka_unit_test(no_nonce_comes_twice),
        cmocka_unit_test(threads_do_not_share_contexts),
    };

    return cmocka_run_group_tests(tests, load_keys, free_keys);
}
