/*
 * An outbox: the frames that wait for one socket. It holds references, never copies. There are two
 * classes of frames:
 *
 *   in order   events and whatever else must all come, in the order in which they were pushed. Bounded in
 *              messages and bytes; what does not fit is refused, and the socket that reads so slowly is
 *              closed by whoever tried to send.
 *   latest     states of which only the latest matters, by kind and restaurant. A newer one replaces the
 *              one that still waits, and goes behind all that was pushed before it, so that it never
 *              tells of a moment whose events are still to come. There can be no more of them than kinds and
 *              restaurants, so they need no bound and never overflow anything.
 *
 * Most of ten thousand outboxes are empty, and of the others most hold one frame: neither owns memory. Loop
 * thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/frame.h"
#include "shared/uuid.h"

enum hub_latest_kind { HUB_LATEST_HEARTBEAT = 0, HUB_LATEST_PRESENCE, HUB_LATEST_FIGURES };

struct hub_latest {
    enum hub_latest_kind kind;
    struct osy_uuid restaurant_id; /* nil: of no restaurant in particular */
    uint64_t after;                /* goes out once so many frames in order have */
    struct hub_frame *frame;       /* owned reference */
};

struct hub_outbox {
    union {                      /* the frames in order; a reference to each is owned */
        struct hub_frame *only;  /* capacity 0: there is at most this one */
        struct hub_frame **ring; /* owned */
    };
    uint32_t capacity, head, count;
    uint32_t latest_count, latest_capacity;
    uint64_t popped; /* frames in order that have left */
    size_t bytes;    /* of the frames in order */
    size_t latest_bytes;
    struct hub_latest *latest; /* owned; by `after`; NULL while there are none */
};

/* Takes a reference. False when max_messages would be passed, or max_bytes unless no frame in order waits
 * (a single message may be as big as it likes). */
bool hub_outbox_push(struct hub_outbox *outbox, struct hub_frame *frame, size_t max_messages,
                     size_t max_bytes);
/* Takes a reference; replaces what waits of the same kind and restaurant. */
void hub_outbox_put_latest(struct hub_outbox *outbox, enum hub_latest_kind kind,
                           const struct osy_uuid *restaurant_id, struct hub_frame *frame);
size_t hub_outbox_frames(const struct hub_outbox *outbox);          /* of both classes */
size_t hub_outbox_bytes(const struct hub_outbox *outbox);           /* of both classes */
struct hub_frame *hub_outbox_peek(const struct hub_outbox *outbox); /* NULL when empty; borrowed */
/* The next frame and its reference go to the caller; NULL when empty. */
struct hub_frame *hub_outbox_pop(struct hub_outbox *outbox);
void hub_outbox_clear(struct hub_outbox *outbox); /* empties it and gives its memory back */
