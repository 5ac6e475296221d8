#include "hub/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "shared/alloc.h"

enum { FIRST_CAPACITY = 4 };

static void grow(struct hub_outbox *outbox)
{
    uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : FIRST_CAPACITY;
    struct hub_frame **ring = osy_alloc_array(capacity, sizeof *ring);
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = outbox->ring[(outbox->head + i) % outbox->capacity];
    free(outbox->ring);
    outbox->ring = ring;
    outbox->capacity = capacity;
    outbox->head = 0;
}

bool hub_outbox_push(struct hub_outbox *outbox, struct hub_frame *frame, size_t max_messages,
                     size_t max_bytes)
{
    if (outbox->count >= max_messages)
        return false;
    if (outbox->count > 0 && outbox->bytes + frame->length > max_bytes)
        return false;
    if (outbox->count == outbox->capacity)
        grow(outbox);
    outbox->ring[(outbox->head + outbox->count++) % outbox->capacity] = hub_frame_ref(frame);
    outbox->bytes += frame->length;
    return true;
}

struct hub_frame *hub_outbox_peek(const struct hub_outbox *outbox)
{
    return outbox->count ? outbox->ring[outbox->head] : NULL;
}

struct hub_frame *hub_outbox_pop(struct hub_outbox *outbox)
{
    struct hub_frame *frame = hub_outbox_peek(outbox);
    if (!frame)
        return NULL;
    outbox->head = (outbox->head + 1) % outbox->capacity;
    outbox->count--;
    outbox->bytes -= frame->length;
    if (outbox->count == 0) {
        assert(outbox->bytes == 0);
        free(outbox->ring);
        *outbox = (struct hub_outbox){0};
    }
    return frame;
}

void hub_outbox_clear(struct hub_outbox *outbox)
{
    struct hub_frame *frame;
    while ((frame = hub_outbox_pop(outbox)))
        hub_frame_unref(frame);
}
