#include "shared/blind_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/shared/key_folder.h"

#define SECRET_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SECRET_2 "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a\n"

static struct osy_keyring *load(const char *secret)
{
    struct key_folder folder;
    struct osy_keyring *keyring = NULL;

    key_folder_make(&folder);
    key_folder_write(&folder, "index-k.key", secret, 0600);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_INDEX, NULL);
    key_folder_remove(&folder);
    return keyring;
}

static int load_keys(void **state)
{
    *state = load(SECRET_1);
    return *state ? 0 : -1;
}

static int free_keys(void **state)
{
    osy_keyring_destroy(*state);
    return 0;
}

static struct osy_uuid restaurant(uint8_t byte)
{
    struct osy_uuid id;

    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static void index_text(const struct osy_keyring *keyring, const char *purpose, const char *text,
                       uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    osy_blind_index(keyring, purpose, text, strlen(text), digest);
}

static void index_phone(const struct osy_keyring *keyring, uint8_t restaurant_byte,
                        const char *phone, uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    struct osy_uuid id = restaurant(restaurant_byte);

    osy_blind_index_phone(keyring, "82", &id, phone, strlen(phone), digest);
}

/* Both digests: made by Python's hmac module with the same key. */
static void a_digest_is_that_of_another_implementation(void **state)
{
    static const uint8_t email[] = {0x20, 0x54, 0x78, 0x79, 0x01, 0x3f, 0xb0, 0xf0,
                                    0x71, 0x5f, 0x13, 0x37, 0xb5, 0xc2, 0xb0, 0x36,
                                    0x5a, 0x21, 0x41, 0x14, 0xd2, 0x55, 0x96, 0x57,
                                    0xe9, 0x89, 0x8d, 0xf7, 0xc0, 0xf9, 0x8b, 0xda};
    static const uint8_t phone[] = {0xa8, 0x67, 0x64, 0x56, 0x79, 0x9c, 0x63, 0x78,
                                    0x24, 0xad, 0xeb, 0x6e, 0x57, 0x6a, 0x4c, 0xc7,
                                    0x53, 0x2b, 0x3d, 0xcb, 0x56, 0x80, 0x08, 0x1e,
                                    0x3c, 0x85, 0x2b, 0x24, 0x9c, 0x35, 0xbd, 0x19};
    uint8_t digest[OSY_BLIND_INDEX_BYTES];

    index_text(*state, "users.email", "kim@example.com", digest);
    assert_memory_equal(digest, email, sizeof digest);
    index_phone(*state, 0x11, "010-1234-5678", digest);
    assert_memory_equal(digest, phone, sizeof digest);
}

static void another_purpose_text_or_key_is_another_digest(void **state)
{
    struct osy_keyring *other = load(SECRET_2);
    uint8_t digests[5][OSY_BLIND_INDEX_BYTES];

    index_text(*state, "users.email", "kim@example.com", digests[0]);
    index_text(*state, "users.emai", "lkim@example.com", digests[1]);
    index_text(*state, "users.phone", "kim@example.com", digests[2]);
    index_text(*state, "users.email", "", digests[3]);
    index_text(other, "users.email", "kim@example.com", digests[4]);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(digests[i], digests[j], OSY_BLIND_INDEX_BYTES);
    osy_keyring_destroy(other);
}

static void a_number_is_the_same_however_it_is_written(void **state)
{
    static const char *const same[] = {
        "01012345678",        "010 1234 5678",     "(010) 1234-5678",    "+82 10-1234-5678",
        "+82 (0)10 12345678", "0082 10 1234 5678", "00 82 010 1234-5678"};
    uint8_t first[OSY_BLIND_INDEX_BYTES], digest[OSY_BLIND_INDEX_BYTES];

    index_phone(*state, 1, "010-1234-5678", first);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        index_phone(*state, 1, same[i], digest);
        assert_memory_equal(digest, first, sizeof digest);
    }
}

static void another_number_or_restaurant_is_another_digest(void **state)
{
    static const char *const others[] = {
        "010-1234-5679", "+1 10-1234-5678", "+8110 1234 5678", "0", "+", ""};
    uint8_t first[OSY_BLIND_INDEX_BYTES], digest[OSY_BLIND_INDEX_BYTES];

    index_phone(*state, 1, "010-1234-5678", first);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        index_phone(*state, 1, others[i], digest);
        assert_memory_not_equal(digest, first, sizeof digest);
    }
    index_phone(*state, 2, "010-1234-5678", digest);
    assert_memory_not_equal(digest, first, sizeof digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_that_of_another_implementation),
        cmocka_unit_test(another_purpose_text_or_key_is_another_digest),
        cmocka_unit_test(a_number_is_the_same_however_it_is_written),
        cmocka_unit_test(another_number_or_restaurant_is_another_digest),
    };

    return cmocka_run_group_tests(tests, load_keys, free_keys);
}
