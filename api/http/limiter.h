/*
 * Rate limits: whether a client may ask for what it asks for, and how all processes come to know of it.
 *
 * The decision is made at once, by this process's budgets (api/http/budgets.h): nobody waits for Redis. What was
 * counted goes there behind the requests' backs, one script for each budget that has a sixty-fourth of its limit to
 * tell, and the sums of all processes come back. So N processes together may grant more than the limit by what they
 * have not told each other, N times a sixty-fourth of it and what comes within ORDERSYNC_RATE_SYNC_MS and a round trip;
 * what is refused costs no round trip at all, however much it is. Without Redis each process limits for itself.
 *
 *   a request with a user's token   counts against the user and, where the token has exactly one, the restaurant
 *   any other                       against the address (IPv6: its /64)
 *   one that costs more than usual  against the address in any case: whoever has many accounts, and so many budgets,
 *                                   has the processor no more often than others
 *   a token that is no good         against a budget of its own of that address; who has used that up is not asked
 *                                   for tokens any more, for checking one costs more than all else
 *
 * In Redis a client goes by a keyed digest, so nobody reads addresses there. Loop thread.
 */
#pragma once
#include <uv.h>

#include "api/http/budgets.h"

struct api_limiter;
struct api_networks;
struct api_principal;
struct osy_metrics;
struct osy_redis_shards;

#define API_LIMITER_SECRET_BYTES 32

struct api_limiter_options {
    struct api_budgets_options budgets;
    uint32_t sync_ms;
    const struct api_networks *exempt; /* borrowed: addresses that have no limits; NULL: none */
    struct osy_redis_shards *redis;    /* borrowed; NULL: this process limits for itself */
    uint8_t secret[API_LIMITER_SECRET_BYTES]; /* the same in all processes */
    struct osy_metrics *metrics;
};

struct api_limiter *api_limiter_create(uv_loop_t *loop, const struct api_limiter_options *options);
/* After redis was destroyed, because its last answers come here. Memory goes when libuv has closed the handle.
 * NULL is fine. */
void api_limiter_destroy(struct api_limiter *limiter);

/* Whether client (an address as text) may ask for cost; counts it if so. state: of the tightest budget. */
bool api_limiter_admit(struct api_limiter *limiter, const char *client,
                       const struct api_principal *principal, uint32_t cost,
                       struct api_budget_state *state);
/* Whether a token from client is worth looking at. */
bool api_limiter_takes_tokens(struct api_limiter *limiter, const char *client,
                              struct api_budget_state *state);
/* It was no good. */
void api_limiter_note_bad_token(struct api_limiter *limiter, const char *client);
