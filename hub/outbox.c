#include "hub/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/bug.h"

enum { FIRST_CAPACITY = 4 };

static uint32_t larger(uint32_t capacity)
{
    return capacity ? capacity * 2 : FIRST_CAPACITY;
}

/* --- in order ------------------------------------------------------------------------------- */

static struct hub_frame *at(const struct hub_outbox *outbox, uint32_t index)
{
    return outbox->capacity ? outbox->ring[(outbox->head + index) % outbox->capacity]
                            : outbox->only;
}

static bool is_room_taken(const struct hub_outbox *outbox)
{
    return outbox->count == (outbox->capacity ? outbox->capacity : 1);
}

static void free_ring(struct hub_outbox *outbox)
{
    if (outbox->capacity)
        free(outbox->ring);
}

static void grow(struct hub_outbox *outbox)
{
    uint32_t capacity = larger(outbox->capacity);
    struct hub_frame **ring = osy_alloc_array(capacity, sizeof *ring);
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = at(outbox, i);
    free_ring(outbox);
    outbox->ring = ring;
    outbox->capacity = capacity;
    outbox->head = 0;
}

bool hub_outbox_push(struct hub_outbox *outbox, struct hub_frame *frame, size_t max_messages,
                     size_t max_bytes)
{
    bool is_full = outbox->count >= max_messages ||
                   (outbox->count > 0 && outbox->bytes + frame->length > max_bytes);
    if (is_full && !OSY_BUG("queue_unbounded", "a client that does not read is never cut off"))
        return false;
    if (is_room_taken(outbox))
        grow(outbox);
    if (outbox->capacity)
        outbox->ring[(outbox->head + outbox->count) % outbox->capacity] = hub_frame_ref(frame);
    else
        outbox->only = hub_frame_ref(frame);
    outbox->count++;
    outbox->bytes += frame->length;
    return true;
}

static struct hub_frame *pop_in_order(struct hub_outbox *outbox)
{
    struct hub_frame *frame = at(outbox, 0);
    if (outbox->capacity)
        outbox->head = (outbox->head + 1) % outbox->capacity;
    outbox->count--;
    outbox->popped++;
    outbox->bytes -= frame->length;
    return frame;
}

/* --- latest --------------------------------------------------------------------------------- */

static struct hub_frame *remove_latest(struct hub_outbox *outbox, uint32_t index)
{
    struct hub_frame *frame = outbox->latest[index].frame;
    outbox->latest_bytes -= frame->length;
    outbox->latest_count--;
    memmove(&outbox->latest[index], &outbox->latest[index + 1],
            (outbox->latest_count - index) * sizeof outbox->latest[0]);
    return frame;
}

static void drop_older(struct hub_outbox *outbox, enum hub_latest_kind kind,
                       const struct osy_uuid *restaurant_id)
{
    for (uint32_t i = 0; i < outbox->latest_count; i++) {
        const struct hub_latest *latest = &outbox->latest[i];
        if (latest->kind == kind && osy_uuid_equal(&latest->restaurant_id, restaurant_id)) {
            hub_frame_unref(remove_latest(outbox, i));
            return;
        }
    }
}

void hub_outbox_put_latest(struct hub_outbox *outbox, enum hub_latest_kind kind,
                           const struct osy_uuid *restaurant_id, struct hub_frame *frame)
{
    drop_older(outbox, kind, restaurant_id);
    if (outbox->latest_count == outbox->latest_capacity) {
        outbox->latest_capacity = larger(outbox->latest_capacity);
        outbox->latest =
            osy_realloc_array(outbox->latest, outbox->latest_capacity, sizeof outbox->latest[0]);
    }
    outbox->latest[outbox->latest_count++] = (struct hub_latest){
        .kind = kind,
        .restaurant_id = *restaurant_id,
        .after = outbox->popped + outbox->count,
        .frame = hub_frame_ref(frame),
    };
    outbox->latest_bytes += frame->length;
}

static bool is_latest_next(const struct hub_outbox *outbox)
{
    return outbox->latest_count > 0 && outbox->latest[0].after <= outbox->popped;
}

/* --- both ----------------------------------------------------------------------------------- */

size_t hub_outbox_frames(const struct hub_outbox *outbox)
{
    return (size_t)outbox->count + outbox->latest_count;
}

size_t hub_outbox_bytes(const struct hub_outbox *outbox)
{
    return outbox->bytes + outbox->latest_bytes;
}

struct hub_frame *hub_outbox_peek(const struct hub_outbox *outbox)
{
    if (is_latest_next(outbox))
        return outbox->latest[0].frame;
    return outbox->count ? at(outbox, 0) : NULL;
}

struct hub_frame *hub_outbox_pop(struct hub_outbox *outbox)
{
    if (hub_outbox_frames(outbox) == 0)
        return NULL;
    struct hub_frame *frame =
        is_latest_next(outbox) ? remove_latest(outbox, 0) : pop_in_order(outbox);
    if (hub_outbox_frames(outbox) == 0) {
        assert(hub_outbox_bytes(outbox) == 0);
        free_ring(outbox);
        free(outbox->latest);
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
