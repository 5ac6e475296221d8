/* A client's message: whatever is accepted has what its handler relies on. */
#include <string.h>

#include "hub/messages.h"
#include "hub/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_choices(const struct hub_message *message)
{
    if (message->choice_count == 0 || message->choice_count > HUB_CHOICES_MAX)
        __builtin_trap();
    for (size_t i = 0; i < message->choice_count; i++) {
        const struct hub_choice *choice = &message->choices[i];
        if (choice->has_position && choice->position.kind != OSY_POSITION_RESTAURANT)
            __builtin_trap();
    }
}

static void check(const struct hub_message *message, const struct hub_target *target)
{
    bool is_auth = message->handle == hub_session_handle_auth;
    bool is_ack = message->handle == hub_session_handle_ack;
    bool is_choice = message->handle == hub_session_handle_choice;
    bool needs_position = is_ack || message->has_position;
    if (!message->handle || !message->root || (is_auth && !message->token) ||
        (is_ack && (!message->device || strlen(message->device) > 64)) ||
        (needs_position && message->position.kind != target->kind) || message->id < -1 ||
        (is_choice && !target->is_dashboard))
        __builtin_trap();
    if (is_choice)
        check_choices(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct hub_target targets[] = {
        {.kind = OSY_POSITION_RESTAURANT},
        {.kind = OSY_POSITION_ORDER},
        {.kind = OSY_POSITION_RESTAURANT, .is_dashboard = true},
    };
    struct hub_message message;
    struct osy_error err;
    if (length > HUB_MESSAGE_MAX_BYTES) /* such a message never gets this far */
        return 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (!hub_message_parse((const char *)bytes, length, &targets[i], &message, &err))
            continue;
        check(&message, &targets[i]);
        hub_message_deinit(&message);
    }
    return 0;
}
