/*
 * The circuit breakers of `ordersync-api serve`, one for each dependency and way of using it, with their metric
 * (circuit_breaker_state{dependency}: 0 closed, 1 open, 2 half open) and log lines. Any thread.
 *
 *   postgresql         the worker threads' statements
 *   postgresql_orders  the order writer's transactions. It tries again by itself until an order's deadline, so it gives
 *                      PostgreSQL more time, and a short outage costs no order
 *   <Redis server>     the worker threads' commands, by the server's name ("redis" where there is one, or a cluster)
 *
 * The loop's own links to Redis need none: they are down at once when the server does not answer their pings, whoever
 * asks meanwhile is refused, and each comes up again with the answer to one greeting (shared/redis.h).
 */
#pragma once
#include "shared/breaker.h"
#include "shared/error.h"

struct api_breakers;
struct osy_metrics;

/* redis: as osy_redis_map_create reads it. OSY_ERR_INVALID when it cannot. */
struct api_breakers *api_breakers_create(const char *redis, struct osy_metrics *metrics,
                                         struct osy_error *err);
void api_breakers_destroy(struct api_breakers *breakers); /* NULL is fine */

struct osy_breaker *api_breakers_postgresql(struct api_breakers *breakers);
struct osy_breaker *api_breakers_orders(struct api_breakers *breakers);
/* By place (osy_redis_blocking_shards_guard). Borrowed. */
struct osy_breaker *const *api_breakers_redis(struct api_breakers *breakers);
