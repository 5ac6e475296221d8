#include "hub/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session.h"
#include "shared/alloc.h"
#include "shared/json.h"
#include "shared/jwt.h"

typedef bool (*read_fn)(json_t *root, struct hub_message *message, struct osy_error *err);

#define POSITION_CHARACTERS 64 /* at most; more is no position */

#define TYPE_FIELD                                             \
    {                                                          \
        "type", OSY_JSON_STRING, false, 1, 32, &(const char *) \
        {                                                      \
            NULL                                               \
        }                                                      \
    }

static bool read_position(const char *text, struct osy_position *position, struct osy_error *err)
{
    if (!osy_position_parse(text, strlen(text), position))
        return osy_error_set(err, OSY_ERR_INVALID, "'position' is not a position");
    return true;
}

static bool read_auth(json_t *root, struct hub_message *message, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        TYPE_FIELD,
        {"token", OSY_JSON_STRING, false, 1, OSY_JWT_MAX, &message->token},
        {0},
    };
    return osy_json_read(root, "", fields, err);
}

static bool check_device(const char *text, struct osy_error *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return text[strspn(text, allowed)] == '\0' ||
           osy_error_set(err, OSY_ERR_INVALID, "'device' must be 1 to 64 of A-Za-z0-9_-");
}

static bool read_resume(json_t *root, struct hub_message *message, struct osy_error *err)
{
    const char *text = NULL;
    const struct osy_json_field fields[] = {
        TYPE_FIELD,
        {"position", OSY_JSON_STRING, true, 1, POSITION_CHARACTERS, &text},
        {"device", OSY_JSON_STRING, true, 1, 64, &message->device},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    /* null means "from now on"; nobody says that by forgetting the field. */
    if (!json_object_get(root, "position"))
        return osy_error_set(err, OSY_ERR_INVALID, "'position' is missing");
    if (message->device && !check_device(message->device, err))
        return false;
    message->has_position = text != NULL;
    return !text || read_position(text, &message->position, err);
}

static bool is_named_before(const struct hub_message *message, const struct osy_uuid *id)
{
    for (size_t i = 0; i < message->choice_count; i++) {
        if (osy_uuid_equal(&message->choices[i].restaurant_id, id))
            return true;
    }
    return false;
}

static bool read_choice(json_t *object, const char *path, struct hub_choice *choice,
                        struct osy_error *err)
{
    const char *text = NULL;
    const struct osy_json_field fields[] = {
        {"id", OSY_JSON_UUID, false, 0, 0, &choice->restaurant_id},
        {"position", OSY_JSON_STRING, true, 1, POSITION_CHARACTERS, &text},
        {0},
    };
    if (!osy_json_read(object, path, fields, err))
        return false;
    if (!json_object_get(object, "position"))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sposition' is missing", path);
    choice->has_position = text != NULL;
    if (text && (!osy_position_parse(text, strlen(text), &choice->position) ||
                 choice->position.kind != OSY_POSITION_RESTAURANT))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sposition' is not a restaurant's position",
                             path);
    return true;
}

static bool read_choices(json_t *root, struct hub_message *message, struct osy_error *err)
{
    json_t *list = NULL;
    const struct osy_json_field fields[] = {
        TYPE_FIELD,
        {"restaurants", OSY_JSON_ARRAY, false, 1, HUB_CHOICES_MAX, &list},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    message->choices = osy_alloc_array(json_array_size(list), sizeof message->choices[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct hub_choice choice = {0};
        char path[40];
        snprintf(path, sizeof path, "restaurants[%zu].", i);
        if (!read_choice(json_array_get(list, i), path, &choice, err))
            return false;
        if (is_named_before(message, &choice.restaurant_id))
            return osy_error_set(err, OSY_ERR_INVALID, "'%sid' is named twice", path);
        message->choices[message->choice_count++] = choice;
    }
    return true;
}

static bool read_ack(json_t *root, struct hub_message *message, struct osy_error *err)
{
    const char *position = NULL, *state = NULL;
    const struct osy_json_field fields[] = {
        TYPE_FIELD,
        {"position", OSY_JSON_STRING, false, 1, POSITION_CHARACTERS, &position},
        {"state", OSY_JSON_STRING, false, 1, 16, &state},
        {"device", OSY_JSON_STRING, false, 1, 64, &message->device},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    message->is_displayed = strcmp(state, "displayed") == 0;
    if (!message->is_displayed && strcmp(state, "received") != 0)
        return osy_error_set(err, OSY_ERR_INVALID, "'state' must be received or displayed");
    return check_device(message->device, err) && read_position(position, &message->position, err);
}

static bool read_ping(json_t *root, struct hub_message *message, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        TYPE_FIELD,
        {"id", OSY_JSON_INTEGER, true, 0, (1LL << 53) - 1, &message->id},
        {0},
    };
    return osy_json_read(root, "", fields, err);
}

enum paths { STREAMS = 1, DASHBOARDS = 2, ALL = STREAMS | DASHBOARDS };

static const struct {
    const char *type;
    enum paths paths; /* on which it may be said */
    read_fn read;
    hub_message_fn handle;
} types[] = {
    {"auth", ALL, read_auth, hub_session_handle_auth},
    {"resume", STREAMS, read_resume, hub_session_handle_resume},
    {"resume", DASHBOARDS, read_choices, hub_session_handle_choice},
    {"ack", ALL, read_ack, hub_session_handle_ack},
    {"ping", ALL, read_ping, hub_session_handle_ping},
};

static bool read_by_type(json_t *root, enum paths path, struct hub_message *message,
                         struct osy_error *err)
{
    const char *type = json_string_value(json_object_get(root, "type"));
    if (!type)
        return osy_error_set(err, OSY_ERR_INVALID, "'type' must be a string");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if ((types[i].paths & path) && strcmp(types[i].type, type) == 0) {
            message->handle = types[i].handle;
            return types[i].read(root, message, err);
        }
    }
    return osy_error_set(err, OSY_ERR_NOT_FOUND, "unknown type");
}

bool hub_message_parse(const char *bytes, size_t length, const struct hub_target *target,
                       struct hub_message *message, struct osy_error *err)
{
    *message = (struct hub_message){.id = -1};
    message->root = osy_json_parse(bytes, length, JSON_OBJECT, err);
    if (!message->root)
        return false;
    bool ok =
        read_by_type(message->root, target->is_dashboard ? DASHBOARDS : STREAMS, message, err);
    if (ok && message->position.kind != OSY_POSITION_NONE && message->position.kind != target->kind)
        ok = osy_error_set(err, OSY_ERR_INVALID, "'position' is of another kind of stream");
    if (!ok)
        hub_message_deinit(message);
    return ok;
}

void hub_message_deinit(struct hub_message *message)
{
    free(message->choices);
    json_decref(message->root);
    *message = (struct hub_message){0};
}
