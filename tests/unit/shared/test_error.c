#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/error.h"
#include "shared/utf8.h"

static void setting_an_error_returns_false_and_fills_it(void **state)
{
    struct osy_error err = {0};

    (void)state;
    assert_false(osy_error_set(&err, OSY_ERR_LIMIT, "%d orders are %s", 3, "too many"));
    assert_int_equal(err.code, OSY_ERR_LIMIT);
    assert_string_equal(err.message, "3 orders are too many");
}

static void nobody_needs_to_listen(void **state)
{
    (void)state;
    assert_false(osy_error_set(NULL, OSY_ERR_IO, "unheard"));
    assert_false(osy_error_prefix(NULL, "unheard"));
}

static void a_prefix_keeps_code_and_text(void **state)
{
    struct osy_error err = {0};

    (void)state;
    osy_error_set(&err, OSY_ERR_IO, "connection refused");
    assert_false(osy_error_prefix(&err, "%s %d", "redis", 2));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_string_equal(err.message, "redis 2: connection refused");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct osy_error err = {0};
    char text[301] = "";

    (void)state;
    for (int shift = 0; shift < 3; shift++) { /* U+AC00 has three bytes: each place to be cut at */
        memset(text, 'a', 3);
        for (size_t i = (size_t)shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xEA\xB0\x80", 4);
        osy_error_set(&err, OSY_ERR_INVALID, "%s", text);
        assert_in_range(strlen(err.message), sizeof err.message - 3, sizeof err.message - 1);
        assert_true(osy_utf8_valid(err.message, strlen(err.message)));
        assert_false(osy_error_prefix(&err, "order"));
        assert_true(osy_utf8_valid(err.message, strlen(err.message)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_false_and_fills_it),
        cmocka_unit_test(nobody_needs_to_listen),
        cmocka_unit_test(a_prefix_keeps_code_and_text),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
