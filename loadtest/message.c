#include "loadtest/message.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/scan.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/json.h"

#define SOURCE_PREFIX "/restaurants/"
#define ALERT_TYPE    "order.alerted"

static bool read_text(json_t *object, const char *name, char *out, size_t capacity,
                      struct osy_error *err)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) >= capacity)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' is missing or too long", name);
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool read_number(json_t *object, const char *name, uint32_t *out, struct osy_error *err)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' is missing or no such number", name);
    *out = (uint32_t)json_integer_value(value);
    return true;
}

static bool read_uuid(json_t *object, const char *name, struct osy_uuid *out)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && osy_uuid_parse(text, strlen(text), out);
}

static bool read_source(json_t *event, struct osy_uuid *restaurant)
{
    const char *source = json_string_value(json_object_get(event, "source"));
    size_t prefix = strlen(SOURCE_PREFIX);
    return source && strncmp(source, SOURCE_PREFIX, prefix) == 0 &&
           osy_uuid_parse(source + prefix, strlen(source + prefix), restaurant);
}

static bool read_position(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_text(root, "position", message->position, sizeof(message->position), err);
}

static bool read_version(json_t *event, struct load_message *message, struct osy_error *err)
{
    return read_number(json_object_get(event, "data"), "version", &message->version, err) &&
           (message->version > 0 ||
            osy_error_set(err, OSY_ERR_INVALID, "the event's version is 0"));
}

/* What a restaurant says of itself, of its menu for example, is no order's. */
static bool is_orders(const char *type, size_t length)
{
    static const char prefix[] = "order.";
    return length >= strlen(prefix) && memcmp(type, prefix, strlen(prefix)) == 0;
}

/* Whether an event of that type has a version, of its order. */
static bool has_version(const char *type, size_t length)
{
    bool is_alert = length == strlen(ALERT_TYPE) && memcmp(type, ALERT_TYPE, length) == 0;
    return is_orders(type, length) && !is_alert;
}

static bool read_event(json_t *root, struct load_message *message, struct osy_error *err)
{
    json_t *event = json_object_get(root, "event");
    const char *time = json_string_value(json_object_get(event, "time"));
    const char *type = json_string_value(json_object_get(event, "type"));
    if (!read_source(event, &message->restaurant))
        return osy_error_set(err, OSY_ERR_INVALID, "the event's source is not a restaurant");
    if (!read_uuid(event, "subject", &message->order_id))
        return osy_error_set(err, OSY_ERR_INVALID, "the event's subject is not an order");
    if (!time || !osy_time_parse(time, strlen(time), &message->time_ms))
        return osy_error_set(err, OSY_ERR_INVALID, "the event has no time");
    if (!type)
        return osy_error_set(err, OSY_ERR_INVALID, "the event has no type");
    return read_position(root, message, err) &&
           (!has_version(type, strlen(type)) || read_version(event, message, err));
}

/* A dashboard's has no position: its streams are not chosen yet. */
static bool read_hello(json_t *root, struct load_message *message, struct osy_error *err)
{
    return (!json_object_get(root, "position") || read_position(root, message, err)) &&
           read_number(root, "heartbeat_ms", &message->delay_ms, err);
}

static bool read_heartbeat(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_number(root, "view_age_ms", &message->age_ms, err);
}

static bool read_of_restaurant(json_t *root, struct load_message *message, struct osy_error *err)
{
    (void)root;
    return message->names_stream ||
           osy_error_set(err, OSY_ERR_INVALID, "'restaurant_id' is missing");
}

static bool read_reset(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_position(root, message, err) &&
           read_text(root, "reason", message->code, sizeof(message->code), err);
}

static bool read_drain(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_number(root, "reconnect_in_ms", &message->delay_ms, err);
}

static bool read_error(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_text(root, "code", message->code, sizeof(message->code), err);
}

static const struct {
    const char *name;
    enum load_message_type type;
    bool (*read)(json_t *root, struct load_message *message, struct osy_error *err);
} types[] = {
    {"hello", LOAD_MESSAGE_HELLO, read_hello},
    {"event", LOAD_MESSAGE_EVENT, read_event},
    {"caught_up", LOAD_MESSAGE_CAUGHT_UP, read_position},
    {"reset", LOAD_MESSAGE_RESET, read_reset},
    {"heartbeat", LOAD_MESSAGE_HEARTBEAT, read_heartbeat},
    {"presence", LOAD_MESSAGE_PRESENCE, read_of_restaurant},
    {"figures", LOAD_MESSAGE_FIGURES, read_of_restaurant},
    {"drain", LOAD_MESSAGE_DRAIN, read_drain},
    {"error", LOAD_MESSAGE_ERROR, read_error},
};

static bool read_message(json_t *root, struct load_message *message, struct osy_error *err)
{
    const char *name = json_string_value(json_object_get(root, "type"));
    if (!name)
        return osy_error_set(err, OSY_ERR_INVALID, "'type' is missing");
    message->names_stream = read_uuid(root, "restaurant_id", &message->stream);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (strcmp(types[i].name, name) != 0)
            continue;
        message->type = types[i].type;
        return types[i].read(root, message, err);
    }
    return true;
}

/* --- the fast way, for events --- */

enum {
    TYPE,
    STREAM,
    POSITION,
    EVENT,
    EVENT_TYPE,
    EVENT_SOURCE,
    EVENT_SUBJECT,
    EVENT_TIME,
    EVENT_DATA,
    EVENT_VERSION,
    FIELD_COUNT,
};

static const struct load_scan_field fields[FIELD_COUNT] = {
    [TYPE] = {"type", LOAD_SCAN_ROOT},
    [STREAM] = {"restaurant_id", LOAD_SCAN_ROOT},
    [POSITION] = {"position", LOAD_SCAN_ROOT},
    [EVENT] = {"event", LOAD_SCAN_ROOT},
    [EVENT_TYPE] = {"type", EVENT},
    [EVENT_SOURCE] = {"source", EVENT},
    [EVENT_SUBJECT] = {"subject", EVENT},
    [EVENT_TIME] = {"time", EVENT},
    [EVENT_DATA] = {"data", EVENT},
    [EVENT_VERSION] = {"version", EVENT_DATA},
};

static bool take_stream(const struct load_scan_value *value, struct load_message *message)
{
    message->names_stream = value->kind != LOAD_SCAN_ABSENT;
    return !message->names_stream || load_scan_uuid(value, &message->stream);
}

static bool take_source(const struct load_scan_value *value, struct osy_uuid *restaurant)
{
    size_t prefix = strlen(SOURCE_PREFIX);
    return value->kind == LOAD_SCAN_STRING && value->length > prefix &&
           memcmp(value->bytes, SOURCE_PREFIX, prefix) == 0 &&
           osy_uuid_parse(value->bytes + prefix, value->length - prefix, restaurant);
}

static bool take_version(const struct load_scan_value *values, struct load_message *message)
{
    const struct load_scan_value *type = &values[EVENT_TYPE], *version = &values[EVENT_VERSION];
    if (type->kind != LOAD_SCAN_STRING)
        return false;
    if (!has_version(type->bytes, type->length))
        return true;
    message->version = (uint32_t)version->integer;
    return version->kind == LOAD_SCAN_INTEGER && version->integer > 0 &&
           version->integer <= UINT32_MAX;
}

/* False when it is no event, or not surely a good one. */
static bool take_event(const char *text, size_t length, struct load_message *message)
{
    struct load_scan_value values[FIELD_COUNT];
    *message = (struct load_message){.type = LOAD_MESSAGE_EVENT};
    return load_scan(text, length, fields, FIELD_COUNT, values) &&
           load_scan_is(&values[TYPE], "event") && take_stream(&values[STREAM], message) &&
           load_scan_copy(&values[POSITION], message->position, sizeof(message->position)) &&
           take_source(&values[EVENT_SOURCE], &message->restaurant) &&
           load_scan_uuid(&values[EVENT_SUBJECT], &message->order_id) &&
           values[EVENT_TIME].kind == LOAD_SCAN_STRING &&
           osy_time_parse(values[EVENT_TIME].bytes, values[EVENT_TIME].length, &message->time_ms) &&
           take_version(values, message);
}

bool load_message_parse(const char *text, size_t length, struct load_message *message,
                        struct osy_error *err)
{
    if (take_event(text, length, message))
        return true;
    *message = (struct load_message){0};
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, err);
    if (!root)
        return false;
    bool ok = read_message(root, message, err);
    json_decref(root);
    return ok;
}

void load_message_cache_deinit(struct load_message_cache *cache)
{
    for (size_t i = 0; i < LOAD_MESSAGE_CACHE; i++)
        free(cache->entries[i].text);
    *cache = (struct load_message_cache){0};
}

bool load_message_cache_parse(struct load_message_cache *cache, const char *text, size_t length,
                              struct load_message *message, struct osy_error *err)
{
    for (size_t i = 0; cache && i < LOAD_MESSAGE_CACHE; i++) {
        if (cache->entries[i].text && cache->entries[i].length == length &&
            memcmp(cache->entries[i].text, text, length) == 0) {
            *message = cache->entries[i].message;
            return true;
        }
    }
    if (!load_message_parse(text, length, message, err))
        return false;
    if (!cache || message->type != LOAD_MESSAGE_EVENT)
        return true;
    size_t at = cache->next++ % LOAD_MESSAGE_CACHE;
    free(cache->entries[at].text);
    cache->entries[at].text = osy_strndup(text, length);
    cache->entries[at].length = length;
    cache->entries[at].message = *message;
    return true;
}
