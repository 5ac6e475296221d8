#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/scan.h"
#include "shared/buffer.h"
#include "shared/json.h"

enum {
    ID,
    EVENT,
    EVENT_ID,
    FIELD_COUNT,
};

static const struct load_scan_field fields[FIELD_COUNT] = {
    [ID] = {"id", LOAD_SCAN_ROOT},
    [EVENT] = {"event", LOAD_SCAN_ROOT},
    [EVENT_ID] = {"id", EVENT},
};

static bool scan(const char *text, struct load_scan_value values[FIELD_COUNT])
{
    return load_scan(text, strlen(text), fields, FIELD_COUNT, values);
}

static void wanted_members_are_found_and_the_others_skipped(void **state)
{
    struct load_scan_value values[FIELD_COUNT];
    (void)state;
    assert_true(scan(" {\"x\": [1, {\"id\": 2}, []], \"event\" : {\"y\":{\"id\":3},\"id\":\"a b\"},"
                     "\t\"ids\":1,\"i\":2,\"id\":-17 , \"\":{}}\r\n",
                     values));
    assert_int_equal(values[ID].kind, LOAD_SCAN_INTEGER);
    assert_int_equal(values[ID].integer, -17);
    assert_int_equal(values[EVENT].kind, LOAD_SCAN_OTHER);
    assert_true(load_scan_is(&values[EVENT_ID], "a b"));
    assert_false(load_scan_is(&values[EVENT_ID], "a"));
    assert_false(load_scan_is(&values[ID], "-17"));
}

static void a_value_is_of_its_kind(void **state)
{
    static const struct {
        const char *text;
        enum load_scan_kind kind;
    } cases[] = {
        {"{}", LOAD_SCAN_ABSENT},
        {"{\"event\":{\"id\":1}}", LOAD_SCAN_ABSENT},
        {"{\"id\":\"\"}", LOAD_SCAN_STRING},
        {"{\"id\":\"\xea\xb9\x80\xec\xb9\x98\"}", LOAD_SCAN_STRING},
        {"{\"id\":\"a\\nb\"}", LOAD_SCAN_OTHER},
        {"{\"id\":0}", LOAD_SCAN_INTEGER},
        {"{\"id\":999999999999999999}", LOAD_SCAN_INTEGER},
        {"{\"id\":1.5}", LOAD_SCAN_OTHER},
        {"{\"id\":null}", LOAD_SCAN_OTHER},
        {"{\"id\":true}", LOAD_SCAN_OTHER},
        {"{\"id\":false}", LOAD_SCAN_OTHER},
        {"{\"id\":{\"id\":1}}", LOAD_SCAN_OTHER},
        {"{\"id\":[1]}", LOAD_SCAN_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_scan_value values[FIELD_COUNT];
        if (!scan(cases[i].text, values))
            fail_msg("not sure: %s", cases[i].text);
        assert_int_equal(values[ID].kind, cases[i].kind);
    }
}

static void what_is_broken_or_rare_is_left_to_the_parser(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "[]",
        "1",
        "{",
        "{}}",
        "{} x",
        "{\"id\"}",
        "{\"id\":}",
        "{\"id\":1,}",
        "{,}",
        "{id:1}",
        "{\"id\":1 \"x\":2}",
        "{\"id\":[1,]}",
        "{\"id\":[1}",
        "{\"id\":\"",
        "{\"id\":\"\\",
        "{\"id\":\"\\q\"}",
        "{\"id\":\"\\u0041\"}",
        "{\"i\\u0064\":1}",
        "{\"i\\/d\":1}",
        "{\"id\":\"a\nb\"}",
        "{\"id\":\"\x01\"}",
        "{\"id\":\"\xff\"}",
        "{\"id\":\"\xed\xa0\x80\"}",
        "{\"id\":01}",
        "{\"id\":-}",
        "{\"id\":+1}",
        "{\"id\":1.}",
        "{\"id\":.5}",
        "{\"id\":1e3}",
        "{\"id\":1234567890123456789}",
        "{\"id\":tru}",
        "{\"id\":nul",
        "{\"id\":truex}",
        "{\"id\":1,\"id\":1}",
        "{\"x\":{\"y\":1,\"z\":2,\"y\":1}}",
        "{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_scan_value values[FIELD_COUNT];
        if (scan(cases[i], values))
            fail_msg("was sure: %s", cases[i]);
    }
    struct load_scan_value values[FIELD_COUNT];
    assert_false(load_scan("{\"id\":\"\0\"}", 10, fields, FIELD_COUNT, values));
    assert_true(load_scan("{\"id\":1}", 8, fields, FIELD_COUNT, values));
    for (size_t length = 0; length < 8; length++)
        assert_false(load_scan("{\"id\":1}", length, fields, FIELD_COUNT, values));
}

static void a_text_has_a_longest(void **state)
{
    struct osy_buffer text = OSY_BUFFER_INIT;
    struct load_scan_value values[FIELD_COUNT];
    (void)state;
    osy_buffer_text(&text, "{}");
    while (text.length < LOAD_SCAN_BYTES_MAX)
        osy_buffer_char(&text, ' ');
    assert_true(load_scan(text.bytes, text.length, fields, FIELD_COUNT, values));
    osy_buffer_char(&text, ' ');
    assert_false(load_scan(text.bytes, text.length, fields, FIELD_COUNT, values));
    osy_buffer_deinit(&text);
}

static bool is_sure_of_members(int count)
{
    struct osy_buffer text = OSY_BUFFER_INIT;
    struct load_scan_value values[FIELD_COUNT];
    for (int i = 0; i < count; i++)
        osy_buffer_printf(&text, "%c\"x%d\":{}", i ? ',' : '{', i);
    osy_buffer_char(&text, '}');
    bool is_sure = load_scan(text.bytes, text.length, fields, FIELD_COUNT, values);
    osy_buffer_deinit(&text);
    return is_sure;
}

static void an_object_has_a_most_of_members(void **state)
{
    (void)state;
    assert_true(is_sure_of_members(32));
    assert_false(is_sure_of_members(33));
}

static void nesting_has_a_deepest(void **state)
{
    struct load_scan_value values[FIELD_COUNT];
    (void)state;
    assert_true(scan("{\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]],\"y\":[{}],\"id\":1}", values));
    assert_false(scan("{\"x\":[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]}", values));
}

static void a_string_is_copied_where_it_fits(void **state)
{
    struct load_scan_value values[FIELD_COUNT];
    char out[4];
    (void)state;
    assert_true(scan("{\"id\":\"abc\"}", values));
    assert_true(load_scan_copy(&values[ID], out, 4));
    assert_string_equal(out, "abc");
    assert_false(load_scan_copy(&values[ID], out, 3));
    assert_true(scan("{\"id\":1}", values));
    assert_false(load_scan_copy(&values[ID], out, 4));
}

/* --- random documents, most of them JSON --- */

static int below(int count)
{
    return rand() % count;
}

static void add_space(struct osy_buffer *out)
{
    static const char *const spaces[] = {"", "", "", "", "", " ", "\n", "\t\r "};
    osy_buffer_text(out, spaces[below(8)]);
}

static void add_string(struct osy_buffer *out)
{
    static const char *const pieces[] = {
        "a",   "restaurant",       "{",       "\\\"",           "\\\\",
        "\\n", "\\u0041",          "\\ud83c", "\\ud83c\\udf5c", "\xea\xb9\x80",
        " ",   "\xf0\x9f\x8d\x9c", "\xc0",    "\x7f",
    };
    osy_buffer_char(out, '"');
    for (int i = below(3); i > 0; i--)
        osy_buffer_text(out, pieces[below(below(4) ? 3 : 14)]);
    osy_buffer_char(out, '"');
}

static void add_scalar(struct osy_buffer *out)
{
    static const char *const scalars[] = {
        "0",
        "-0",
        "7",
        "-12",
        "1.5",
        "true",
        "false",
        "null",
        "01",
        "1.",
        "1e3",
        "1E-2",
        "-0.0",
        "nul",
        "1e999",
        "999999999999999999",
        "1234567890123456789",
        "9223372036854775808",
        "0.1234567890123456789",
    };
    osy_buffer_text(out, scalars[below(below(4) ? 8 : 19)]);
}

static void add_value(struct osy_buffer *out, int depth);

static void add_members(struct osy_buffer *out, int depth)
{
    static const char *const names[] = {"id", "event", "x", "y", "", "ids", "i", "\\u0069d"};
    for (int i = 0, count = below(5); i < count; i++) {
        osy_buffer_text(out, i ? "," : "");
        add_space(out);
        osy_buffer_printf(out, "\"%s\"", names[below(below(8) ? 7 : 8)]);
        add_space(out);
        osy_buffer_char(out, ':');
        add_space(out);
        add_value(out, depth + 1);
        add_space(out);
    }
}

static void add_value(struct osy_buffer *out, int depth)
{
    int kind = depth == 0 ? 0 : below(depth > 4 ? 8 : 6);
    if (kind == 0 || kind == 1) {
        osy_buffer_char(out, '{');
        add_members(out, depth);
        osy_buffer_char(out, '}');
    } else if (kind == 2) {
        osy_buffer_char(out, '[');
        for (int i = 0, count = below(4); i < count; i++) {
            osy_buffer_text(out, i ? "," : "");
            add_space(out);
            add_value(out, depth + 1);
        }
        osy_buffer_char(out, ']');
    } else if (kind == 3) {
        add_string(out);
    } else {
        add_scalar(out);
    }
}

static void mutate(struct osy_buffer *text)
{
    static const char bytes[] = "{}[]:,\"\\ \n0-.e1u\x80";
    size_t at = (size_t)below((int)text->length);
    switch (below(3)) {
    case 0: text->bytes[at] = bytes[below(sizeof(bytes))]; break;
    case 1: text->length = at; break;
    default: memmove(text->bytes + at, text->bytes + at + 1, text->length - at - 1); text->length--;
    }
}

static void check_value(const struct load_scan_value *value, const json_t *node)
{
    switch (value->kind) {
    case LOAD_SCAN_ABSENT: assert_null(node); return;
    case LOAD_SCAN_STRING:
        assert_true(json_is_string(node));
        assert_int_equal(json_string_length(node), value->length);
        assert_memory_equal(json_string_value(node), value->bytes, value->length);
        return;
    case LOAD_SCAN_INTEGER:
        assert_true(json_is_integer(node));
        assert_int_equal(json_integer_value(node), value->integer);
        return;
    case LOAD_SCAN_OTHER: assert_non_null(node); assert_false(json_is_integer(node));
    }
}

static void what_it_is_sure_of_jansson_says_too(void **state)
{
    int sure = 0, good = 0;
    (void)state;
    srand(5);
    for (int i = 0; i < 20000; i++) {
        struct osy_buffer text = OSY_BUFFER_INIT;
        struct load_scan_value values[FIELD_COUNT];
        add_value(&text, 0);
        for (int mutations = below(3); mutations > 0 && text.length > 0; mutations--)
            mutate(&text);
        json_t *root = osy_json_parse(text.bytes, text.length, JSON_OBJECT, NULL);
        good += root != NULL;
        if (load_scan(text.bytes, text.length, fields, FIELD_COUNT, values)) {
            json_t *event = json_object_get(root, "event");
            sure++;
            if (!root)
                fail_msg("was sure: %.*s", (int)text.length, text.bytes);
            check_value(&values[ID], json_object_get(root, "id"));
            check_value(&values[EVENT], event);
            check_value(&values[EVENT_ID], json_object_get(event, "id"));
        }
        json_decref(root);
        osy_buffer_deinit(&text);
    }
    assert_in_range(good, 2000, 18000);
    assert_in_range(sure, good / 2, good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_members_are_found_and_the_others_skipped),
        cmocka_unit_test(a_value_is_of_its_kind),
        cmocka_unit_test(what_is_broken_or_rare_is_left_to_the_parser),
        cmocka_unit_test(a_text_has_a_longest),
        cmocka_unit_test(an_object_has_a_most_of_members),
        cmocka_unit_test(nesting_has_a_deepest),
        cmocka_unit_test(a_string_is_copied_where_it_fits),
        cmocka_unit_test(what_it_is_sure_of_jansson_says_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
