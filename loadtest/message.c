#include "loadtest/message.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/json.h"

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

static bool read_event(json_t *root, struct load_message *message, struct osy_error *err)
{
    json_t *event = json_object_get(root, "event");
    const char *subject = json_string_value(json_object_get(event, "subject"));
    const char *time = json_string_value(json_object_get(event, "time"));
    if (!subject || !osy_uuid_parse(subject, strlen(subject), &message->order_id))
        return osy_error_set(err, OSY_ERR_INVALID, "the event's subject is not an order");
    if (!time || !osy_time_parse(time, strlen(time), &message->time_ms))
        return osy_error_set(err, OSY_ERR_INVALID, "the event has no time");
    return read_number(json_object_get(event, "data"), "version", &message->version, err);
}

static bool read_hello(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_number(root, "heartbeat_ms", &message->delay_ms, err);
}

static bool read_reset(json_t *root, struct load_message *message, struct osy_error *err)
{
    return read_text(root, "reason", message->code, sizeof(message->code), err);
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
    bool has_position;
    bool (*read)(json_t *root, struct load_message *message, struct osy_error *err); /* or NULL */
} types[] = {
    {"hello", LOAD_MESSAGE_HELLO, true, read_hello},
    {"event", LOAD_MESSAGE_EVENT, true, read_event},
    {"caught_up", LOAD_MESSAGE_CAUGHT_UP, true, NULL},
    {"reset", LOAD_MESSAGE_RESET, true, read_reset},
    {"drain", LOAD_MESSAGE_DRAIN, false, read_drain},
    {"error", LOAD_MESSAGE_ERROR, false, read_error},
};

static bool read_message(json_t *root, struct load_message *message, struct osy_error *err)
{
    const char *name = json_string_value(json_object_get(root, "type"));
    if (!name)
        return osy_error_set(err, OSY_ERR_INVALID, "'type' is missing");
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (strcmp(types[i].name, name) != 0)
            continue;
        message->type = types[i].type;
        return (!types[i].has_position ||
                read_text(root, "position", message->position, sizeof(message->position), err)) &&
               (!types[i].read || types[i].read(root, message, err));
    }
    return true;
}

bool load_message_parse(const char *text, size_t length, struct load_message *message,
                        struct osy_error *err)
{
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
