#include "api/background/background.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/events/reconciler.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/jwt.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking.h"

enum {
    RECONCILE_GRACE_MS = 300,
    REDIS_TIMEOUT_MS = 2000,
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
    struct osy_redis_blocking *redis;
    struct api_reconciler *reconciler;
    struct api_task_thread *thread;
};

static bool run_reconciler(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    size_t published = 0;
    (void)more;
    bool ok = api_reconciler_pass(background->reconciler, &published, err);
    if (published > 0)
        OSY_INFO("events_reconciled", OSY_INT("published", published));
    return ok;
}

static bool make_partitions(void *context, bool *more, struct osy_error *err)
{
    struct api_background *background = context;
    PGresult *result = osy_pg_query(background->pg, sql_make_audit_partitions, 0, NULL, err);
    (void)more;
    PQclear(result);
    return result != NULL;
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

static void free_background(struct api_background *background)
{
    api_reconciler_destroy(background->reconciler);
    osy_redis_blocking_destroy(background->redis);
    osy_pg_destroy(background->pg);
    free(background);
}

struct api_background *api_background_start(const struct api_config *config,
                                            struct osy_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {
        {"reconcile", config->reconcile_interval_ms, run_reconciler},
        {"make_partitions", PARTITION_INTERVAL_MS, make_partitions},
        {"delete_expired_keys", EXPIRY_INTERVAL_MS, delete_expired_keys},
        {"delete_old_revocations", REVOCATION_INTERVAL_MS, delete_old_revocations},
        {"delete_old_receipts", RETENTION_INTERVAL_MS, delete_old_receipts},
        {"delete_old_alerts", RETENTION_INTERVAL_MS, delete_old_alerts},
        {"delete_old_devices", RETENTION_INTERVAL_MS, delete_old_devices},
        {0},
    };
    struct api_background *background = osy_alloc(sizeof *background);
    background->config = config;
    background->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                            .application_name = "ordersync-work"});
    background->redis = osy_redis_blocking_create(config->redis_url, REDIS_TIMEOUT_MS, err);
    if (!background->redis)
        goto failed;
    background->reconciler = api_reconciler_create(
        &(struct api_reconciler_options){.pg = background->pg,
                                         .redis = background->redis,
                                         .metrics = metrics,
                                         .grace_ms = RECONCILE_GRACE_MS,
                                         .stream_max = (uint64_t)config->stream_events_max});
    background->thread = api_task_thread_start(tasks, background, err);
    if (!background->thread)
        goto failed;
    return background;
failed:
    free_background(background);
    return NULL;
}

void api_background_stop(struct api_background *background)
{
    if (!background)
        return;
    api_task_thread_stop(background->thread);
    free_background(background);
}
