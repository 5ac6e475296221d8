#include "api/presence/reachability.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

enum { REDIS_TIMEOUT_MS = 2000, CHANNEL_BYTES = 64 };

/* Columns of judge_reachability.sql; the first is that of end_leases.sql, too. */
enum { CHANGED_RESTAURANT = 0, CHANGED_REACHABLE };

struct api_reachability {
    struct osy_pg *pg; /* owned, as is all the rest but the metric */
    struct osy_redis_blocking_shards *redis;
    struct api_task_thread *thread;
    struct osy_metric *unreachable;
    int64_t grace_ms, up_since_ms; /* 0: the last statement failed, or there was none */
};

/* While PostgreSQL was away no hub could renew its lease or tell of its devices. When it is back they get
 * some time to do so, before what they did not say counts against anybody. */
static bool is_settled(const struct api_reachability *reachability)
{
    return reachability->up_since_ms &&
           osy_clock_monotonic_ms() >= reachability->up_since_ms + reachability->grace_ms;
}

static PGresult *query(struct api_reachability *reachability, const char *sql, int count,
                       const char *const *values, struct osy_error *err)
{
    PGresult *rows = osy_pg_query(reachability->pg, sql, count, values, err);
    if (!rows)
        reachability->up_since_ms = 0;
    else if (!reachability->up_since_ms)
        reachability->up_since_ms = osy_clock_monotonic_ms();
    return rows;
}

static bool announce_one(struct osy_redis_blocking_shards *redis,
                         const struct osy_uuid *restaurant_id, const char *restaurant)
{
    const char *verb = osy_redis_blocking_shards_publish_verb(redis);
    char channel[CHANNEL_BYTES];
    struct osy_error err = {0};
    snprintf(channel, sizeof channel, "os:{%s}:presence", restaurant);
    const char *const command[] = {verb, channel, "changed"};
    if (osy_redis_blocking_shards_command(redis, restaurant_id, 3, command, NULL, NULL, NULL, &err))
        return true;
    OSY_DEBUG("presence_not_published", OSY_ERR(&err));
    return false;
}

/* A Redis may be away: then the first of its restaurants has found out for the others. */
static void announce(struct api_reachability *reachability, const PGresult *changed)
{
    uint64_t away = 0; /* a bit for each shard */
    for (int row = 0; row < PQntuples(changed); row++) {
        const char *restaurant = PQgetvalue(changed, row, CHANGED_RESTAURANT);
        struct osy_uuid id;
        bool ok = osy_uuid_parse(restaurant, strlen(restaurant), &id);
        assert(ok); /* the column's type is uuid */
        (void)ok;
        uint64_t bit = UINT64_C(1) << osy_redis_blocking_shards_find(reachability->redis, &id);
        if (!(away & bit) && !announce_one(reachability->redis, &id, restaurant))
            away |= bit;
    }
}

static bool end_leases(void *context, bool *more, struct osy_error *err)
{
    struct api_reachability *reachability = context;
    (void)more;
    if (!is_settled(reachability))
        return true;
    PGresult *changed = query(reachability, sql_end_leases, 0, NULL, err);
    if (!changed)
        return false;
    announce(reachability, changed);
    PQclear(changed);
    return true;
}

static void log_changes(const PGresult *changed)
{
    for (int row = 0; row < PQntuples(changed); row++) {
        bool is_reachable = strcmp(PQgetvalue(changed, row, CHANGED_REACHABLE), "t") == 0;
        OSY_INFO(is_reachable ? "restaurant_reachable" : "restaurant_unreachable",
                 OSY_STR("restaurant", PQgetvalue(changed, row, CHANGED_RESTAURANT)));
    }
}

static bool measure(struct api_reachability *reachability, struct osy_error *err)
{
    PGresult *row = query(reachability, sql_count_unreachable, 0, NULL, err);
    if (!row)
        return false;
    osy_metric_set(reachability->unreachable, strtod(PQgetvalue(row, 0, 0), NULL));
    PQclear(row);
    return true;
}

static bool judge(void *context, bool *more, struct osy_error *err)
{
    struct api_reachability *reachability = context;
    (void)more;
    const char *const values[] = {is_settled(reachability) ? "t" : "f"};
    PGresult *changed = query(reachability, sql_judge_reachability, 1, values, err);
    if (!changed)
        return false;
    log_changes(changed);
    announce(reachability, changed);
    PQclear(changed);
    return measure(reachability, err);
}

static void free_reachability(struct api_reachability *reachability)
{
    osy_redis_blocking_shards_destroy(reachability->redis);
    osy_pg_destroy(reachability->pg);
    free(reachability);
}

struct api_reachability *api_reachability_start(const struct api_config *config,
                                                struct osy_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {
        {"end_leases", config->presence_interval_ms, end_leases},
        {"judge_reachability", config->presence_interval_ms, judge},
        {0},
    };
    struct api_reachability *reachability = osy_alloc(sizeof *reachability);
    reachability->grace_ms = config->presence_grace_ms;
    reachability->redis = osy_redis_blocking_shards_create(config->redis, REDIS_TIMEOUT_MS, err);
    if (!reachability->redis)
        goto failed;
    reachability->pg = osy_pg_create(&(struct osy_pg_options){
        .url = config->database_url, .application_name = "ordersync-reachability"});
    reachability->unreachable = osy_metrics_gauge(
        metrics, "restaurants_unreachable", "Restaurants whose devices are all away for too long");
    reachability->thread = api_task_thread_start(tasks, reachability, err);
    if (reachability->thread)
        return reachability;
failed:
    free_reachability(reachability);
    return NULL;
}

void api_reachability_stop(struct api_reachability *reachability)
{
    if (!reachability)
        return;
    api_task_thread_stop(reachability->thread);
    free_reachability(reachability);
}
