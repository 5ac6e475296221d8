#include "shared/event.h"

#include <string.h>

#include "shared/clock.h"
#include "shared/utf8.h"

void osy_event_write_json(const struct osy_event *event, struct osy_buffer *out)
{
    char id[OSY_UUID_TEXT_BYTES], restaurant_id[OSY_UUID_TEXT_BYTES];
    char order_id[OSY_UUID_TEXT_BYTES], time[OSY_TIME_TEXT_BYTES];

    osy_uuid_format(&event->id, id);
    osy_uuid_format(&event->restaurant_id, restaurant_id);
    osy_uuid_format(&event->order_id, order_id);
    osy_time_format(event->time_ms, time);
    osy_buffer_texts(out, "{\"specversion\":\"1.0\",\"id\":\"", id, "\",\"source\":\"/restaurants/",
                     restaurant_id, "\",\"type\":\"", event->type, "\",\"subject\":\"", order_id,
                     "\",\"time\":\"", time, "\",", NULL);
    if (event->traceparent && event->traceparent[0] != '\0') {
        osy_buffer_text(out, "\"traceparent\":");
        osy_buffer_json_string(out, event->traceparent);
        osy_buffer_char(out, ',');
    }
    osy_buffer_text(out, "\"datacontenttype\":\"application/json\",\"data\":");
    osy_buffer_append(out, event->data, event->data_length);
    osy_buffer_char(out, '}');
}

void osy_event_write_envelope(const struct osy_event *event, struct osy_buffer *out)
{
    char previous_id[OSY_UUID_TEXT_BYTES];

    osy_buffer_u64(out, event->seq);
    osy_buffer_char(out, ' ');
    osy_buffer_u64(out, event->version);
    osy_buffer_char(out, ' ');
    osy_uuid_format(&event->previous_id, previous_id);
    osy_buffer_text(out, previous_id);
    osy_buffer_char(out, ' ');
    osy_event_write_json(event, out);
}

/* What is left to parse. Each take_* moves `at` behind what it has read, or returns false. */
struct cursor {
    const char *at, *end;
};

static bool take_literal(struct cursor *cursor, const char *literal)
{
    size_t length = strlen(literal);

    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, literal, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

/* 1 to INT64_MAX, without leading zeros, and the space behind it. */
static bool take_number(struct cursor *cursor, uint64_t *number)
{
    uint64_t value = 0;

    if (cursor->at < cursor->end && *cursor->at == '0')
        return false;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        unsigned digit = (unsigned)(*cursor->at - '0');

        if (value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return value > 0 && take_literal(cursor, " ");
}

/* The same, or 0 for an event of the restaurant alone. */
static bool take_version(struct cursor *cursor, uint64_t *version)
{
    *version = 0;
    return take_literal(cursor, "0 ") || take_number(cursor, version);
}

/* The id of the event before, and the space behind it. */
static bool take_previous_id(struct cursor *cursor, struct osy_uuid *id)
{
    size_t length = OSY_UUID_TEXT_BYTES - 1;

    if ((size_t)(cursor->end - cursor->at) < length || !osy_uuid_parse(cursor->at, length, id))
        return false;
    cursor->at += length;
    return take_literal(cursor, " ");
}

/* A string without escapes, up to and with its closing quote; the opening one has been taken. */
static bool take_string(struct cursor *cursor, const char **text, size_t *length)
{
    const char *quote = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));

    if (!quote)
        return false;
    *text = cursor->at;
    *length = (size_t)(quote - cursor->at);
    cursor->at = quote + 1;
    return *length > 0 && !memchr(*text, '\\', *length);
}

static bool take_uuid(struct cursor *cursor, struct osy_uuid *uuid)
{
    const char *text;
    size_t length;

    return take_string(cursor, &text, &length) && osy_uuid_parse(text, length, uuid);
}

static bool take_time(struct cursor *cursor, int64_t *time_ms)
{
    const char *text;
    size_t length;

    return take_string(cursor, &text, &length) && osy_time_parse(text, length, time_ms);
}

/* The object in `data` and the brace that ends the event. */
static bool ends_with_data(const struct cursor *cursor)
{
    return cursor->end - cursor->at >= 3 && cursor->at[0] == '{' &&
           memcmp(cursor->end - 2, "}}", 2) == 0;
}

static bool take_event(struct cursor *cursor, const struct osy_uuid *restaurant_id,
                       struct osy_envelope *envelope)
{
    struct osy_uuid source;
    const char *ignored;
    size_t length;

    if (!take_literal(cursor, "{\"specversion\":\"1.0\",\"id\":\"") ||
        !take_uuid(cursor, &envelope->id) || !take_literal(cursor, ",\"source\":\"/restaurants/") ||
        !take_uuid(cursor, &source) || !osy_uuid_equal(&source, restaurant_id) ||
        !take_literal(cursor, ",\"type\":\"") || !take_string(cursor, &ignored, &length) ||
        !take_literal(cursor, ",\"subject\":\"") || !take_uuid(cursor, &envelope->order_id) ||
        !take_literal(cursor, ",\"time\":\"") || !take_time(cursor, &envelope->time_ms))
        return false;
    if (take_literal(cursor, ",\"traceparent\":\"") && !take_string(cursor, &ignored, &length))
        return false;
    return take_literal(cursor, ",\"datacontenttype\":\"application/json\",\"data\":") &&
           ends_with_data(cursor);
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* A byte below 0x20 is one whose top bit a subtraction sets that was not set before; what it borrows from its
 * neighbours comes too late to deny that. */
static bool has_control(uint64_t word)
{
    return (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
}

/* A control character, above all a newline, would split the frame that carries the event. Eight bytes at a time:
 * this is most of what there is to check. */
static bool is_one_line(const char *bytes, size_t length)
{
    uint64_t word;
    size_t at = 0;

    for (; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if (has_control(word))
            return false;
    }
    word = EACH_BYTE(' ');
    memcpy(&word, bytes + at, length - at);
    return !has_control(word);
}

bool osy_envelope_parse(const char *bytes, size_t length, const struct osy_uuid *restaurant_id,
                        struct osy_envelope *envelope, struct osy_error *err)
{
    struct cursor cursor = {bytes, bytes + length};
    struct osy_envelope parsed = {0};

    if (!take_number(&cursor, &parsed.seq) || !take_version(&cursor, &parsed.version) ||
        !take_previous_id(&cursor, &parsed.previous_id))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "the envelope has no sequence, version and id of the event before");
    parsed.json = cursor.at;
    parsed.json_length = (size_t)(cursor.end - cursor.at);
    if (parsed.json_length > OSY_EVENT_JSON_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "the event has more than %u bytes",
                             OSY_EVENT_JSON_MAX);
    if (!is_one_line(parsed.json, parsed.json_length) ||
        !osy_utf8_valid(parsed.json, parsed.json_length))
        return osy_error_set(err, OSY_ERR_INVALID, "the event is not one line of UTF-8");
    if (!take_event(&cursor, restaurant_id, &parsed))
        return osy_error_set(err, OSY_ERR_INVALID, "the event is not one of this restaurant's");
    *envelope = parsed;
    return true;
}
