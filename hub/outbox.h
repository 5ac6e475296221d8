/*
 * An outbox: the frames that wait for one socket. It holds references, never copies, and it is bounded
 * in messages and bytes; what does not fit is refused, and the socket that reads so slowly is closed by
 * whoever tried to send. An empty outbox owns no memory: most of ten thousand are empty.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/frame.h"

struct hub_outbox {
    struct hub_frame **ring; /* owned, as is a reference to each frame in it; NULL while empty */
    uint32_t capacity, head, count;
    size_t bytes;
};

/* Takes a reference. False when max_messages would be passed, or max_bytes unless the outbox is empty
 * (a single message may be as big as it likes). */
bool hub_outbox_push(struct hub_outbox *outbox, struct hub_frame *frame, size_t max_messages,
                     size_t max_bytes);
struct hub_frame *hub_outbox_peek(const struct hub_outbox *outbox); /* NULL when empty; borrowed */
/* The first frame and its reference go to the caller; NULL when empty. */
struct hub_frame *hub_outbox_pop(struct hub_outbox *outbox);
void hub_outbox_clear(struct hub_outbox *outbox); /* empties it and gives its memory back */
