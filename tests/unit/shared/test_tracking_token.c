#include "shared/tracking_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/alloc.h"
#include "tests/unit/shared/key_folder.h"

#define OLD_SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define NEW_SECRET "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a\n"
/* Computed with Python's hmac and base64 modules for OLD_SECRET, kid "k1", and the ids below. */
#define KNOWN                                                        \
    "ost1.k1.AYkAAAAAcACAAAAAAAAAAQGQAAAAAHAAgAAAAAAAAAIAAAAAZme35g" \
    ".1vLfYUYMLH5FwZaH8SpNh0b9q2r3GcK2xyySgUCzKaw"

static struct osy_keyring *load(const char *const names[], const char *const texts[], size_t count)
{
    struct key_folder folder;
    struct osy_keyring *keyring = NULL;

    key_folder_make(&folder);
    for (size_t i = 0; i < count; i++)
        key_folder_write(&folder, names[i], texts[i], 0600);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_TRACKING, NULL);
    key_folder_remove(&folder);
    assert_non_null(keyring);
    return keyring;
}

static struct osy_keyring *load_one(void)
{
    return load((const char *const[]){"tracking-k1.key"}, (const char *const[]){OLD_SECRET}, 1);
}

static struct osy_uuid uuid(const char *text)
{
    struct osy_uuid value;

    assert_true(osy_uuid_parse(text, strlen(text), &value));
    return value;
}

static void the_token_is_a_known_function_of_key_restaurant_and_order(void **state)
{
    struct osy_keyring *keyring = load_one();
    struct osy_uuid restaurant = uuid("01890000-0000-7000-8000-000000000001");
    struct osy_uuid order = uuid("01900000-0000-7000-8000-000000000002");
    char token[OSY_TRACKING_TOKEN_BYTES], again[OSY_TRACKING_TOKEN_BYTES];

    (void)state;
    osy_tracking_sign(keyring, &restaurant, &order, token);
    osy_tracking_sign(keyring, &restaurant, &order, again);
    assert_string_equal(token, again);
    assert_string_equal(token, KNOWN);
    osy_keyring_destroy(keyring);
}

static void a_token_verifies_until_a_day_after_its_order(void **state)
{
    struct osy_keyring *keyring = load_one();
    struct osy_uuid restaurant = osy_uuid_v7(), order = osy_uuid_v7();
    int64_t born_s = osy_uuid_v7_time_ms(&order) / 1000;
    char token[OSY_TRACKING_TOKEN_BYTES];
    struct osy_tracking tracking;
    struct osy_error err = {OSY_OK, ""};

    (void)state;
    osy_tracking_sign(keyring, &restaurant, &order, token);
    assert_true(osy_tracking_verify(keyring, token, strlen(token), born_s, &tracking, &err));
    assert_true(osy_uuid_equal(&tracking.restaurant_id, &restaurant));
    assert_true(osy_uuid_equal(&tracking.order_id, &order));
    assert_int_equal(tracking.expires_at_s, born_s + OSY_TRACKING_LIFE_S);
    assert_true(osy_tracking_verify(keyring, token, strlen(token), born_s + OSY_TRACKING_LIFE_S - 1,
                                    &tracking, &err));
    assert_false(osy_tracking_verify(keyring, token, strlen(token), born_s + OSY_TRACKING_LIFE_S,
                                     &tracking, &err));
    assert_int_equal(err.code, OSY_ERR_DENIED);
    assert_non_null(strstr(err.message, "expired"));
    osy_keyring_destroy(keyring);
}

static void a_token_of_an_older_key_stays_good_while_the_key_is_there(void **state)
{
    struct osy_keyring *before = load_one();
    struct osy_keyring *after = load((const char *const[]){"tracking-k1.key", "tracking-k2.key"},
                                     (const char *const[]){OLD_SECRET, NEW_SECRET}, 2);
    struct osy_keyring *later =
        load((const char *const[]){"tracking-k2.key"}, (const char *const[]){NEW_SECRET}, 1);
    struct osy_uuid restaurant = osy_uuid_v7(), order = osy_uuid_v7();
    int64_t now_s = osy_uuid_v7_time_ms(&order) / 1000;
    char old_token[OSY_TRACKING_TOKEN_BYTES], new_token[OSY_TRACKING_TOKEN_BYTES];
    struct osy_tracking tracking;
    struct osy_error err = {OSY_OK, ""};

    (void)state;
    osy_tracking_sign(before, &restaurant, &order, old_token);
    osy_tracking_sign(after, &restaurant, &order, new_token);
    assert_memory_equal(new_token, "ost1.k2.", 8);
    assert_true(osy_tracking_verify(after, old_token, strlen(old_token), now_s, &tracking, &err));
    assert_true(osy_tracking_verify(after, new_token, strlen(new_token), now_s, &tracking, &err));
    assert_false(osy_tracking_verify(later, old_token, strlen(old_token), now_s, &tracking, &err));
    assert_non_null(strstr(err.message, "unknown key"));
    osy_keyring_destroy(before);
    osy_keyring_destroy(after);
    osy_keyring_destroy(later);
}

static void the_longest_kid_fits(void **state)
{
    static const char name[] =
        "tracking-0123456789012345678901234567890123456789012345678901234567890123.key";
    struct osy_keyring *keyring =
        load((const char *const[]){name}, (const char *const[]){OLD_SECRET}, 1);
    struct osy_uuid restaurant = osy_uuid_v7(), order = osy_uuid_v7();
    char token[OSY_TRACKING_TOKEN_BYTES];
    struct osy_tracking tracking;

    (void)state;
    osy_tracking_sign(keyring, &restaurant, &order, token);
    assert_true(osy_tracking_verify(keyring, token, strlen(token),
                                    osy_uuid_v7_time_ms(&order) / 1000, &tracking, NULL));
    osy_keyring_destroy(keyring);
}

static void expect_refused(const struct osy_keyring *keyring, const char *token, size_t length,
                           int64_t now_s)
{
    char *copy = osy_alloc(length); /* exactly as long, so that a sanitizer sees a read behind it */
    struct osy_tracking tracking;
    struct osy_error err = {OSY_OK, ""};

    memcpy(copy, token, length);
    if (osy_tracking_verify(keyring, copy, length, now_s, &tracking, &err))
        fail_msg("accepted: %.*s", (int)length, token);
    assert_int_equal(err.code, OSY_ERR_DENIED);
    free(copy);
}

static void every_changed_character_is_refused(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= \n";
    struct osy_keyring *keyring = load_one();
    size_t length = strlen(KNOWN);

    (void)state;
    for (size_t i = 0; i < length; i++) {
        char token[] = KNOWN;
        for (const char *c = alphabet; *c; c++) {
            if (*c == KNOWN[i])
                continue;
            token[i] = *c;
            expect_refused(keyring, token, length, 0);
        }
    }
    osy_keyring_destroy(keyring);
}

static void cut_and_stretched_tokens_are_refused(void **state)
{
    struct osy_keyring *keyring = load_one();
    char longer[256];

    (void)state;
    for (size_t length = 0; length < strlen(KNOWN); length++)
        expect_refused(keyring, KNOWN, length, 0);
    expect_refused(keyring, KNOWN, sizeof KNOWN, 0); /* with its NUL */
    for (const char *more = "=. A\n"; *more; more++) {
        snprintf(longer, sizeof longer, "%s%c", KNOWN, *more);
        expect_refused(keyring, longer, strlen(longer), 0);
    }
    memset(longer, 'A', sizeof longer);
    longer[snprintf(longer, sizeof longer, "%s", OSY_TRACKING_PREFIX)] = 'A';
    expect_refused(keyring, longer, sizeof longer, 0);
    osy_keyring_destroy(keyring);
}

static void a_token_of_another_order_cannot_be_assembled(void **state)
{
    struct osy_keyring *keyring = load_one();
    struct osy_uuid restaurant = osy_uuid_v7(), mine = osy_uuid_v7(), yours = osy_uuid_v7();
    char my_token[OSY_TRACKING_TOKEN_BYTES], your_token[OSY_TRACKING_TOKEN_BYTES];
    char mixed[2 * OSY_TRACKING_TOKEN_BYTES];
    const char *mac = NULL;

    (void)state;
    osy_tracking_sign(keyring, &restaurant, &mine, my_token);
    osy_tracking_sign(keyring, &restaurant, &yours, your_token);
    mac = strrchr(my_token, '.');
    snprintf(mixed, sizeof mixed, "%.*s%s", (int)(strrchr(your_token, '.') - your_token),
             your_token, mac);
    assert_string_not_equal(mixed, your_token);
    expect_refused(keyring, mixed, strlen(mixed), osy_uuid_v7_time_ms(&mine) / 1000);
    osy_keyring_destroy(keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_a_known_function_of_key_restaurant_and_order),
        cmocka_unit_test(a_token_verifies_until_a_day_after_its_order),
        cmocka_unit_test(a_token_of_an_older_key_stays_good_while_the_key_is_there),
        cmocka_unit_test(the_longest_kid_fits),
        cmocka_unit_test(every_changed_character_is_refused),
        cmocka_unit_test(cut_and_stretched_tokens_are_refused),
        cmocka_unit_test(a_token_of_another_order_cannot_be_assembled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
