#include "api/breakers.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/redis_map.h"
#include "shared/redis_topology.h"

#define NAME_BYTES 64

struct guard {
    struct osy_breaker *breaker; /* owned; NULL: there is no such dependency */
    struct osy_metric *state;
    char dependency[NAME_BYTES];
};

struct api_breakers {
    struct guard postgresql, orders, redis[OSY_REDIS_SHARDS_MAX];
    struct osy_breaker *redis_breakers[OSY_REDIS_SHARDS_MAX]; /* borrowed from redis */
};

static const struct osy_breaker_options postgresql_options = {
    .failures = 3,
    .failing_ms = 2000,
    .percent = 50,
    .window_ms = 10000,
    .calls_least = 20,
    .probes = 2,
    .cool_down_ms = 250,
    .cool_down_most_ms = 2000,
};

/* A lane has few transactions, and most of those that fail do so within milliseconds: a share of them tells nothing. */
static const struct osy_breaker_options orders_options = {
    .failures = 3,
    .failing_ms = 2500,
    .window_ms = 10000,
    .probes = 2,
    .cool_down_ms = 250,
    .cool_down_most_ms = 2000,
};

/* What Redis is asked for on a worker can be done without it, so the first second of waiting is the last. */
static const struct osy_breaker_options redis_options = {
    .failures = 3,
    .failing_ms = 500,
    .percent = 50,
    .window_ms = 10000,
    .calls_least = 20,
    .probes = 1,
    .cool_down_ms = 100,
    .cool_down_most_ms = 1000,
};

static void on_change(void *context, enum osy_breaker_state state)
{
    struct guard *guard = context;

    osy_metric_set(guard->state, (double)state);
    if (state == OSY_BREAKER_OPEN)
        OSY_WARN("circuit_breaker_open", OSY_STR("dependency", guard->dependency));
    else if (state == OSY_BREAKER_CLOSED)
        OSY_INFO("circuit_breaker_closed", OSY_STR("dependency", guard->dependency));
}

static void init_guard(struct guard *guard, const char *dependency,
                       const struct osy_breaker_options *usual, struct osy_metric_family *states)
{
    struct osy_breaker_options options = *usual;

    snprintf(guard->dependency, sizeof guard->dependency, "%s", dependency);
    guard->state = osy_metric_with(states, &dependency);
    options.on_change = on_change;
    options.context = guard;
    guard->breaker = osy_breaker_create(&options);
}

static bool init_redis(struct api_breakers *breakers, const char *redis,
                       struct osy_metric_family *states, struct osy_error *err)
{
    struct osy_redis_map *map;

    if (osy_redis_topology_is_cluster(redis)) {
        init_guard(&breakers->redis[0], "redis", &redis_options, states);
        return true;
    }
    map = osy_redis_map_create(redis, err);
    for (size_t i = 0; map && i < osy_redis_map_count(map); i++)
        init_guard(&breakers->redis[i], osy_redis_map_name(map, i), &redis_options, states);
    osy_redis_map_destroy(map);
    return map != NULL;
}

struct api_breakers *api_breakers_create(const char *redis, struct osy_metrics *metrics,
                                         struct osy_error *err)
{
    struct api_breakers *breakers = osy_alloc(sizeof *breakers);
    struct osy_metric_family *states = osy_metrics_gauge_family(
        metrics, "circuit_breaker_state", "0 closed, 1 open (not asked), 2 half open (probing).",
        "dependency");

    init_guard(&breakers->postgresql, "postgresql", &postgresql_options, states);
    init_guard(&breakers->orders, "postgresql_orders", &orders_options, states);
    if (!init_redis(breakers, redis, states, err)) {
        api_breakers_destroy(breakers);
        return NULL;
    }
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        breakers->redis_breakers[i] = breakers->redis[i].breaker;
    return breakers;
}

void api_breakers_destroy(struct api_breakers *breakers)
{
    if (!breakers)
        return;
    osy_breaker_destroy(breakers->postgresql.breaker);
    osy_breaker_destroy(breakers->orders.breaker);
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        osy_breaker_destroy(breakers->redis[i].breaker);
    free(breakers);
}

struct osy_breaker *api_breakers_postgresql(struct api_breakers *breakers)
{
    return breakers->postgresql.breaker;
}

struct osy_breaker *api_breakers_orders(struct api_breakers *breakers)
{
    return breakers->orders.breaker;
}

struct osy_breaker *const *api_breakers_redis(struct api_breakers *breakers)
{
    return breakers->redis_breakers;
}
