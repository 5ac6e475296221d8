#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/utf8.h"

/* From Markus Kuhn's UTF-8 decoder capability and stress test, and the limits in RFC 3629. */
static const char *const valid[] = {
    "",
    "plain ASCII that is longer than a machine word",
    "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", /* kosme */
    "\xC2\x80",
    "\xDF\xBF",
    "\xE0\xA0\x80",
    "\xED\x9F\xBF",
    "\xEE\x80\x80",
    "\xEF\xBF\xBD",
    "\xEF\xBF\xBF", /* a noncharacter is a valid code point */
    "\xF0\x90\x80\x80",
    "\xF4\x8F\xBF\xBF",
    "mixed text with \xEA\xB9\x80\xEC\xB9\x98 and \xF0\x9F\x8D\x9C inside of it",
};
static const char *const invalid[] = {
    "\x80",
    "\xBF",
    "\x80\xBF\x80", /* lone continuations */
    "\xC0 ",
    "\xDF ",
    "\xE0 ",
    "\xEF ",
    "\xF0 ",
    "\xF7 ", /* lone leads */
    "\xF8\x88\x80\x80\x80",
    "\xFC\x84\x80\x80\x80\x80",
    "\xFE",
    "\xFF", /* no such lengths */
    "\xC0",
    "\xE0\x80",
    "\xF0\x80\x80",
    "\xDF",
    "\xEF\xBF",
    "\xF7\xBF\xBF", /* cut */
    "\xC0\xAF",
    "\xE0\x80\xAF",
    "\xF0\x80\x80\xAF", /* overlong slash */
    "\xC1\xBF",
    "\xE0\x9F\xBF",
    "\xF0\x8F\xBF\xBF", /* longest overlong */
    "\xED\xA0\x80",
    "\xED\xAF\xBF",
    "\xED\xB0\x80",
    "\xED\xBF\xBF",             /* surrogates */
    "\xED\xA0\x80\xED\xB0\x80", /* a pair of them */
    "\xF4\x90\x80\x80",
    "\xF5\x80\x80\x80",
    "\xF7\xBF\xBF\xBF", /* above U+10FFFF */
    "a text of many words and then \xC3( what is wrong",
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void valid_texts_are_accepted_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        size_t length = strlen(valid[i]);

        assert_true(osy_utf8_valid(valid[i], length));
        for (size_t cut = 0; cut <= length; cut++) {
            struct osy_utf8 utf8 = {0};

            assert_true(osy_utf8_feed(&utf8, valid[i], cut));
            assert_true(osy_utf8_feed(&utf8, valid[i] + cut, length - cut));
            assert_true(osy_utf8_complete(&utf8));
        }
    }
}

static void invalid_texts_are_refused_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        size_t length = strlen(invalid[i]);

        assert_false(osy_utf8_valid(invalid[i], length));
        for (size_t cut = 0; cut <= length; cut++) {
            struct osy_utf8 utf8 = {0};

            osy_utf8_feed(&utf8, invalid[i], cut);
            osy_utf8_feed(&utf8, invalid[i] + cut, length - cut);
            assert_false(osy_utf8_complete(&utf8));
        }
    }
}

static void a_refused_text_stays_refused(void **state)
{
    struct osy_utf8 utf8 = {0};

    (void)state;
    assert_false(osy_utf8_feed(&utf8, "\xFF", 1));
    assert_false(osy_utf8_feed(&utf8, "fine", 4));
    assert_false(osy_utf8_complete(&utf8));
}

static void three_bytes_are_exactly_the_code_points_that_need_them(void **state)
{
    size_t characters = 0;

    (void)state;
    /* Of all texts of three bytes. */
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        const char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};

        characters += osy_utf8_character(bytes, 3) == 3;
    }
    assert_int_equal(characters, 0x10000 - 0x800 - 0x800); /* U+0800 to U+FFFF, no surrogates */
}

static void characters_are_counted_and_measured(void **state)
{
    (void)state;
    assert_int_equal(osy_utf8_count("\xEA\xB9\x80\xEC\xB9\x98 kimchi \xF0\x9F\x8D\x9C", 18), 11);
    assert_int_equal(osy_utf8_count("", 0), 0);
    assert_int_equal(osy_utf8_character("", 0), 0);
    assert_int_equal(osy_utf8_character("ab", 2), 1);
    assert_int_equal(osy_utf8_character("\xC3\xA9z", 3), 2);
    assert_int_equal(osy_utf8_character("\xF0\x9F\x8D\x9C", 4), 4);
    assert_int_equal(osy_utf8_character("\xF0\x9F\x8D\x9C", 3), 0);
    assert_int_equal(osy_utf8_character("\xA9", 1), 0);
}

static void a_cut_end_is_trimmed(void **state)
{
    static const char text[] = "a\xC3\xA9\xEA\xB9\x80\xF0\x9F\x8D\x9C";
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};

    (void)state;
    for (size_t length = 0; length < COUNT(ends); length++)
        assert_int_equal(osy_utf8_trim(text, length), ends[length]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_accepted_in_any_pieces),
        cmocka_unit_test(invalid_texts_are_refused_in_any_pieces),
        cmocka_unit_test(a_refused_text_stays_refused),
        cmocka_unit_test(three_bytes_are_exactly_the_code_points_that_need_them),
        cmocka_unit_test(characters_are_counted_and_measured),
        cmocka_unit_test(a_cut_end_is_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
