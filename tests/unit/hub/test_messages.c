#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/messages.h"
#include "hub/session.h"

static bool parse(const char *text, struct hub_message *message, struct osy_error *err)
{
    static const struct hub_target tablet = {.kind = OSY_POSITION_RESTAURANT};
    return hub_message_parse(text, strlen(text), &tablet, message, err);
}

static bool parse_on_dashboard(const char *text, struct hub_message *message, struct osy_error *err)
{
    static const struct hub_target dashboard = {.kind = OSY_POSITION_RESTAURANT,
                                                .is_dashboard = true};
    return hub_message_parse(text, strlen(text), &dashboard, message, err);
}

static char position[OSY_POSITION_TEXT_BYTES], order_position[OSY_POSITION_TEXT_BYTES];

static int make_positions(void **state)
{
    struct osy_position number_42 = {OSY_POSITION_RESTAURANT, 42, osy_uuid_v4()};
    (void)state;
    osy_position_format(&number_42, position);
    number_42.kind = OSY_POSITION_ORDER;
    osy_position_format(&number_42, order_position);
    return 0;
}

static void known_messages_are_read(void **state)
{
    struct hub_message message;
    char text[256];
    (void)state;
    assert_true(parse("{\"type\":\"auth\",\"token\":\"abc\"}", &message, NULL));
    assert_ptr_equal(message.handle, hub_session_handle_auth);
    assert_string_equal(message.token, "abc");
    hub_message_deinit(&message);

    snprintf(text, sizeof text, "{\"type\":\"resume\",\"position\":\"%s\"}", position);
    assert_true(parse(text, &message, NULL));
    assert_true(message.has_position);
    assert_int_equal(message.position.number, 42);
    hub_message_deinit(&message);

    assert_true(parse("{\"type\":\"resume\",\"position\":null}", &message, NULL));
    assert_false(message.has_position);
    assert_null(message.device);
    hub_message_deinit(&message);

    assert_true(
        parse("{\"type\":\"resume\",\"position\":null,\"device\":\"till-2\"}", &message, NULL));
    assert_string_equal(message.device, "till-2");
    hub_message_deinit(&message);

    snprintf(
        text, sizeof text,
        "{\"type\":\"ack\",\"position\":\"%s\",\"state\":\"displayed\",\"device\":\"kitchen_1\"}",
        position);
    assert_true(parse(text, &message, NULL));
    assert_true(message.is_displayed);
    hub_message_deinit(&message);

    assert_true(parse("{\"type\":\"ping\",\"id\":9007199254740991}", &message, NULL));
    assert_int_equal(message.id, 9007199254740991);
    hub_message_deinit(&message);
    assert_true(parse("{\"type\":\"ping\"}", &message, NULL));
    assert_int_equal(message.id, -1);
    hub_message_deinit(&message);
}

static void whatever_breaks_a_rule_is_refused(void **state)
{
    static const char *const table[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"type\":1}",
        "{\"type\":\"auth\"}",
        "{\"type\":\"auth\",\"token\":\"\"}",
        "{\"type\":\"auth\",\"token\":5}",
        "{\"type\":\"auth\",\"token\":\"a\",\"more\":1}",
        "{\"type\":\"auth\",\"type\":\"ping\",\"token\":\"a\"}",
        "{\"type\":\"resume\"}",
        "{\"type\":\"resume\",\"position\":\"\"}",
        "{\"type\":\"resume\",\"position\":\"AQ\"}",
        "{\"type\":\"resume\",\"position\":7}",
        "{\"type\":\"resume\",\"position\":null,\"device\":\"\"}",
        "{\"type\":\"resume\",\"position\":null,\"device\":\"a b\"}",
        "{\"type\":\"ping\",\"id\":-1}",
        "{\"type\":\"ping\",\"id\":9007199254740992}",
        "{\"type\":\"ping\",\"id\":1.5}",
        "{\"type\":\"ping\",\"id\":\"1\"}",
        "{\"type\":\"ack\",\"position\":\"x\",\"state\":\"displayed\",\"device\":\"a\"}",
        "{\"type\":\"ping\"} {\"type\":\"ping\"}",
        "{\"type\":\"ping\"}x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct hub_message message;
        struct osy_error err = {0};
        assert_false(parse(table[i], &message, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
    }
}

static void acks_need_a_known_state_and_a_plain_device(void **state)
{
    static const char *const endings[] = {
        "\"state\":\"seen\",\"device\":\"a\"}",
        "\"state\":\"displayed\",\"device\":\"a b\"}",
        "\"state\":\"displayed\",\"device\":\"\"}",
        "\"state\":\"displayed\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char text[256];
        struct hub_message message;
        snprintf(text, sizeof text, "{\"type\":\"ack\",\"position\":\"%s\",%s", position,
                 endings[i]);
        assert_false(parse(text, &message, NULL));
    }
}

static void an_unknown_type_is_told_apart(void **state)
{
    struct hub_message message;
    struct osy_error err = {0};
    (void)state;
    assert_false(parse("{\"type\":\"subscribe\"}", &message, &err));
    assert_int_equal(err.code, OSY_ERR_NOT_FOUND);
}

static void a_position_of_another_stream_is_refused(void **state)
{
    struct hub_message message;
    struct osy_error err = {0};
    char text[256];
    (void)state;
    snprintf(text, sizeof text, "{\"type\":\"resume\",\"position\":\"%s\"}", order_position);
    assert_false(parse(text, &message, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
}

#define RID_1 "01890000-0000-7000-8000-000000000001"
#define RID_2 "01890000-0000-7000-8000-000000000002"

static void a_dashboard_chooses_restaurants(void **state)
{
    struct hub_message message;
    char text[512];
    (void)state;
    snprintf(text, sizeof text,
             "{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\",\"position\":null},"
             "{\"id\":\"" RID_2 "\",\"position\":\"%s\"}]}",
             position);
    assert_true(parse_on_dashboard(text, &message, NULL));
    assert_ptr_equal(message.handle, hub_session_handle_choice);
    assert_int_equal(message.choice_count, 2);
    assert_false(message.choices[0].has_position);
    assert_true(message.choices[1].has_position);
    assert_int_equal(message.choices[1].position.number, 42);
    hub_message_deinit(&message);
    assert_false(parse(text, &message, NULL)); /* nor may anybody else say that */
}

static void refused_choices_name_what_was_wrong(void **state)
{
    static const char *const table[][2] = {
        {"{\"type\":\"resume\",\"position\":null}", "'position'"},
        {"{\"type\":\"resume\"}", "'restaurants'"},
        {"{\"type\":\"resume\",\"restaurants\":null}", "'restaurants'"},
        {"{\"type\":\"resume\",\"restaurants\":[]}", "'restaurants'"},
        {"{\"type\":\"resume\",\"restaurants\":[1]}", "restaurants[0]"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\"}]}",
         "'restaurants[0].position'"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"position\":null}]}", "'restaurants[0].id'"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"id\":\"1\",\"position\":null}]}",
         "'restaurants[0].id'"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\",\"position\":null,"
         "\"device\":\"a\"}]}",
         "'restaurants[0].device'"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\",\"position\":\"x\"}]}",
         "'restaurants[0].position'"},
        {"{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\",\"position\":null},"
         "{\"id\":\"" RID_1 "\",\"position\":null}]}",
         "'restaurants[1].id'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct hub_message message;
        struct osy_error err = {0};
        if (parse_on_dashboard(table[i][0], &message, &err))
            fail_msg("accepted: %s", table[i][0]);
        if (!strstr(err.message, table[i][1]))
            fail_msg("%s: %s", table[i][0], err.message);
    }
}

static void a_position_of_an_order_is_refused_in_a_choice(void **state)
{
    struct hub_message message;
    struct osy_error err = {0};
    char text[256];
    (void)state;
    snprintf(text, sizeof text,
             "{\"type\":\"resume\",\"restaurants\":[{\"id\":\"" RID_1 "\",\"position\":\"%s\"}]}",
             order_position);
    assert_false(parse_on_dashboard(text, &message, &err));
    assert_non_null(strstr(err.message, "'restaurants[0].position'"));
}

/* What the table allows at most must fit into one message. */
static void thirty_two_restaurants_fit_and_no_more_are_accepted(void **state)
{
    (void)state;
    for (int count = HUB_CHOICES_MAX; count <= HUB_CHOICES_MAX + 1; count++) {
        char text[8192];
        int length = snprintf(text, sizeof text, "{\"type\":\"resume\",\"restaurants\":[");
        for (int i = 0; i < count; i++)
            length += snprintf(text + length, sizeof text - (size_t)length,
                               "%s{\"id\":\"01890000-0000-7000-8000-%012d\",\"position\":\"%s\"}",
                               i ? "," : "", i, position);
        length += snprintf(text + length, sizeof text - (size_t)length, "]}");
        struct hub_message message;
        bool is_accepted = parse_on_dashboard(text, &message, NULL);
        assert_int_equal(is_accepted, count == HUB_CHOICES_MAX);
        if (is_accepted) {
            assert_true(length <= HUB_MESSAGE_MAX_BYTES);
            hub_message_deinit(&message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_messages_are_read),
        cmocka_unit_test(whatever_breaks_a_rule_is_refused),
        cmocka_unit_test(acks_need_a_known_state_and_a_plain_device),
        cmocka_unit_test(an_unknown_type_is_told_apart),
        cmocka_unit_test(a_position_of_another_stream_is_refused),
        cmocka_unit_test(a_dashboard_chooses_restaurants),
        cmocka_unit_test(refused_choices_name_what_was_wrong),
        cmocka_unit_test(a_position_of_an_order_is_refused_in_a_choice),
        cmocka_unit_test(thirty_two_restaurants_fit_and_no_more_are_accepted),
    };
    return cmocka_run_group_tests(tests, make_positions, NULL);
}
