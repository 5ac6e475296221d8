#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/message.h"
#include "loadtest/scan.h"

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

/* --- the fast way and the slow one --- */

static void put(char *text, size_t at, size_t cut, const char *piece)
{
    char tail[1024];
    strcpy(tail, text + at + cut);
    strcpy(text + at, piece);
    strcat(text, tail);
}

static void mutate(char *text)
{
    static const char *const pieces[] = {
        "",    "\"", "{",  "}", ",",         "\\",         "\\n",          "\\u0061",
        " ",   "\n", "0",  "1", "-",         "4294967296", "null",         "\"event\"",
        "[1]", ".5", "e1", ":", "\"id\":1,", "\x80",       "\"version\":", "\"type\":\"event\",",
    };
    size_t length = strlen(text), at = (size_t)rand() % length;
    size_t cut = (size_t)rand() % 3;
    put(text, at, cut < length - at ? cut : 0,
        pieces[(size_t)rand() % (sizeof(pieces) / sizeof(*pieces))]);
}

static void assert_same(const struct load_message *a, const struct load_message *b)
{
    assert_int_equal(a->type, b->type);
    assert_string_equal(a->position, b->position);
    assert_int_equal(a->names_stream, b->names_stream);
    assert_true(osy_uuid_equal(&a->stream, &b->stream));
    assert_true(osy_uuid_equal(&a->restaurant, &b->restaurant));
    assert_true(osy_uuid_equal(&a->order_id, &b->order_id));
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->delay_ms, b->delay_ms);
    assert_int_equal(a->age_ms, b->age_ms);
    assert_string_equal(a->code, b->code);
}

/* Space behind a text changes nothing but that it is too long for the fast way. */
static bool is_the_same_both_ways(const char *text)
{
    static char padded[LOAD_SCAN_BYTES_MAX + 1024];
    struct load_message fast, slow;
    struct osy_error fast_err = {0}, slow_err = {0};
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, text, strlen(text));
    bool ok = load_message_parse(text, strlen(text), &fast, &fast_err);
    assert_int_equal(load_message_parse(padded, sizeof(padded), &slow, &slow_err), ok);
    if (ok)
        assert_same(&fast, &slow);
    else
        assert_int_equal(fast_err.code, slow_err.code);
    return ok;
}

static void the_fast_way_tells_the_same_as_the_slow_one(void **state)
{
    static const char *const events[] = {
        EVENT("3"),
        TYPED("order.alerted", "3"),
        TYPED("menu.updated", "null"),
        "{\"restaurant_id\":\"" RESTAURANT "\","
        "\"type\":\"event\",\"position\":\"p\",\"event\":{\"source\":\"/restaurants/" RESTAURANT
        "\",\"type\":\"t\",\"subject\":\"" RESTAURANT
        "\",\"time\":\"2026-01-31T12:00:00.1Z\",\"data\":{\"x\":[1.5,true],\"version\":1}}}",
        "{\"type\":\"heartbeat\",\"view_age_ms\":7}",
    };
    int good = 0;
    (void)state;
    srand(3);
    for (int i = 0; i < 20000; i++) {
        char text[1024];
        strcpy(text, events[i % 5]);
        if (i < 5)
            assert_true(is_the_same_both_ways(text));
        for (int mutations = 1 + rand() % 3; mutations > 0; mutations--)
            mutate(text);
        good += is_the_same_both_ways(text);
    }
    assert_in_range(good, 1000, 19000);
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
        cmocka_unit_test(the_fast_way_tells_the_same_as_the_slow_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
