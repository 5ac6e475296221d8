#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/version.h"

static void a_version_is_a_number_in_quotes(void **state)
{
    int64_t version = -1;
    (void)state;
    assert_true(api_version_parse("\"7\"", &version, NULL));
    assert_int_equal(version, 7);
    assert_true(api_version_parse("\"999999999999999999\"", &version, NULL));
    assert_int_equal(version, 999999999999999999);
}

static void who_names_none_accepts_any(void **state)
{
    int64_t version = -1;
    (void)state;
    assert_true(api_version_parse(NULL, &version, NULL));
    assert_int_equal(version, 0);
    assert_true(api_version_parse("*", &version, NULL));
    assert_int_equal(version, 0);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "7",
                                      "\"\"",
                                      "\"7",
                                      "W/\"7\"",
                                      "\"7\" ",
                                      "\"-7\"",
                                      "\"0\"",
                                      "\"x\"",
                                      "\"7\", \"8\"",
                                      "\"1000000000000000000\""};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct osy_error err = {0};
        int64_t version;
        assert_false(api_version_parse(bad[i], &version, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_a_number_in_quotes),
        cmocka_unit_test(who_names_none_accepts_any),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
