/* What owners write into their menus, and how a kept menu is completed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/menus/kind.h"
#include "api/menus/stock.h"
#include "shared/json.h"

#define ID       "\"01890000-0000-7000-8000-000000000001\""
#define ITEM     "\"category_id\":" ID ",\"name\":\"A\",\"unit_amount\":1"
#define RULE     "\"name\":\"A\",\"weekdays\":[1,7],\"starts\":\"23:59\",\"ends\":\"24:00\""
#define OPTION   "\"group_id\":" ID ",\"name\":\"A\""
#define GROUP(n) "\"item_id\":" ID ",\"name\":\"A\",\"min_choices\":" n

static json_t *parse(const char *fields)
{
    char text[1024];
    struct osy_error err = {0};
    snprintf(text, sizeof text, "{%s}", fields);
    json_t *body = osy_json_parse(text, strlen(text), JSON_OBJECT, &err);
    if (!body)
        fail_msg("%s: %s", text, err.message);
    return body;
}

static void good_things_pass(void **state)
{
    static const struct {
        const char *path, *fields;
    } rows[] = {
        {"categories", "\"name\":\"A\""},
        {"categories", "\"name\":\"A\",\"description\":\"\",\"position\":0"},
        {"items", ITEM},
        {"items", ITEM ",\"image_url\":\"https://a.example/b?c#d\",\"allergens\":[\"a\",\"b\"]"},
        {"items", ITEM ",\"available\":false,\"sold_out_until\":\"2026-01-31T12:00:00.000Z\""},
        {"items", ITEM ",\"stock\":null,\"low_stock\":null,\"sold_out_until\":null"},
        {"option-groups", GROUP("0") ",\"max_choices\":1"},
        {"options", OPTION},
        {"price-rules", RULE ",\"percent\":-100"},
        {"price-rules", RULE ",\"amount\":0,\"percent\":null,\"category_id\":" ID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct osy_error err = {0};
        json_t *body = parse(rows[i].fields);
        if (!api_menu_kind_find(rows[i].path)->check(body, &err))
            fail_msg("%s: %s", rows[i].fields, err.message);
        json_decref(body);
    }
}

static void bad_things_are_refused_by_name(void **state)
{
    static const struct {
        const char *path, *fields, *named;
    } rows[] = {
        {"categories", "\"description\":\"A\"", "'name'"},
        {"categories", "\"name\":\"A\\u0007\"", "'name'"},
        {"items", ITEM ",\"position\":-1", "'position'"},
        {"items", ITEM ",\"image_url\":\"HTTPS://a.example\"", "'image_url'"},
        {"items", ITEM ",\"image_url\":\"https:///a\"", "'image_url'"},
        {"items", ITEM ",\"image_url\":\"https://a@b.example/\"", "'image_url'"},
        {"items", ITEM ",\"image_url\":\"https://b.example/\\u00e4\"", "'image_url'"},
        {"items", ITEM ",\"tags\":[\" \"]", "'tags[0]'"},
        {"items", ITEM ",\"tags\":[\"a\",\" a\"]", "'tags[1]'"},
        {"items", ITEM ",\"sold_out_until\":\"2026-01-31T12:00:00.000Z\"", "'sold_out_until'"},
        {"items", ITEM ",\"available\":false,\"sold_out_until\":\"x\"", "'sold_out_until'"},
        {"option-groups", GROUP("2") ",\"max_choices\":1", "'max_choices'"},
        {"options", OPTION ",\"extra_amount\":-1", "'extra_amount'"},
        {"price-rules", RULE, "'percent'"},
        {"price-rules", RULE ",\"percent\":1,\"amount\":1", "'percent'"},
        {"price-rules", RULE ",\"percent\":1,\"item_id\":" ID ",\"category_id\":" ID, "'item_id'"},
        {"price-rules",
         "\"name\":\"A\",\"weekdays\":[0],\"starts\":\"23:59\",\"ends\":\"24:00\",\"amount\":1",
         "'weekdays[0]'"},
        {"price-rules",
         "\"name\":\"A\",\"weekdays\":[1],\"starts\":\"24:00\",\"ends\":\"24:00\",\"amount\":1",
         "'starts'"},
        {"price-rules",
         "\"name\":\"A\",\"weekdays\":[1],\"starts\":\"00:00\",\"ends\":\"24:01\",\"amount\":1",
         "'ends'"},
        {"price-rules",
         "\"name\":\"A\",\"weekdays\":[1],\"starts\":\"1:000\",\"ends\":\"24:00\",\"amount\":1",
         "'starts'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct osy_error err = {0};
        json_t *body = parse(rows[i].fields);
        assert_false(api_menu_kind_find(rows[i].path)->check(body, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        if (!strstr(err.message, rows[i].named))
            fail_msg("\"%s\" does not name %s", err.message, rows[i].named);
        json_decref(body);
    }
}

static void texts_are_trimmed_in_place(void **state)
{
    struct osy_error err = {0};
    json_t *body = parse(ITEM ",\"description\":\" two\\nlines \",\"tags\":[\" hot \"]");
    (void)state;
    assert_true(api_menu_kind_find("items")->check(body, &err));
    assert_string_equal(json_string_value(json_object_get(body, "description")), "two\nlines");
    assert_string_equal(json_string_value(json_array_get(json_object_get(body, "tags"), 0)), "hot");
    json_decref(body);
}

static void a_kind_is_found_by_its_routes(void **state)
{
    (void)state;
    assert_string_equal(api_menu_kind_of_route("/api/v1/restaurants/me/menu/items")->name, "item");
    assert_string_equal(api_menu_kind_of_route("/api/v1/restaurants/me/menu/options/:id")->name,
                        "option");
    assert_string_equal(
        api_menu_kind_of_route("/api/v1/restaurants/me/menu/option-groups/:id")->name,
        "option_group");
    assert_null(api_menu_kind_find("item"));
}

/* ---- stock ---- */

#define FIRST  "01890000-0000-7000-8000-000000000001"
#define SECOND "01890000-0000-7000-8000-000000000002"
#define GONE   "01890000-0000-7000-8000-000000000003"

static PGresult *make_stock(void)
{
    static char id[] = "id", stock[] = "stock", first[] = FIRST, second[] = SECOND;
    static char seven[] = "7", none[] = "0";
    PGresAttDesc columns[2] = {{.name = id}, {.name = stock}};
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_true(PQsetResultAttrs(rows, 2, columns));
    assert_true(PQsetvalue(rows, 0, 0, first, (int)strlen(first)));
    assert_true(PQsetvalue(rows, 0, 1, seven, 1));
    assert_true(PQsetvalue(rows, 1, 0, second, (int)strlen(second)));
    assert_true(PQsetvalue(rows, 1, 1, none, 1));
    return rows;
}

static void what_was_left_open_is_filled_in(void **state)
{
    static const char menu[] =
        "{\"items\":[{\"name\":\"\\\"stock\\\":\\\"@\",\"stock\":\"@" SECOND
        "\"},{\"stock\":null},{\"stock\":\"@" FIRST "\",\"a\":1},{\"stock\":\"@" GONE "\"}]}";
    struct osy_buffer whole = OSY_BUFFER_INIT;
    PGresult *rows = make_stock();
    (void)state;
    assert_true(api_menu_stock_is_open(menu));
    api_menu_stock_fill(menu, rows, &whole);
    assert_string_equal(whole.bytes,
                        "{\"items\":[{\"name\":\"\\\"stock\\\":\\\"@\",\"stock\":0},{\"stock\":null"
                        "},{\"stock\":7,\"a\":1},{\"stock\":null}]}");
    assert_false(api_menu_stock_is_open(whole.bytes));
    osy_buffer_deinit(&whole);
    PQclear(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_things_pass),
        cmocka_unit_test(bad_things_are_refused_by_name),
        cmocka_unit_test(texts_are_trimmed_in_place),
        cmocka_unit_test(a_kind_is_found_by_its_routes),
        cmocka_unit_test(what_was_left_open_is_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
