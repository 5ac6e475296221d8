#include "loadtest/acks.h"

#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

struct load_acks *load_acks_create(const char *device)
{
    struct load_acks *acks = osy_alloc(sizeof(*acks));
    strncpy(acks->device, device, sizeof(acks->device) - 1);
    return acks;
}

void load_acks_note(struct load_acks *acks, const char *position)
{
    strncpy(acks->received, position, sizeof(acks->received) - 1);
}

bool load_acks_are_due(const struct load_acks *acks)
{
    return acks->received[0] || acks->displayed[0];
}

static void say(const struct load_acks *acks, const char *position, const char *state,
                void (*send)(void *context, const char *text, size_t length), void *context)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    if (!position[0])
        return;
    osy_buffer_text(&out, "{\"type\":\"ack\",\"position\":");
    osy_buffer_json_string(&out, position);
    osy_buffer_printf(&out, ",\"state\":\"%s\",\"device\":", state);
    osy_buffer_json_string(&out, acks->device);
    osy_buffer_char(&out, '}');
    send(context, out.bytes, out.length);
    osy_buffer_deinit(&out);
}

void load_acks_turn(struct load_acks *acks,
                    void (*send)(void *context, const char *text, size_t length), void *context)
{
    say(acks, acks->displayed, "displayed", send, context);
    say(acks, acks->received, "received", send, context);
    memcpy(acks->displayed, acks->received, sizeof(acks->displayed));
    acks->received[0] = '\0';
}
