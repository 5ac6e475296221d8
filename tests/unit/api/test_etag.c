#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/http/etag.h"

static void tag_is_quoted_and_follows_from_the_body(void **state)
{
    char one[API_ETAG_BYTES], again[API_ETAG_BYTES], other[API_ETAG_BYTES];
    (void)state;
    api_etag_format("menu", 4, one);
    api_etag_format("menu", 4, again);
    api_etag_format("menv", 4, other);
    assert_int_equal(strlen(one), API_ETAG_BYTES - 1);
    assert_true(one[0] == '"' && one[API_ETAG_BYTES - 2] == '"');
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
}

static void list_matches_when_the_tag_is_in_it(void **state)
{
    static const char *const lists[] = {
        "*",       "\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" , \"c\"", "\"x,y\", \"a\"",
        ", \"a\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_true(api_etag_matches(lists[i], "\"a\""));
}

static void list_without_the_tag_or_malformed_matches_nothing(void **state)
{
    static const char *const lists[] = {
        "",        "a",        "\"a",      "\"A\"",   "\"ab\"",     "\"b\"",
        "w/\"a\"", "W/ \"a\"", "b, \"a\"", "\"b\" *", "\"x, \"a\"",
    };
    (void)state;
    assert_false(api_etag_matches(NULL, "\"a\""));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_false(api_etag_matches(lists[i], "\"a\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_is_quoted_and_follows_from_the_body),
        cmocka_unit_test(list_matches_when_the_tag_is_in_it),
        cmocka_unit_test(list_without_the_tag_or_malformed_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
