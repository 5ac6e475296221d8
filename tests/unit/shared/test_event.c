#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/event.h"

#define DATA \
    "{\"order_id\":\"0190\",\"status\":\"PENDING\",\"items\":[{\"name\":\"\xEB\xB9\x84\"}]}"

static struct osy_uuid uuid_of(const char *text)
{
    struct osy_uuid uuid;

    assert_true(osy_uuid_parse(text, strlen(text), &uuid));
    return uuid;
}

static struct osy_event sample(void)
{
    return (struct osy_event){
        .seq = 42,
        .version = 7,
        .id = uuid_of("919108f7-52d1-4320-9bac-f847db4148a8"),
        .previous_id = uuid_of("5e0f1c1e-0f3b-4d0a-8f4e-0c9d5b6a7e11"),
        .restaurant_id = uuid_of("01890000-0000-7000-8000-000000000001"),
        .order_id = uuid_of("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
        .type = "order.created",
        .time_ms = 1769860800123,
        .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        .data = DATA,
        .data_length = strlen(DATA),
    };
}

static bool parses(const char *bytes, size_t length)
{
    const struct osy_uuid restaurant_id = sample().restaurant_id;
    struct osy_envelope envelope;
    struct osy_error err = {0};
    bool parsed = osy_envelope_parse(bytes, length, &restaurant_id, &envelope, &err);

    assert_int_equal(err.code, parsed ? OSY_OK : OSY_ERR_INVALID);
    return parsed;
}

static void an_event_is_written_byte_for_byte(void **state)
{
    struct osy_event event = sample();
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    osy_event_write_envelope(&event, &out);
    assert_string_equal(
        out.bytes,
        "42 7 5e0f1c1e-0f3b-4d0a-8f4e-0c9d5b6a7e11 {\"specversion\":\"1.0\",\"id\":\"919108f7-52d1-4320-9bac-f847db4148a8\","
        "\"source\":\"/restaurants/01890000-0000-7000-8000-000000000001\","
        "\"type\":\"order.created\",\"subject\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
        "\"time\":\"2026-01-31T12:00:00.123Z\","
        "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
        "\"datacontenttype\":\"application/json\",\"data\":" DATA "}");
    osy_buffer_clear(&out);
    event.traceparent = "";
    osy_event_write_json(&event, &out);
    assert_null(strstr(out.bytes, "traceparent"));
    osy_buffer_deinit(&out);
}

static void an_event_for_the_restaurant_alone_has_version_0(void **state)
{
    struct osy_event event = sample();
    struct osy_buffer out = OSY_BUFFER_INIT;
    struct osy_envelope envelope;
    (void)state;
    event.version = 0;
    event.type = "order.alerted";
    osy_event_write_envelope(&event, &out);
    assert_true(osy_envelope_parse(out.bytes, out.length, &event.restaurant_id, &envelope, NULL));
    assert_int_equal(envelope.seq, 42);
    assert_int_equal(envelope.version, 0);
    for (size_t length = 0; length < out.length; length++)
        assert_false(parses(out.bytes, length));
    osy_buffer_deinit(&out);
}

static void what_is_written_is_json_and_parses_again(void **state)
{
    static const char *const traces[] = {NULL, "",
                                         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct osy_event event = sample();
        struct osy_envelope envelope;
        struct osy_error err;
        json_t *root;

        event.traceparent = traces[i];
        osy_buffer_clear(&out);
        osy_event_write_envelope(&event, &out);
        assert_true(
            osy_envelope_parse(out.bytes, out.length, &event.restaurant_id, &envelope, &err));
        assert_true(envelope.seq == 42 && envelope.version == 7);
        assert_true(osy_uuid_equal(&envelope.id, &event.id));
        assert_true(osy_uuid_equal(&envelope.previous_id, &event.previous_id));
        assert_true(osy_uuid_equal(&envelope.order_id, &event.order_id));
        assert_int_equal(envelope.time_ms, event.time_ms);
        root = json_loadb(envelope.json, envelope.json_length, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(json_object_get(root, "data")));
        json_decref(root);
    }
    osy_buffer_deinit(&out);
}

static void every_shortened_envelope_is_refused(void **state)
{
    struct osy_event event = sample();
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    osy_event_write_envelope(&event, &out);
    for (size_t length = 0; length < out.length; length++)
        assert_false(parses(out.bytes, length));
    assert_true(parses(out.bytes, out.length));
    osy_buffer_deinit(&out);
}

/* The sample's envelope with the first `old` replaced. */
static bool parses_with(const char *old, const char *new)
{
    struct osy_event event = sample();
    struct osy_buffer out = OSY_BUFFER_INIT, changed = OSY_BUFFER_INIT;
    const char *at;
    bool parsed;

    osy_event_write_envelope(&event, &out);
    at = strstr(out.bytes, old);
    assert_non_null(at);
    osy_buffer_append(&changed, out.bytes, (size_t)(at - out.bytes));
    osy_buffer_text(&changed, new);
    osy_buffer_text(&changed, at + strlen(old));
    parsed = parses(changed.bytes, changed.length);
    osy_buffer_deinit(&out);
    osy_buffer_deinit(&changed);
    return parsed;
}

static void foreign_and_malformed_envelopes_are_refused(void **state)
{
    static const char *const changes[][2] = {
        {"42 ", "0 "},
        {"42 ", "042 "},
        {"42 ", "-42 "},
        {"42 ", " 42 "},
        {"42 ", "42  "},
        {"42 ", "9223372036854775808 "},
        {"42 ", "99999999999999999999 "},
        {"42 7 ", "42 00 "},
        {"42 7 ", "42 07 "},
        {"42 7 ", "42 -0 "},
        {"42 7 ", "42 "},
        {"42 7 ", ""},
        {"5e0f1c1e-", "5e0f1c1e"},
        {"5e0f1c1e-0f3b-4d0a-8f4e-0c9d5b6a7e11 ", ""},
        {"5e0f1c1e-0f3b-4d0a-8f4e-0c9d5b6a7e11 ", "5e0f1c1e-0f3b-4d0a-8f4e-0c9d5b6a7e11"},
        {"01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"},
        {"/restaurants/", "/restaurant/"},
        {"\"1.0\"", "\"1.1\""},
        {"\"type\":\"order.created\"", "\"type\":\"\""},
        {"\"type\":\"order.created\"", "\"type\":\"order\\u002ecreated\""},
        {"\"type\":\"order.created\",", ""},
        {"919108f7-52d1-4320-9bac-f847db4148a8", "919108f7"},
        {"2026-01-31T12:00:00.123Z", "2026-01-32T12:00:00.123Z"},
        {"application/json", "text/plain"},
        {"\"data\":{", "\"data\":["},
        {"\"datacontenttype\"", "\"alert\":{\"step\":1},\"datacontenttype\""},
        {"PENDING", "PEND\nING"},
        {"PENDING", "PEND\x1fING"},
        {"PENDING", "PEND\xFFING"},
        {"]}}", "]}} "},
        {"]}}", "]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (parses_with(changes[i][0], changes[i][1]))
            fail_msg("accepted: %s instead of %s", changes[i][1], changes[i][0]);
    }
    assert_true(parses_with("42 ", "9223372036854775807 "));
}

static void a_control_character_is_refused_wherever_it_stands(void **state)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    struct osy_event event = sample();
    (void)state;
    osy_event_write_envelope(&event, &out);
    for (size_t i = 0; i < out.length; i++) {
        char kept = out.bytes[i];
        out.bytes[i] = (char)(i % 0x20);
        assert_false(parses(out.bytes, out.length));
        out.bytes[i] = kept;
    }
    assert_true(parses(out.bytes, out.length));
    osy_buffer_deinit(&out);
}

static void what_is_no_control_character_passes_wherever_it_stands(void **state)
{
    char data[64];
    struct osy_event event = sample();
    (void)state;
    event.data = data;
    for (int padding = 0; padding < 9; padding++) {
        struct osy_buffer out = OSY_BUFFER_INIT;
        event.data_length =
            (size_t)snprintf(data, sizeof data, "{\"a\":\"%*s ~\x7f\u00a0\u20ac\"}", padding, "");
        osy_event_write_envelope(&event, &out);
        assert_true(parses(out.bytes, out.length));
        osy_buffer_deinit(&out);
    }
}

static void an_event_above_the_limit_is_refused(void **state)
{
    static char data[OSY_EVENT_JSON_MAX];
    struct osy_event event = sample();
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    memset(data, ' ', sizeof data);
    osy_event_write_json(&event, &out);
    event.data_length += OSY_EVENT_JSON_MAX - out.length; /* now exactly as large as it may be */
    event.data = data;
    data[0] = '{';
    data[event.data_length - 1] = '}';
    osy_buffer_clear(&out);
    osy_event_write_envelope(&event, &out);
    assert_true(parses(out.bytes, out.length));
    data[event.data_length - 1] = ' ';
    data[event.data_length++] = '}';
    osy_buffer_clear(&out);
    osy_event_write_envelope(&event, &out);
    assert_false(parses(out.bytes, out.length));
    osy_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_written_byte_for_byte),
        cmocka_unit_test(an_event_for_the_restaurant_alone_has_version_0),
        cmocka_unit_test(what_is_written_is_json_and_parses_again),
        cmocka_unit_test(every_shortened_envelope_is_refused),
        cmocka_unit_test(foreign_and_malformed_envelopes_are_refused),
        cmocka_unit_test(a_control_character_is_refused_wherever_it_stands),
        cmocka_unit_test(what_is_no_control_character_passes_wherever_it_stands),
        cmocka_unit_test(an_event_above_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
