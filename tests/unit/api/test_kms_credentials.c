#include "api/privacy/kms_credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/shared/key_folder.h"

#define ID     "aws_access_key_id = AKIAEXAMPLE\n"
#define SECRET "aws_secret_access_key = CANARY/secret+key=\n"

static int make_folder(void **state)
{
    static struct key_folder folder;

    key_folder_make(&folder);
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    key_folder_remove(*state);
    return 0;
}

static bool read_text(const struct key_folder *folder, const char *text, mode_t mode,
                      struct api_kms_credentials *credentials, struct osy_error *err)
{
    char path[256];

    key_folder_write(folder, "credentials", text, mode);
    snprintf(path, sizeof path, "%s/credentials", folder->path);
    return api_kms_credentials_read(path, credentials, err);
}

static void one_profile_of_the_file_that_others_know_is_read(void **state)
{
    struct api_kms_credentials credentials;
    struct osy_error err = {OSY_OK, ""};

    assert_true(read_text(*state, "# ours\n\n[default]\n" ID SECRET, 0600, &credentials, &err));
    assert_string_equal(credentials.access_key_id, "AKIAEXAMPLE");
    assert_string_equal(credentials.secret_access_key, "CANARY/secret+key=");
    assert_string_equal(credentials.session_token, "");
    assert_true(
        read_text(*state, SECRET ID "aws_session_token=a+b/c==\r\n", 0640, &credentials, &err));
    assert_string_equal(credentials.session_token, "a+b/c==");
    api_kms_credentials_wipe(&credentials);
    assert_int_equal(credentials.secret_access_key[0], 0);
}

static void what_is_wrong_is_named_by_its_line_and_not_repeated(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *part;
    } rows[] = {
        {ID SECRET, 0604, "open to other users"},
        {ID SECRET, 0660, "open to other users"},
        {"", 0600, "missing"},
        {ID, 0600, "missing"},
        {SECRET, 0600, "missing"},
        {ID SECRET "CANARY\n", 0600, "line 3: not name = value"},
        {ID SECRET "CANARY = 1\n", 0600, "line 3: no name that belongs here"},
        {"[a]\n" ID SECRET "[b]\n" ID, 0600, "line 5: aws_access_key_id is there twice"},
        {ID "aws_secret_access_key =\n", 0600, "line 2: no valid aws_secret_access_key"},
        {ID "aws_secret_access_key = CANARY of two words\n", 0600, "line 2: no valid"},
        {ID SECRET "aws_session_token = CANARY\rX-Amz-Other: 1\n", 0600, "line 3: no valid"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct api_kms_credentials credentials;
        struct osy_error err = {OSY_OK, ""};
        assert_false(read_text(*state, rows[i].text, rows[i].mode, &credentials, &err));
        assert_int_equal(err.code, OSY_ERR_DENIED);
        if (!strstr(err.message, rows[i].part) || strstr(err.message, "CANARY"))
            fail_msg("'%s' should say '%s'", err.message, rows[i].part);
        assert_int_equal(credentials.access_key_id[0], 0);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    static char text[20000];
    struct api_kms_credentials credentials;
    struct osy_error err = {OSY_OK, ""};
    int length = snprintf(text, sizeof text, SECRET "aws_access_key_id = ");

    memset(text + length, 'A', 129);
    assert_false(read_text(*state, text, 0600, &credentials, &err));
    assert_non_null(strstr(err.message, "line 2: no valid aws_access_key_id"));
    memset(text, '#', sizeof text - 1);
    assert_false(read_text(*state, text, 0600, &credentials, &err));
    assert_non_null(strstr(err.message, "too big"));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(one_profile_of_the_file_that_others_know_is_read),
        WITH_FOLDER(what_is_wrong_is_named_by_its_line_and_not_repeated),
        WITH_FOLDER(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
