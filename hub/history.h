/*
 * A topic's most recent events, contiguous and ending at its cursor: what a session continues from when
 * its replay has been sent, what a reconnect within moments is answered from, and where a customer's order is
 * found who connects just after ordering. Bounded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/event.h"

struct hub_history {
    struct hub_event **ring; /* owned, as is a reference to each event in it */
    size_t capacity, head, count;
};

/* event must follow the newest one. Keeps a reference, and at most `most` events. */
void hub_history_add(struct hub_history *history, struct hub_event *event, size_t most);
/* By number in the restaurant's stream; NULL when it is not there. Borrowed. */
struct hub_event *hub_history_find(const struct hub_history *history, uint64_t seq);
/* The events behind number `after` up to position are all here, and none of them is a new order. */
bool hub_history_lacks_new_order(const struct hub_history *history, uint64_t after,
                                 const struct osy_position *position);
/* The newest event of an order's own stream; NULL when there is none here. Borrowed. */
struct hub_event *hub_history_find_order(const struct hub_history *history,
                                         const struct osy_uuid *order_id);
void hub_history_clear(struct hub_history *history);
