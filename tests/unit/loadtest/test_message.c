#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/message.h"

#define RESTAURANT "01890000-0000-7000-8000-000000000002"
#define TYPED(type, version)                                                                      \
    "{\"type\":\"event\",\"position\":\"abc\",\"event\":{\"specversion\":\"1.0\","                \
    "\"source\":\"/restaurants/" RESTAURANT "\",\"type\":\"" type "\","                           \
    "\"subject\":\"01900000-0000-7000-8000-000000000001\",\"time\":\"1970-01-01T00:00:01.500Z\"," \
    "\"data\":{\"version\":" version "}}}"
#define EVENT(version) TYPED("order.created", version)

static bool parse(const char *text, struct load_message *message)
{
    return load_message_parse(text, strlen(text), message, NULL);
}

static void an_event_tells_order_version_time_and_position(void **state)
{
    struct load_message message;
    (void)state;
    assert_true(parse(EVENT("3"), &message));
    assert_int_equal(message.type, LOAD_MESSAGE_EVENT);
    assert_int_equal(message.version, 3);
    assert_int_equal(message.time_ms, 1500);
    assert_string_equal(message.position, "abc");
    assert_int_equal(message.order_id.bytes[15], 1);
    assert_int_equal(message.restaurant.bytes[15], 2);
    assert_false(message.names_stream);
}

static void an_alert_has_no_version_of_its_own(void **state)
{
    struct load_message message;
    (void)state;
    assert_true(parse(TYPED("order.alerted", "3"), &message));
    assert_int_equal(message.type, LOAD_MESSAGE_EVENT);
    assert_int_equal(message.version, 0);
    assert_string_equal(message.position, "abc");
}

static void a_dashboards_message_names_its_stream(void **state)
{
    struct load_message message;
    (void)state;
    assert_true(parse("{\"type\":\"caught_up\",\"restaurant_id\":\"" RESTAURANT
                      "\",\"position\":\"p\"}",
                      &message));
    assert_true(message.names_stream);
    assert_int_equal(message.stream.bytes[15], 2);
}

static void each_message_is_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum load_message_type type;
        uint32_t delay_ms;
    } cases[] = {
        {"{\"type\":\"hello\",\"hub\":\"h\",\"position\":\"p\",\"heartbeat_ms\":25000}",
         LOAD_MESSAGE_HELLO, 25000},
        {"{\"type\":\"hello\",\"hub\":\"h\",\"heartbeat_ms\":15000}", LOAD_MESSAGE_HELLO, 15000},
        {"{\"type\":\"heartbeat\",\"view_age_ms\":7}", LOAD_MESSAGE_HEARTBEAT, 0},
        {"{\"type\":\"presence\",\"restaurant_id\":\"" RESTAURANT "\"}", LOAD_MESSAGE_PRESENCE, 0},
        {"{\"type\":\"figures\",\"restaurant_id\":\"" RESTAURANT "\"}", LOAD_MESSAGE_FIGURES, 0},
        {"{\"type\":\"caught_up\",\"position\":\"p\"}", LOAD_MESSAGE_CAUGHT_UP, 0},
        {"{\"type\":\"reset\",\"position\":\"p\",\"reason\":\"too_old\"}", LOAD_MESSAGE_RESET, 0},
        {"{\"type\":\"drain\",\"reconnect_in_ms\":17}", LOAD_MESSAGE_DRAIN, 17},
        {"{\"type\":\"error\",\"code\":\"BAD\",\"detail\":\"d\"}", LOAD_MESSAGE_ERROR, 0},
        {"{\"type\":\"something_new\",\"x\":1}", LOAD_MESSAGE_OTHER, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_message message;
        assert_true(parse(cases[i].text, &message));
        assert_int_equal(message.type, cases[i].type);
        assert_int_equal(message.delay_ms, cases[i].delay_ms);
    }
}

static void broken_messages_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "{\"type\":1}",
        "{\"type\":\"hello\",\"position\":\"p\"}",
        "{\"type\":\"caught_up\"}",
        "{\"type\":\"caught_up\",\"position\":null}",
        "{\"type\":\"drain\",\"reconnect_in_ms\":-1}",
        "{\"type\":\"event\",\"position\":\"p\"}",
        "{\"type\":\"event\",\"position\":\"p\",\"event\":{\"subject\":\"x\"}}",
        EVENT("null"),
        EVENT("-1"),
        EVENT("0"),
        "{\"type\":\"heartbeat\"}",
        "{\"type\":\"presence\"}",
        "{\"type\":\"figures\",\"restaurant_id\":\"x\"}",
        EVENT("4294967296"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_message message;
        if (parse(cases[i], &message))
            fail_msg("was taken: %s", cases[i]);
    }
}

static void the_cache_tells_the_same_as_the_parser(void **state)
{
    struct load_message_cache cache = {0};
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int version = 1; version <= LOAD_MESSAGE_CACHE + 1; version++) {
            char text[512];
            struct load_message message;
            snprintf(text, sizeof(text), EVENT("%d"), version);
            assert_true(load_message_cache_parse(&cache, text, strlen(text), &message, NULL));
            assert_int_equal(message.version, version);
            assert_true(load_message_cache_parse(&cache, text, strlen(text), &message, NULL));
            assert_int_equal(message.version, version);
        }
    }
    load_message_cache_deinit(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_tells_order_version_time_and_position),
        cmocka_unit_test(an_alert_has_no_version_of_its_own),
        cmocka_unit_test(a_dashboards_message_names_its_stream),
        cmocka_unit_test(each_message_is_told_apart),
        cmocka_unit_test(broken_messages_are_refused),
        cmocka_unit_test(the_cache_tells_the_same_as_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
