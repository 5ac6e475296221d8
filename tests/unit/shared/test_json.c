#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/buffer.h"
#include "shared/json.h"
#include "shared/uuid.h"

static json_t *object_of(const char *text)
{
    struct osy_error err = {0};
    json_t *root = osy_json_parse(text, strlen(text), JSON_OBJECT, &err);

    if (!root)
        fail_msg("%s: %s", text, err.message);
    return root;
}

/* `count` times `piece`, between `before` and `after`. */
static bool is_within_limits(const char *before, const char *piece, size_t count, const char *after,
                             enum osy_error_code *code)
{
    struct osy_buffer text = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    bool within;

    osy_buffer_text(&text, before);
    for (size_t i = 0; i < count; i++)
        osy_buffer_text(&text, piece);
    osy_buffer_text(&text, after);
    within = osy_json_within_limits(text.bytes, text.length, &err);
    *code = err.code;
    osy_buffer_deinit(&text);
    return within;
}

static void depth_is_limited_before_parsing(void **state)
{
    enum osy_error_code code;

    (void)state;
    assert_true(is_within_limits("", "[", OSY_JSON_DEPTH_MAX, "", &code));
    assert_false(is_within_limits("", "[", OSY_JSON_DEPTH_MAX + 1, "", &code));
    assert_int_equal(code, OSY_ERR_LIMIT);
    assert_false(is_within_limits("", "{\"a\":", OSY_JSON_DEPTH_MAX + 1, "", &code));
    assert_true(is_within_limits("", "[]", 100, "", &code));
    assert_true(is_within_limits("[\"", "[", 100, "\"]", &code));     /* inside of a string */
    assert_true(is_within_limits("[\"\\\"", "[", 100, "\"]", &code)); /* behind an escaped quote */
}

static void tokens_are_limited_before_parsing(void **state)
{
    enum osy_error_code code;

    (void)state;
    assert_true(is_within_limits("[", "1,", OSY_JSON_TOKENS_MAX - 1, "", &code));
    assert_false(is_within_limits("[", "1,", OSY_JSON_TOKENS_MAX, "", &code));
    assert_int_equal(code, OSY_ERR_LIMIT);
    assert_false(is_within_limits("[", "{},", OSY_JSON_TOKENS_MAX, "", &code));
    assert_false(is_within_limits("[", "\"\"", OSY_JSON_TOKENS_MAX, "", &code));
    assert_false(is_within_limits("[", "true ", OSY_JSON_TOKENS_MAX, "", &code));
    assert_true(is_within_limits("[\"", "1,", 5000, "\"]", &code));
    assert_true(is_within_limits("[", "  \n", 5000, "]", &code));
}

static void strings_and_numbers_are_limited_before_parsing(void **state)
{
    enum osy_error_code code;

    (void)state;
    assert_true(is_within_limits("[\"", "x", OSY_JSON_STRING_MAX, "\"]", &code));
    assert_false(is_within_limits("[\"", "x", OSY_JSON_STRING_MAX + 1, "\"]", &code));
    assert_int_equal(code, OSY_ERR_LIMIT);
    assert_false(
        is_within_limits("{\"", "x", OSY_JSON_STRING_MAX + 1, "\":1}", &code)); /* a name */
    assert_false(is_within_limits("[\"", "\\u0041", OSY_JSON_STRING_MAX / 6 + 1, "\"]", &code));
    assert_false(
        is_within_limits("[\"", "x", OSY_JSON_STRING_MAX + 2, "", &code)); /* without end */
    assert_true(is_within_limits("[", "1", OSY_JSON_SCALAR_MAX, "]", &code));
    assert_false(is_within_limits("[", "1", OSY_JSON_SCALAR_MAX + 1, "]", &code));
    assert_int_equal(code, OSY_ERR_LIMIT);
}

static void a_nul_is_refused(void **state)
{
    struct osy_error err;

    (void)state;
    assert_false(osy_json_within_limits("[1,\0 2]", 7, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_true(osy_json_within_limits(NULL, 0, &err));
}

static void hostile_texts_are_refused_without_being_quoted(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "not valid JSON at line 1, column 0"},
        {"{", "not valid JSON at line 1, column 1"},
        {"[]", "the JSON text must be an object"},
        {"\"x\"", "the JSON text must be an object"},
        {"null", "the JSON text must be an object"},
        {"{\"a\":1,\"a\":2}", "a field occurs twice at line 1, column 10"},
        {"{\"a\":1,\"\\u0061\":2}", "a field occurs twice at line 1, column 15"},
        {"{\"a\":\"\\u0000\"}", NULL},
        {"{\"\\u0000\":1}", NULL},
        {"{\"a\":\"secret\xFF\"}", NULL},
        {"{\"a\":\"\\ud800\"}", NULL},
        {"{\"a\":NaN}", NULL},
        {"{\"a\":1e999}", NULL},
        {"{\"a\":01}", NULL},
        {"{\"a\":99999999999999999999}", NULL},
        {"{'a':1}", NULL},
        {"{\"a\":1,}", NULL},
        {"{\"a\":1}}", NULL},
        {"{\"a\":1} secret", NULL},
        {"{\"a\":1/*secret*/}", NULL},
        {"\xEF\xBB\xBF{}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct osy_error err = {0};

        assert_null(osy_json_parse(cases[i].text, strlen(cases[i].text), JSON_OBJECT, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_null(strstr(err.message, "secret"));
        if (cases[i].message)
            assert_string_equal(err.message, cases[i].message);
    }
}

struct line {
    const char *name;
    int64_t quantity;
    bool is_gift;
    struct osy_uuid item_id;
    json_t *options, *extras;
};

static bool read_line(const char *text, struct line *line, json_t **root, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, false, 1, 5, &line->name},
        {"quantity", OSY_JSON_INTEGER, false, 1, 99, &line->quantity},
        {"is_gift", OSY_JSON_BOOL, true, 0, 0, &line->is_gift},
        {"item_id", OSY_JSON_UUID, true, 0, 0, &line->item_id},
        {"options", OSY_JSON_OBJECT, true, 0, 0, &line->options},
        {"extras", OSY_JSON_ARRAY, true, 1, 2, &line->extras},
        {0},
    };

    *root = object_of(text);
    return osy_json_read(*root, "items[3].", fields, err);
}

static void fields_land_in_their_targets(void **state)
{
    struct line line = {.quantity = 0};
    struct osy_error err;
    json_t *root;

    (void)state;
    assert_true(
        read_line("{\"name\":\"\xEB\xB9\x84\xEB\xB9\x94\xEB\xB0\xA5\xEA\xB9\x80\xEC\xB9\x98\","
                  "\"quantity\":99,\"item_id\":\"017F22E2-79B0-7CC3-98C4-DC0C0C07398F\","
                  "\"is_gift\":true,\"options\":{\"x\":1},\"extras\":[1,2]}",
                  &line, &root, &err));
    assert_string_equal(line.name, "\xEB\xB9\x84\xEB\xB9\x94\xEB\xB0\xA5\xEA\xB9\x80\xEC\xB9\x98");
    assert_int_equal(line.quantity, 99);
    assert_true(line.is_gift);
    assert_int_equal(line.item_id.bytes[15], 0x8F);
    assert_int_equal(json_object_size(line.options), 1);
    assert_int_equal(json_array_size(line.extras), 2);
    json_decref(root);
}

static void absent_and_null_optional_fields_leave_the_target(void **state)
{
    struct line line = {.options = NULL};
    struct osy_error err;
    json_t *root;

    (void)state;
    line.item_id.bytes[0] = 7;
    assert_true(read_line("{\"name\":\"a\",\"quantity\":1,\"item_id\":null}", &line, &root, &err));
    assert_int_equal(line.item_id.bytes[0], 7);
    assert_null(line.options);
    json_decref(root);
}

static void wrong_fields_are_named(void **state)
{
    static const char quantity[] = "'items[3].quantity' must be an integer from 1 to 99";
    static const char name[] = "'items[3].name' must be a string of 1 to 5 characters";
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"name\":\"a\"}", "'items[3].quantity' is missing"},
        {"{\"name\":null,\"quantity\":1}", "'items[3].name' is missing"},
        {"{\"name\":\"a\",\"quantity\":0}", quantity},
        {"{\"name\":\"a\",\"quantity\":100}", quantity},
        {"{\"name\":\"a\",\"quantity\":1.0}", quantity},
        {"{\"name\":\"a\",\"quantity\":\"1\"}", quantity},
        {"{\"name\":\"a\",\"quantity\":true}", quantity},
        {"{\"name\":\"\",\"quantity\":1}", name},
        {"{\"name\":\"abcdef\",\"quantity\":1}", name},
        {"{\"name\":5,\"quantity\":1}", name},
        {"{\"name\":\"a\",\"quantity\":1,\"foo\":2}", "'items[3].foo' is not a known field"},
        {"{\"name\":\"a\",\"quantity\":1,\"Name\":2}", "'items[3].Name' is not a known field"},
        {"{\"name\":\"a\",\"quantity\":1,\"is_gift\":1}",
         "'items[3].is_gift' must be true or false"},
        {"{\"name\":\"a\",\"quantity\":1,\"item_id\":\"x\"}", "'items[3].item_id' must be a UUID"},
        {"{\"name\":\"a\",\"quantity\":1,\"item_id\":5}", "'items[3].item_id' must be a UUID"},
        {"{\"name\":\"a\",\"quantity\":1,\"options\":[]}", "'items[3].options' must be an object"},
        {"{\"name\":\"a\",\"quantity\":1,\"extras\":[]}",
         "'items[3].extras' must be an array of 1 to 2 elements"},
        {"{\"name\":\"a\",\"quantity\":1,\"extras\":[1,2,3]}",
         "'items[3].extras' must be an array of 1 to 2 elements"},
        {"{\"name\":\"a\",\"quantity\":1,\"extras\":{}}",
         "'items[3].extras' must be an array of 1 to 2 elements"},
        {"{\"name\":\"a\",\"quantity\":1,"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xEA\xB9\x80\":2}",
         "'items[3].aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is not a known field"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line line;
        struct osy_error err = {0};
        json_t *root;

        assert_false(read_line(cases[i].text, &line, &root, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_string_equal(err.message, cases[i].message);
        json_decref(root);
    }
}

static void what_is_no_object_is_refused_by_its_path(void **state)
{
    const struct osy_json_field none[] = {{0}};
    struct osy_error err;
    json_t *number = json_integer(1);

    (void)state;
    assert_false(osy_json_read(number, "items[3].", none, &err));
    assert_string_equal(err.message, "'items[3]' must be an object");
    assert_false(osy_json_read(NULL, "customer.", none, &err));
    assert_string_equal(err.message, "'customer' must be an object");
    json_decref(number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_limited_before_parsing),
        cmocka_unit_test(tokens_are_limited_before_parsing),
        cmocka_unit_test(strings_and_numbers_are_limited_before_parsing),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(hostile_texts_are_refused_without_being_quoted),
        cmocka_unit_test(fields_land_in_their_targets),
        cmocka_unit_test(absent_and_null_optional_fields_leave_the_target),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(what_is_no_object_is_refused_by_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
