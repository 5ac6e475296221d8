/*
 * A timer wheel: coarse timers (a tick is 100 ms) for ten thousand sockets. Arming and cancelling are
 * O(1), where libwebsockets' own sorted list costs O(n) for each. A timer never fires early and at most
 * two ticks late. It knows no clock: whoever turns it says what time it is, so tests need not wait.
 * Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define HUB_WHEEL_TICK_MS 100
#define HUB_WHEEL_SLOTS   512 /* 51 s; a later timer stays in its slot for several rounds */

struct hub_wheel_timer;
typedef void (*hub_wheel_fn)(struct hub_wheel_timer *timer);

/* Embedded in whatever it wakes. Zeroed is "not armed". */
struct hub_wheel_timer {
    struct hub_wheel_timer *next, **link; /* link is what points at us; NULL while not armed */
    int64_t due_tick;
    hub_wheel_fn fn;
};

struct hub_wheel {
    struct hub_wheel_timer *slots[HUB_WHEEL_SLOTS];
    int64_t tick; /* the last one that was handled */
};

void hub_wheel_init(struct hub_wheel *wheel, int64_t now_ms);
/* Arms or re-arms. The wheel borrows timer until it has fired or is cancelled. */
void hub_wheel_arm(struct hub_wheel *wheel, struct hub_wheel_timer *timer, int64_t due_ms,
                   hub_wheel_fn fn);
void hub_wheel_cancel(struct hub_wheel_timer *timer); /* fine when it is not armed */
bool hub_wheel_is_armed(const struct hub_wheel_timer *timer);
/* Fires what is due. A callback may arm and cancel any timer, its own too, and free what held its own. */
void hub_wheel_turn(struct hub_wheel *wheel, int64_t now_ms);
