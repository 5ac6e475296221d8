/* Passwords: what is stored of them, and when it is stored anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth/password.h"
#include "shared/keys.h"
#include "tests/unit/shared/key_folder.h"

struct fixture {
    struct key_folder folder;
    struct osy_keyring *keyring;
};

static void load(struct fixture *fixture)
{
    osy_keyring_destroy(fixture->keyring);
    fixture->keyring = osy_keyring_load(fixture->folder.path, OSY_KEYS_PEPPER, NULL);
    assert_non_null(fixture->keyring);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char kid[OSY_KID_BYTES];

    key_folder_make(&fixture->folder);
    assert_true(osy_keys_generate(fixture->folder.path, OSY_KEY_PEPPER, kid, NULL));
    load(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    osy_keyring_destroy(fixture->keyring);
    key_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static void the_right_password_fits_and_no_other(void **state)
{
    const struct fixture *fixture = *state;
    char stored[API_PASSWORD_HASH_BYTES];

    assert_true(
        api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "correct horse", stored, NULL));
    assert_true(api_password_fits(fixture->keyring, "correct horse", stored));
    assert_false(api_password_fits(fixture->keyring, "correct horsf", stored));
    assert_false(api_password_fits(fixture->keyring, "correct horse ", stored));
    assert_false(api_password_fits(fixture->keyring, "", stored));
    assert_null(strstr(stored, "horse"));
}

static void each_hash_has_a_salt_of_its_own(void **state)
{
    const struct fixture *fixture = *state;
    char first[API_PASSWORD_HASH_BYTES], second[API_PASSWORD_HASH_BYTES];

    assert_true(api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "same", first, NULL));
    assert_true(api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "same", second, NULL));
    assert_string_not_equal(first, second);
}

static void bcrypt_reads_a_password_to_its_end(void **state)
{
    const struct fixture *fixture = *state;
    char stored[API_PASSWORD_HASH_BYTES], password[82];

    memset(password, 'x', sizeof password - 1);
    password[sizeof password - 1] = '\0';
    assert_true(api_password_hash(fixture->keyring, API_PASSWORD_BCRYPT, password, stored, NULL));
    assert_true(api_password_fits(fixture->keyring, password, stored));
    password[80] = 'y';
    assert_false(api_password_fits(fixture->keyring, password, stored));
}

static void composed_and_decomposed_are_one_password(void **state)
{
    const struct fixture *fixture = *state;
    char stored[API_PASSWORD_HASH_BYTES];

    assert_true(
        api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "cr\xc3\xa8me", stored, NULL));
    assert_true(api_password_fits(fixture->keyring, "cre\xcc\x80me", stored));
    assert_false(api_password_fits(fixture->keyring, "creme", stored));
}

static void what_is_no_hash_fits_nothing(void **state)
{
    const struct fixture *fixture = *state;
    char stored[API_PASSWORD_HASH_BYTES], broken[API_PASSWORD_HASH_BYTES + 1];

    assert_true(api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "word", stored, NULL));
    static const char *const texts[] = {"", ":", "x:$y$", "$y$j9T$"};
    for (size_t i = 0; i < 4; i++)
        assert_false(api_password_fits(fixture->keyring, "word", texts[i]));
    snprintf(broken, sizeof broken, "x%s", stored); /* of a pepper that is gone */
    assert_false(api_password_fits(fixture->keyring, "word", broken));
    assert_false(api_password_fits(fixture->keyring, "word", strchr(stored, ':') + 1));
    stored[strlen(stored) - 1] = '\0';
    assert_false(api_password_fits(fixture->keyring, "word", stored));
}

static void a_hash_of_another_method_or_pepper_is_outdated_and_still_fits(void **state)
{
    struct fixture *fixture = *state;
    char stored[API_PASSWORD_HASH_BYTES], kid[OSY_KID_BYTES];

    assert_true(api_password_hash(fixture->keyring, API_PASSWORD_YESCRYPT, "word", stored, NULL));
    assert_false(api_password_is_outdated(fixture->keyring, API_PASSWORD_YESCRYPT, stored));
    assert_true(api_password_is_outdated(fixture->keyring, API_PASSWORD_BCRYPT, stored));
    assert_true(osy_keys_generate(fixture->folder.path, OSY_KEY_PEPPER, kid, NULL));
    load(fixture);
    assert_true(api_password_is_outdated(fixture->keyring, API_PASSWORD_YESCRYPT, stored));
    assert_true(api_password_fits(fixture->keyring, "word", stored));
    assert_true(api_password_is_outdated(fixture->keyring, API_PASSWORD_YESCRYPT, "nonsense"));
}

static void methods_have_names(void **state)
{
    enum api_password_method method;

    (void)state;
    assert_true(api_password_method_parse("bcrypt", &method));
    assert_int_equal(method, API_PASSWORD_BCRYPT);
    assert_true(api_password_method_parse("yescrypt", &method));
    assert_int_equal(method, API_PASSWORD_YESCRYPT);
    assert_false(api_password_method_parse("md5", &method));
}

#define WITH_KEYS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEYS(the_right_password_fits_and_no_other),
        WITH_KEYS(each_hash_has_a_salt_of_its_own),
        WITH_KEYS(bcrypt_reads_a_password_to_its_end),
        WITH_KEYS(composed_and_decomposed_are_one_password),
        WITH_KEYS(what_is_no_hash_fits_nothing),
        WITH_KEYS(a_hash_of_another_method_or_pepper_is_outdated_and_still_fits),
        cmocka_unit_test(methods_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
