#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/buffer.h"

static void content_is_always_a_string(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        osy_buffer_char(&buffer, 'x');
        assert_int_equal(strlen(buffer.bytes), buffer.length);
    }
    assert_int_equal(buffer.length, 1000);
    osy_buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    osy_buffer_deinit(&buffer);
    assert_null(buffer.bytes);
}

static void numbers_are_written_to_their_limits(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    osy_buffer_u64(&buffer, 0);
    osy_buffer_char(&buffer, ' ');
    osy_buffer_u64(&buffer, UINT64_MAX);
    osy_buffer_char(&buffer, ' ');
    osy_buffer_i64(&buffer, INT64_MIN);
    osy_buffer_char(&buffer, ' ');
    osy_buffer_i64(&buffer, 42);
    assert_string_equal(buffer.bytes, "0 18446744073709551615 -9223372036854775808 42");
    osy_buffer_deinit(&buffer);
}

static void printf_grows_as_far_as_needed(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    for (int width = 0; width < 300; width++) {
        osy_buffer_clear(&buffer);
        osy_buffer_printf(&buffer, "%*d", width, 7);
        assert_int_equal(buffer.length, width > 1 ? width : 1);
        assert_int_equal(buffer.bytes[buffer.length - 1], '7');
        osy_buffer_deinit(&buffer);
    }
}

static void texts_are_joined_up_to_null(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    osy_buffer_texts(&buffer, "one", "", "two", "three", NULL);
    assert_string_equal(buffer.bytes, "onetwothree");
    osy_buffer_texts(&buffer, NULL);
    assert_int_equal(buffer.length, 11);
    osy_buffer_deinit(&buffer);
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {NULL, "null"},
        {"", "\"\""},
        {"Bibimbap", "\"Bibimbap\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\""},
        {"\xEB\xB9\x84\xEB\xB9\x94\xEB\xB0\xA5", "\"\xEB\xB9\x84\xEB\xB9\x94\xEB\xB0\xA5\""},
        {"a\xE2\x80\xA8z\xE2\x80\xA9", "\"a\\u2028z\\u2029\""},
        {"\xF0\x9F\x8D\x9C", "\"\xF0\x9F\x8D\x9C\""},
        {"bad\xFFoverlong\xC0\xAF", "\"bad\xEF\xBF\xBDoverlong\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"cut\xE2\x80", "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        osy_buffer_clear(&buffer);
        osy_buffer_json_string(&buffer, cases[i].text);
        assert_string_equal(buffer.bytes, cases[i].json);
    }
    osy_buffer_deinit(&buffer);
}

static void every_byte_string_becomes_json_that_parses(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const char text[2] = {(char)first, (char)second};
            json_t *value;

            osy_buffer_clear(&buffer);
            osy_buffer_json_bytes(&buffer, text, sizeof text);
            value = json_loadb(buffer.bytes, buffer.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            assert_true(json_is_string(value));
            if (first < 0x80 && second < 0x80)
                assert_memory_equal(json_string_value(value), text, sizeof text);
            json_decref(value);
        }
    }
    osy_buffer_deinit(&buffer);
}

static void what_is_taken_belongs_to_the_taker(void **state)
{
    struct osy_buffer buffer = OSY_BUFFER_INIT;
    size_t length = 1;
    char *text = osy_buffer_take(&buffer, &length);

    (void)state;
    assert_string_equal(text, "");
    assert_int_equal(length, 0);
    free(text);
    osy_buffer_text(&buffer, "order");
    text = osy_buffer_take(&buffer, NULL);
    assert_string_equal(text, "order");
    assert_null(buffer.bytes);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_always_a_string),
        cmocka_unit_test(numbers_are_written_to_their_limits),
        cmocka_unit_test(printf_grows_as_far_as_needed),
        cmocka_unit_test(texts_are_joined_up_to_null),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(every_byte_string_becomes_json_that_parses),
        cmocka_unit_test(what_is_taken_belongs_to_the_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
