#include "api/health/health.h"

#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"
#include "shared/revocation_feed.h"

#define INTERVAL_MS 1000

struct check {
    bool ok;
    struct osy_error err;
};

struct api_health {
    uv_timer_t timer;
    struct api_workers *workers; /* one thread */
    struct api_job job;
    bool is_asking, is_closing;

    struct check asked_database, asked_redis; /* the thread's, while is_asking */
    struct check database, redis;             /* the loop's: the last answers */
    bool is_draining, has_asked;
    struct osy_metric *database_up, *redis_up;
};

/* ---- asking ---- */

static void ask(struct api_worker *worker, struct api_job *job)
{
    struct api_health *health =
        (struct api_health *)((char *)job - offsetof(struct api_health, job));
    PGresult *result;

    health->asked_database = health->asked_redis = (struct check){0};
    result = osy_pg_query(worker->pg, sql_ask_database, 0, NULL, &health->asked_database.err);
    health->asked_database.ok = result != NULL;
    PQclear(result);
    health->asked_redis.ok =
        osy_redis_blocking_shards_ping(worker->redis, &health->asked_redis.err);
}

/* Logs a change once, not every second. */
static void take_answer(struct check *known, const struct check *asked, bool is_first,
                        struct osy_metric *up, const char *name)
{
    if (!asked->ok && (known->ok || is_first))
        OSY_WARN("dependency_down", OSY_STR("name", name), OSY_ERR(&asked->err));
    else if (asked->ok && !known->ok)
        OSY_INFO("dependency_up", OSY_STR("name", name));
    *known = *asked;
    osy_metric_set(up, asked->ok ? 1 : 0);
}

static void on_asked(struct api_job *job)
{
    struct api_health *health =
        (struct api_health *)((char *)job - offsetof(struct api_health, job));
    bool is_first = !health->has_asked;

    health->is_asking = false;
    if (health->is_closing)
        return;
    health->has_asked = true;
    take_answer(&health->database, &health->asked_database, is_first, health->database_up,
                "database");
    take_answer(&health->redis, &health->asked_redis, is_first, health->redis_up, "redis");
}

static void on_timer(uv_timer_t *timer)
{
    struct api_health *health = timer->data;

    if (!health->is_asking)
        health->is_asking = api_workers_submit(health->workers, &health->job);
}

struct api_health *api_health_create(uv_loop_t *loop, const struct api_config *config,
                                     struct osy_metrics *metrics, struct osy_error *err)
{
    struct api_health *health = osy_alloc(sizeof *health);
    const struct api_workers_options options = {.name = "health",
                                                .threads = 1,
                                                .queue_max = 1,
                                                .database_url = config->database_url,
                                                .redis = config->redis};
    struct osy_metric_family *up = osy_metrics_gauge_family(
        metrics, "dependency_up", "Whether it answered within the last second.", "name");

    health->workers = api_workers_create(loop, &options, err);
    if (!health->workers) {
        free(health);
        return NULL;
    }
    health->job = (struct api_job){.work = ask, .done = on_asked};
    health->database_up = osy_metric_with(up, (const char *const[]){"database"});
    health->redis_up = osy_metric_with(up, (const char *const[]){"redis"});
    uv_timer_init(loop, &health->timer);
    health->timer.data = health;
    uv_timer_start(&health->timer, on_timer, 0, INTERVAL_MS);
    return health;
}

void api_health_set_draining(struct api_health *health)
{
    health->is_draining = true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void api_health_destroy(struct api_health *health)
{
    if (!health)
        return;
    health->is_closing = true;
    api_workers_destroy(health->workers);
    uv_close((uv_handle_t *)&health->timer, on_timer_closed);
}

/* ---- answering ---- */

static void handle_get_health(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    (void)context;
    osy_buffer_text(&body, "{\"status\":\"ok\"}");
    api_reply_json(request, 200, &body);
}

static const char *describe(const struct api_health *health, const struct check *check)
{
    if (!health->has_asked)
        return "unknown";
    return check->ok ? "ok" : "down";
}

static void handle_get_ready(struct api_context *context, struct api_request *request)
{
    const struct api_health *health = context->health;
    const struct osy_revocation_feed *revocations = context->revocations;
    bool knows_revocations = !revocations || osy_revocation_feed_is_current(revocations);
    bool is_ready = health->database.ok && knows_revocations && !health->is_draining;
    struct osy_buffer body = OSY_BUFFER_INIT;

    osy_buffer_printf(&body, "{\"status\":\"%s\",\"database\":\"%s\",\"redis\":\"%s\"}",
                      is_ready ? "ready" : "not ready", describe(health, &health->database),
                      describe(health, &health->redis));
    api_reply_json(request, is_ready ? 200 : 503, &body);
}

static void handle_get_metrics(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_metrics_write(context->metrics, &body);
    api_reply_bytes(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

const struct api_route api_health_routes[] = {
    {"GET", "/health", API_PUBLIC, .on_loop = handle_get_health, .cost = API_COST_FREE},
    {"GET", "/ready", API_PUBLIC, .on_loop = handle_get_ready, .cost = API_COST_FREE},
    {"GET", "/metrics", API_PUBLIC, .on_loop = handle_get_metrics, .cost = API_COST_FREE},
    {0},
};
