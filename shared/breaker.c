#include "shared/breaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/random.h"

struct osy_breaker {
    struct osy_breaker_options options;
    _Atomic enum osy_breaker_state state; /* written under the lock */
    pthread_mutex_t lock;                 /* guards what follows */

    uint32_t failures_in_row; /* CLOSED */
    int64_t failing_since_ms;
    int64_t window_since_ms;
    uint32_t calls, failed_calls; /* in the window */

    uint32_t openings; /* since it was last CLOSED */
    int64_t cool_until_ms;

    uint32_t probes, good_probes;                 /* HALF_OPEN: under way; ended well */
    int64_t half_open_since_ms, probing_since_ms; /* the latter: since probes were last forgotten */
};

struct osy_breaker *osy_breaker_create(const struct osy_breaker_options *options)
{
    struct osy_breaker *breaker = osy_alloc(sizeof *breaker);

    breaker->options = *options;
    pthread_mutex_init(&breaker->lock, NULL);
    return breaker;
}

void osy_breaker_destroy(struct osy_breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->lock);
    free(breaker);
}

enum osy_breaker_state osy_breaker_state(const struct osy_breaker *breaker)
{
    return atomic_load_explicit(&breaker->state, memory_order_relaxed);
}

/* ---- the states; under the lock ---- */

static void set_state(struct osy_breaker *breaker, enum osy_breaker_state state)
{
    atomic_store_explicit(&breaker->state, state, memory_order_relaxed);
    if (breaker->options.on_change)
        breaker->options.on_change(breaker->options.context, state);
}

/* Half of it is certain, the rest random: many processes do not all come back at once. */
static uint32_t choose_cool_down_ms(const struct osy_breaker *breaker)
{
    uint32_t doublings = breaker->openings < 16 ? breaker->openings : 16;
    uint64_t most_ms = (uint64_t)breaker->options.cool_down_ms << doublings;

    if (most_ms > breaker->options.cool_down_most_ms)
        most_ms = breaker->options.cool_down_most_ms;
    return (uint32_t)(most_ms / 2 + osy_random_below(most_ms / 2 + 1));
}

static void open_now(struct osy_breaker *breaker, int64_t now_ms)
{
    breaker->cool_until_ms = now_ms + choose_cool_down_ms(breaker);
    breaker->openings++;
    set_state(breaker, OSY_BREAKER_OPEN);
}

static void forget_probes(struct osy_breaker *breaker, int64_t now_ms)
{
    breaker->probes = breaker->good_probes = 0;
    breaker->probing_since_ms = now_ms;
    set_state(breaker, OSY_BREAKER_HALF_OPEN);
}

static void begin_probing(struct osy_breaker *breaker, int64_t now_ms)
{
    breaker->half_open_since_ms = now_ms;
    forget_probes(breaker, now_ms);
}

static void begin_window(struct osy_breaker *breaker, int64_t now_ms)
{
    breaker->window_since_ms = now_ms;
    breaker->calls = breaker->failed_calls = 0;
}

static void close_now(struct osy_breaker *breaker, int64_t now_ms)
{
    breaker->failures_in_row = breaker->openings = 0;
    begin_window(breaker, now_ms);
    set_state(breaker, OSY_BREAKER_CLOSED);
}

/* ---- calls ---- */

static bool take_probe(struct osy_breaker *breaker, int64_t now_ms)
{
    if (breaker->probes == breaker->options.probes &&
        now_ms - breaker->probing_since_ms > breaker->options.cool_down_most_ms)
        forget_probes(breaker, now_ms);
    if (breaker->probes == breaker->options.probes)
        return false;
    breaker->probes++;
    return true;
}

bool osy_breaker_allows(struct osy_breaker *breaker, int64_t now_ms)
{
    bool allows = true;

    if (osy_breaker_state(breaker) == OSY_BREAKER_CLOSED)
        return true;
    pthread_mutex_lock(&breaker->lock);
    if (osy_breaker_state(breaker) == OSY_BREAKER_OPEN && now_ms >= breaker->cool_until_ms)
        begin_probing(breaker, now_ms);
    switch (osy_breaker_state(breaker)) {
    case OSY_BREAKER_CLOSED: break; /* meanwhile */
    case OSY_BREAKER_OPEN: allows = false; break;
    case OSY_BREAKER_HALF_OPEN: allows = take_probe(breaker, now_ms); break;
    }
    pthread_mutex_unlock(&breaker->lock);
    return allows;
}

static bool is_failing(const struct osy_breaker *breaker, int64_t now_ms)
{
    const struct osy_breaker_options *options = &breaker->options;

    if (breaker->failures_in_row >= options->failures &&
        now_ms - breaker->failing_since_ms >= options->failing_ms)
        return true;
    return options->percent > 0 && breaker->calls >= options->calls_least &&
           (uint64_t)breaker->failed_calls * 100 >= (uint64_t)breaker->calls * options->percent;
}

static void note_closed(struct osy_breaker *breaker, bool ok, int64_t started_ms, int64_t now_ms)
{
    if (now_ms - breaker->window_since_ms > breaker->options.window_ms)
        begin_window(breaker, now_ms);
    breaker->calls++;
    if (ok) {
        breaker->failures_in_row = 0;
        return;
    }
    breaker->failed_calls++;
    if (breaker->failures_in_row++ == 0)
        breaker->failing_since_ms = started_ms;
    if (is_failing(breaker, now_ms))
        open_now(breaker, now_ms);
}

static void give_probe_back(struct osy_breaker *breaker)
{
    if (breaker->probes > 0)
        breaker->probes--;
}

/* A call from before that failed says nothing new. One that ends well makes room for the next: where many ask and one
 * transaction answers them all, there are fewer ends than probes. */
static void note_half_open(struct osy_breaker *breaker, bool ok, int64_t started_ms, int64_t now_ms)
{
    if (!ok && started_ms >= breaker->half_open_since_ms)
        open_now(breaker, now_ms);
    else if (ok && ++breaker->good_probes >= breaker->options.probes)
        close_now(breaker, now_ms);
    else if (ok)
        give_probe_back(breaker);
}

void osy_breaker_note(struct osy_breaker *breaker, bool ok, int64_t started_ms, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    if (osy_breaker_state(breaker) == OSY_BREAKER_OPEN && ok)
        begin_probing(breaker, now_ms);
    switch (osy_breaker_state(breaker)) {
    case OSY_BREAKER_CLOSED: note_closed(breaker, ok, started_ms, now_ms); break;
    case OSY_BREAKER_OPEN: break; /* a call from before; it is known */
    case OSY_BREAKER_HALF_OPEN: note_half_open(breaker, ok, started_ms, now_ms); break;
    }
    pthread_mutex_unlock(&breaker->lock);
}

void osy_breaker_withdraw(struct osy_breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    if (osy_breaker_state(breaker) == OSY_BREAKER_HALF_OPEN)
        give_probe_back(breaker);
    pthread_mutex_unlock(&breaker->lock);
}
