/* The order's life, its number, and the body of a new order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/orders/command.h"
#include "api/orders/new_order.h"
#include "api/orders/status.h"
#include "api/text.h"

extern const char sql_list_open_orders[]; /* api/orders/list_open_orders.sql */

static void every_step_leads_from_known_statuses_to_a_known_one(void **state)
{
    const struct api_order_step *step;
    (void)state;
    for (size_t i = 0; (step = api_order_step_at(i)); i++) {
        assert_ptr_equal(api_order_step_find(step->name), step);
        assert_true(!step->to || api_order_status_find(step->to, strlen(step->to)));
        assert_memory_equal(step->event_type, "order.", 6);
        for (const char *from = step->from + 1; *from;) {
            size_t length = strcspn(from, ",}");
            assert_non_null(api_order_status_find(from, length));
            from += length + 1;
        }
    }
}

/* The statement spells them out for the sake of its index; a status that it lacked would be missing from
 * every tablet's list. */
static void the_list_of_open_orders_has_every_open_status(void **state)
{
    const struct api_order_step *step;
    char quoted[64];
    (void)state;
    assert_non_null(strstr(sql_list_open_orders, "'" API_ORDER_STATUS_FIRST "'"));
    for (size_t i = 0; (step = api_order_step_at(i)); i++) {
        if (!step->to)
            continue;
        snprintf(quoted, sizeof quoted, "'%s'", step->to);
        assert_int_equal(strstr(sql_list_open_orders, quoted) != NULL,
                         api_order_status_is_open(step->to));
    }
}

static void finished_orders_are_not_open(void **state)
{
    static const char *const open[] = {"PENDING", "ACCEPTED", "PREPARING", "READY"};
    static const char *const finished[] = {"COMPLETED", "REJECTED", "CANCELLED"};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(api_order_status_is_open(open[i]));
    for (size_t i = 0; i < 3; i++)
        assert_false(api_order_status_is_open(finished[i]));
    assert_null(api_order_status_find("PENDING", 4));
    assert_null(api_order_step_find("pay"));
}

static void an_orders_code_is_its_last_25_bits(void **state)
{
    struct osy_uuid id = {{0}};
    char code[API_ORDER_CODE_BYTES];
    (void)state;
    api_order_code(&id, code);
    assert_string_equal(code, "00000");
    memset(id.bytes, 0xff, sizeof id.bytes);
    api_order_code(&id, code);
    assert_string_equal(code, "ZZZZZ");
    memset(id.bytes, 0, sizeof id.bytes);
    id.bytes[12] = 0xfe; /* seven of these bits lie beyond the 25 */
    id.bytes[15] = 33;
    api_order_code(&id, code);
    assert_string_equal(code, "00011");
}

static void a_code_is_read_as_people_type_it(void **state)
{
    static const char *const bad[] = {"", "0000", "000000", "0000U", "0000-", "000 0"};
    struct osy_uuid id = osy_uuid_v7();
    char code[API_ORDER_CODE_BYTES];
    uint32_t bits = 0, aliased = 0;
    (void)state;
    api_order_code(&id, code);
    assert_true(api_order_code_parse(code, &bits));
    assert_int_equal(bits & 0xff, id.bytes[15]);
    assert_true(api_order_code_parse("00011", &bits));
    assert_int_equal(bits, 33);
    assert_true(api_order_code_parse("oOiLz", &aliased));
    assert_true(api_order_code_parse("0011Z", &bits));
    assert_int_equal(aliased, bits);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(api_order_code_parse(bad[i], &bits));
}

static void outcomes_have_names_that_parse_back(void **state)
{
    (void)state;
    for (int i = 0; i < API_ORDER_OUTCOME_COUNT; i++)
        assert_int_equal(api_order_outcome_parse(api_order_outcome_name((enum api_order_outcome)i)),
                         i);
    assert_int_equal(api_order_outcome_parse("what"), API_ORDER_FAILED);
}

static void a_text_is_trimmed_and_has_no_control_characters(void **state)
{
    static const char *const bad[] = {"",      " ",          "\xe3\x80\x80", "a\tb",
                                      "a\x7f", "a\xc2\x85z", "a\nb"};
    struct api_text text;
    struct osy_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(api_text_trim("f", bad[i], API_TEXT_ONE_LINE, &text, &err));
    assert_true(api_text_trim("f", " \xc2\xa0 \xea\xb9\x80 a ", API_TEXT_ONE_LINE, &text, &err));
    assert_int_equal(text.length, 5);
    assert_memory_equal(text.bytes, "\xea\xb9\x80 a", 5);
    assert_true(api_text_trim("f", "a\nb\n", API_TEXT_MANY_LINES, &text, &err));
    assert_int_equal(text.length, 3);
}

#define RESTAURANT "\"restaurant_id\":\"01890000-0000-7000-8000-000000000001\""
#define ITEM       "{\"item_id\":\"01890000-0000-7000-8000-100100000001\",\"quantity\":2}"
#define CUSTOMER   "\"customer\":{\"name\":\"A\",\"phone\":\"010-0000\",\"address\":\"B\"}"

static bool parse(const char *body, struct osy_error *err)
{
    struct api_new_order *order = api_new_order_parse(body, strlen(body), err);
    api_new_order_destroy(order);
    return order != NULL;
}

static void a_new_order_is_read(void **state)
{
    static const char body[] =
        "{" RESTAURANT ",\"items\":[" ITEM "]," CUSTOMER ",\"note\":\" two\\nlines \"}";
    struct osy_error err = {0};
    struct api_new_order *order = api_new_order_parse(body, sizeof body - 1, &err);
    (void)state;
    assert_non_null(order);
    assert_int_equal(order->line_count, 1);
    assert_int_equal(order->lines[0].quantity, 2);
    assert_int_equal(order->note.length, 9);
    api_new_order_destroy(order);
    assert_true(parse("{" RESTAURANT ",\"items\":[" ITEM "]," CUSTOMER ",\"note\":\"\"}", &err));
}

#define BURGER  "{\"item_id\":\"01890000-0000-7000-8000-100100000002\",\"quantity\":1,\"options\":["
#define CHEESE  "\"01890000-0000-7000-8000-200100000001\""
#define ONIONS  "\"01890000-0000-7000-8000-200100000002\""
#define UNKNOWN "\"01890000-0000-7000-8000\""

static void lines_have_options_and_notes(void **state)
{
    static const char body[] =
        "{" RESTAURANT ",\"items\":[" ITEM "," BURGER CHEESE "," ONIONS
        "],\"note\":\" no \\\"salt\\\" \"}," BURGER ONIONS "]}]," CUSTOMER "}";
    struct osy_error err = {0};
    struct api_new_order *order = api_new_order_parse(body, sizeof body - 1, &err);
    (void)state;
    assert_non_null(order);
    assert_int_equal(order->line_count, 3);
    assert_int_equal(order->lines[0].option_count, 0);
    assert_int_equal(order->lines[1].first_option, 0);
    assert_int_equal(order->lines[1].option_count, 2);
    assert_int_equal(order->lines[2].first_option, 2);
    assert_int_equal(order->lines[2].option_count, 1);
    assert_true(osy_uuid_equal(&order->options[1], &order->options[2]));
    assert_string_equal(order->line_notes.bytes, "[{\"line\":1,\"note\":\"no \\\"salt\\\"\"}]");
    api_new_order_destroy(order);
}

static void a_bad_new_order_names_the_field(void **state)
{
    static const struct {
        const char *body, *named;
    } rows[] = {
        {"{\"items\":[" ITEM "]," CUSTOMER "}", "restaurant_id"},
        {"{" RESTAURANT ",\"items\":[]," CUSTOMER "}", "items"},
        {"{" RESTAURANT ",\"items\":[" ITEM "," ITEM "]," CUSTOMER "}", "items[1].item_id"},
        {"{" RESTAURANT ",\"items\":[" BURGER CHEESE "," ONIONS "]}," BURGER ONIONS "," CHEESE
         "]}]," CUSTOMER "}",
         "items[1].item_id"},
        {"{" RESTAURANT ",\"items\":[" BURGER CHEESE "," CHEESE "]}]," CUSTOMER "}",
         "items[0].options[1]"},
        {"{" RESTAURANT ",\"items\":[" BURGER UNKNOWN "]}]," CUSTOMER "}", "items[0].options[0]"},
        {"{" RESTAURANT ",\"items\":[" BURGER "],\"note\":\" \"}]," CUSTOMER "}", "items[0].note"},
        {"{" RESTAURANT ",\"items\":[7]," CUSTOMER "}", "items[0]"},
        {"{" RESTAURANT ",\"items\":[{\"item_id\":\"x\",\"quantity\":1}]," CUSTOMER "}",
         "items[0].item_id"},
        {"{" RESTAURANT ",\"items\":[" ITEM
         "],\"customer\":{\"name\":\"A\",\"phone\":\"010-0000\"}}",
         "customer.address"},
        {"{" RESTAURANT ",\"items\":[" ITEM "],\"customer\":{\"name\":\" \",\"phone\":\"010-0000\","
         "\"address\":\"B\"}}",
         "customer.name"},
        {"{" RESTAURANT ",\"items\":[" ITEM "],\"customer\":{\"name\":\"A\",\"phone\":\"call me\","
         "\"address\":\"B\"}}",
         "customer.phone"},
        {"{" RESTAURANT ",\"items\":[" ITEM "]," CUSTOMER ",\"total_amount\":1}", "total_amount"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct osy_error err = {0};
        assert_false(parse(rows[i].body, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        if (!strstr(err.message, rows[i].named))
            fail_msg("\"%s\" does not name %s", err.message, rows[i].named);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_leads_from_known_statuses_to_a_known_one),
        cmocka_unit_test(the_list_of_open_orders_has_every_open_status),
        cmocka_unit_test(finished_orders_are_not_open),
        cmocka_unit_test(an_orders_code_is_its_last_25_bits),
        cmocka_unit_test(a_code_is_read_as_people_type_it),
        cmocka_unit_test(outcomes_have_names_that_parse_back),
        cmocka_unit_test(a_text_is_trimmed_and_has_no_control_characters),
        cmocka_unit_test(a_new_order_is_read),
        cmocka_unit_test(lines_have_options_and_notes),
        cmocka_unit_test(a_bad_new_order_names_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
