#include "api/background/background.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/audit/heads.h"
#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/events/reconciler.h"
#include "api/events/reconciler_thread.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/jwt.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_map.h"

enum {
    EXPIRY_INTERVAL_MS = 60 * 1000,
    RETENTION_INTERVAL_MS = 10 * 60 * 1000,
    PARTITION_INTERVAL_MS = 60 * 60 * 1000,
    REVOCATION_INTERVAL_MS = 60 * 60 * 1000,
};
#define DELETE_CHUNK      1000
#define DELETE_CHUNK_TEXT "1000"

struct api_background {
    const struct api_config *config; /* borrowed */
    struct osy_pg *pg;               /* owned, as is all the rest */
    struct api_task_thread *thread;
    struct api_audit_heads *heads; /* NULL: none are written */
    struct api_reconciler_metrics reconciler_metrics;
    struct api_reconciler_thread *reconcilers[OSY_REDIS_SHARDS_MAX]; /* one for each server */
};

static bool make_partitions(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    PGresult *result = osy_pg_query(background->pg, sql_make_audit_partitions, 0, NULL, err);
    (void)more;
    if (result && *PQgetvalue(result, 0, 1) == 't') /* nothing drops it with its month */
        OSY_WARN("audit_rows_without_partition");
    PQclear(result);
    return result != NULL;
}

static bool write_audit_heads(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    (void)more;
    return !background->heads || api_audit_heads_write(background->heads, background->pg, err);
}

/* What comes as fast as orders do must go as fast: one chunk at an interval would not keep up. */
static bool delete_chunk(struct api_background *background, const char *sql, int count,
                         const char *const *values, bool *more, struct osy_error *err)
{
    PGresult *result = osy_pg_query(background->pg, sql, count, values, err);
    if (!result)
        return false;
    *more = strtol(PQcmdTuples(result), NULL, 10) >= DELETE_CHUNK;
    PQclear(result);
    return true;
}

static bool delete_expired_keys(void *context, bool *more, struct osy_error *err)
{
    return delete_chunk(context, sql_delete_expired_keys, 1,
                        (const char *const[]){DELETE_CHUNK_TEXT}, more, err);
}

static bool delete_old_replies(void *context, bool *more, struct osy_error *err)
{
    return delete_chunk(context, sql_delete_old_replies, 1,
                        (const char *const[]){DELETE_CHUNK_TEXT}, more, err);
}

static bool delete_old_sessions(void *context, bool *more, struct osy_error *err)
{
    return delete_chunk(context, sql_delete_old_sessions, 1,
                        (const char *const[]){DELETE_CHUNK_TEXT}, more, err);
}

static bool delete_old_attempts(void *context, bool *more, struct osy_error *err)
{
    return delete_chunk(context, sql_delete_old_attempts, 1,
                        (const char *const[]){DELETE_CHUNK_TEXT}, more, err);
}

static bool delete_older(struct api_background *background, const char *sql, int64_t days,
                         bool *more, struct osy_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, days);
    return delete_chunk(background, sql, 2, (const char *const[]){text, DELETE_CHUNK_TEXT}, more,
                        err);
}

static bool delete_old_receipts(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    return delete_older(background, sql_delete_old_receipts, background->config->receipt_days, more,
                        err);
}

static bool delete_old_alerts(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    return delete_older(background, sql_delete_old_alerts, background->config->receipt_days, more,
                        err);
}

static bool delete_old_devices(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    return delete_older(background, sql_delete_old_devices, background->config->device_days, more,
                        err);
}

static bool delete_old_records(void *context, bool *more, struct osy_error *err)
{
    return delete_chunk(context, sql_delete_old_records, 1,
                        (const char *const[]){DELETE_CHUNK_TEXT}, more, err);
}

static bool delete_old_revocations(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    char life_s[24];
    (void)more;
    snprintf(life_s, sizeof life_s, "%d", OSY_JWT_LIFE_MAX_S);
    PGresult *result = osy_pg_query(background->pg, sql_delete_old_revocations, 1,
                                    (const char *const[]){life_s}, err);
    PQclear(result);
    return result != NULL;
}

static bool start_heads(struct api_background *background, struct osy_metrics *metrics,
                        struct osy_error *err)
{
    const struct api_config *config = background->config;
    if (!*config->audit_heads_dir)
        return true;
    background->heads =
        api_audit_heads_create(config->audit_heads_dir, config->keys_dir, metrics, err);
    return background->heads != NULL;
}

/* What was recorded since the last minute is signed before the worker ends, if PostgreSQL is there. */
static void stop_heads(struct api_background *background)
{
    struct osy_error err = {0};
    if (background->heads && !api_audit_heads_write(background->heads, background->pg, &err))
        OSY_WARN("audit_heads_not_written", OSY_ERR(&err));
    api_audit_heads_destroy(background->heads);
}

static bool start_reconcilers(struct api_background *background, struct osy_error *err)
{
    struct osy_redis_map *map = osy_redis_map_create(background->config->redis, err);
    size_t count = map ? osy_redis_map_count(map) : 0;
    bool ok = map != NULL;
    osy_redis_map_destroy(map);
    for (size_t i = 0; ok && i < count; i++) {
        background->reconcilers[i] = api_reconciler_thread_start(
            background->config, i, &background->reconciler_metrics, err);
        ok = background->reconcilers[i] != NULL;
    }
    return ok;
}

struct api_background *api_background_start(const struct api_config *config,
                                            struct osy_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {
        {"make_partitions", PARTITION_INTERVAL_MS, make_partitions},
        {"delete_expired_keys", EXPIRY_INTERVAL_MS, delete_expired_keys},
        {"delete_old_replies", EXPIRY_INTERVAL_MS, delete_old_replies},
        {"delete_old_revocations", REVOCATION_INTERVAL_MS, delete_old_revocations},
        {"delete_old_sessions", RETENTION_INTERVAL_MS, delete_old_sessions},
        {"delete_old_attempts", RETENTION_INTERVAL_MS, delete_old_attempts},
        {"delete_old_receipts", RETENTION_INTERVAL_MS, delete_old_receipts},
        {"delete_old_alerts", RETENTION_INTERVAL_MS, delete_old_alerts},
        {"delete_old_devices", RETENTION_INTERVAL_MS, delete_old_devices},
        {"delete_old_records", RETENTION_INTERVAL_MS, delete_old_records},
        {"write_audit_heads", config->audit_heads_ms, write_audit_heads},
        {0},
    };
    struct api_background *background = osy_alloc(sizeof *background);
    background->config = config;
    background->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                            .application_name = "ordersync-work"});
    api_reconciler_metrics_init(&background->reconciler_metrics, metrics);
    if (start_heads(background, metrics, err))
        background->thread = api_task_thread_start(tasks, background, err);
    if (background->thread && start_reconcilers(background, err))
        return background;
    api_background_stop(background);
    return NULL;
}

void api_background_stop(struct api_background *background)
{
    if (!background)
        return;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        api_reconciler_thread_stop(background->reconcilers[i]);
    api_task_thread_stop(background->thread);
    stop_heads(background);
    osy_pg_destroy(background->pg);
    free(background);
}
