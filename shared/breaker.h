/*
 * A circuit breaker around what others run: PostgreSQL, a Redis server. While that does not answer, whoever would ask
 * is told so at once, instead of waiting each for itself, and what comes back is not met by all who waited.
 *
 *   CLOSED --it fails--> OPEN --cool-down over--> HALF_OPEN --so many probes ended well--> CLOSED
 *                         ^                           |
 *                         +------- a probe failed ----+   (each time it cools down longer, with jitter)
 *
 * It fails when a number of calls in a row have failed and a time has passed in which none ended well; or, where that
 * is set, when a share of all calls within a window has failed. A call has failed when nobody answered: an error that
 * was answered is an answer. A call that ends well while it is OPEN is as good as a probe; one from before that fails while
 * it is HALF_OPEN says nothing.
 * A probe that nobody reports on is forgotten after the longest cool-down. Any thread; time is passed in (monotonic).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum osy_breaker_state { OSY_BREAKER_CLOSED = 0, OSY_BREAKER_OPEN, OSY_BREAKER_HALF_OPEN };

struct osy_breaker_options {
    uint32_t failures;   /* in a row, */
    uint32_t failing_ms; /* the first of which began so long ago */
    uint32_t percent;    /* of the calls in a window; 0: that does not count */
    uint32_t window_ms, calls_least;
    uint32_t probes; /* at a time, and that have to end well */
    uint32_t cool_down_ms, cool_down_most_ms;
    /* Within the call that changed it, under the breaker's lock: no call into the breaker. NULL: nobody wants to know. */
    void (*on_change)(void *context, enum osy_breaker_state state);
    void *context;
};

struct osy_breaker;

struct osy_breaker *osy_breaker_create(const struct osy_breaker_options *options);
void osy_breaker_destroy(struct osy_breaker *breaker); /* NULL is fine */
/* Whether to call. Who does reports how it ended. */
bool osy_breaker_allows(struct osy_breaker *breaker, int64_t now_ms);
void osy_breaker_note(struct osy_breaker *breaker, bool ok, int64_t started_ms, int64_t now_ms);
/* Instead: the call ended in a way that says nothing of who was called. */
void osy_breaker_withdraw(struct osy_breaker *breaker);
enum osy_breaker_state osy_breaker_state(const struct osy_breaker *breaker);
