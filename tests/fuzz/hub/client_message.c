/* A client's message: whatever is accepted has what its handler relies on. */
#include <string.h>

#include "hub/messages.h"
#include "hub/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check(const struct hub_message *message, enum osy_position_kind kind)
{
    bool is_auth = message->handle == hub_session_handle_auth;
    bool is_ack = message->handle == hub_session_handle_ack;
    bool needs_position = is_ack || message->has_position;
    if (!message->handle || !message->root || (is_auth && !message->token) ||
        (is_ack && (!message->device || strlen(message->device) > 64)) ||
        (needs_position && message->position.kind != kind) || message->id < -1)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct hub_message message;
    struct osy_error err;
    if (length > HUB_MESSAGE_MAX_BYTES) /* such a message never gets this far */
        return 0;
    for (int kind = OSY_POSITION_RESTAURANT; kind <= OSY_POSITION_ORDER; kind++) {
        if (!hub_message_parse((const char *)bytes, length, (enum osy_position_kind)kind, &message,
                               &err))
            continue;
        check(&message, (enum osy_position_kind)kind);
        hub_message_deinit(&message);
    }
    return 0;
}
