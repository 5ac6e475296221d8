#include "api/background/background.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api/config.h"
#include "api/events/reconciler.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking.h"

enum {
    RECONCILE_GRACE_MS = 300,
    REDIS_TIMEOUT_MS = 2000,
    EXPIRY_INTERVAL_MS = 60 * 1000,
    PARTITION_INTERVAL_MS = 60 * 60 * 1000,
};
#define EXPIRY_CHUNK      1000
#define EXPIRY_CHUNK_TEXT "1000"

struct api_background;

struct task {
    const char *name;
    int64_t interval_ms, due_ms;
    bool failing;
    /* *more: there is more to do at once, after the other tasks had their turn */
    bool (*run)(struct api_background *background, bool *more, struct osy_error *err);
};

enum { TASK_COUNT = 3 };

struct api_background {
    struct osy_pg *pg; /* owned, as is all the rest */
    struct osy_redis_blocking *redis;
    struct api_reconciler *reconciler;
    struct task tasks[TASK_COUNT];
    pthread_t thread;
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;
};

static bool run_reconciler(struct api_background *background, bool *more, struct osy_error *err)
{
    size_t published = 0;
    (void)more;
    bool ok = api_reconciler_pass(background->reconciler, &published, err);
    if (published > 0)
        OSY_INFO("events_reconciled", OSY_INT("published", published));
    return ok;
}

static bool make_partitions(struct api_background *background, bool *more, struct osy_error *err)
{
    PGresult *result = osy_pg_query(background->pg, sql_make_audit_partitions, 0, NULL, err);
    (void)more;
    PQclear(result);
    return result != NULL;
}

/* Keys come as fast as orders do, so one chunk at an interval would not keep up. */
static bool delete_expired_keys(struct api_background *background, bool *more,
                                struct osy_error *err)
{
    PGresult *result = osy_pg_query(background->pg, sql_delete_expired_keys, 1,
                                    (const char *const[]){EXPIRY_CHUNK_TEXT}, err);
    if (!result)
        return false;
    *more = strtol(PQcmdTuples(result), NULL, 10) >= EXPIRY_CHUNK;
    PQclear(result);
    return true;
}

static void run_task(struct api_background *background, struct task *task)
{
    struct osy_error err = {0};
    bool more = false;
    bool ok = task->run(background, &more, &err);
    if (!ok && !task->failing)
        OSY_WARN("background_task_failing", OSY_STR("task", task->name), OSY_ERR(&err));
    if (ok && task->failing)
        OSY_INFO("background_task_recovered", OSY_STR("task", task->name));
    task->failing = !ok;
    task->due_ms = osy_clock_monotonic_ms() + (more ? 0 : task->interval_ms);
}

/* Sleeps until the next task is due or the end has come. Returns whether to go on. */
static bool wait_for_task(struct api_background *background)
{
    int64_t due_ms = background->tasks[0].due_ms;
    for (size_t i = 1; i < TASK_COUNT; i++) {
        if (background->tasks[i].due_ms < due_ms)
            due_ms = background->tasks[i].due_ms;
    }
    struct timespec until = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
    int timed_out = 0;
    pthread_mutex_lock(&background->mutex);
    while (!background->stopping && timed_out == 0)
        timed_out = pthread_cond_timedwait(&background->wake, &background->mutex, &until);
    bool go_on = !background->stopping;
    pthread_mutex_unlock(&background->mutex);
    return go_on;
}

static void *run_thread(void *context)
{
    struct api_background *background = context;
    while (wait_for_task(background)) {
        int64_t now_ms = osy_clock_monotonic_ms();
        for (size_t i = 0; i < TASK_COUNT; i++) {
            if (background->tasks[i].due_ms <= now_ms)
                run_task(background, &background->tasks[i]);
        }
    }
    return NULL;
}

static void free_background(struct api_background *background)
{
    api_reconciler_destroy(background->reconciler);
    osy_redis_blocking_destroy(background->redis);
    osy_pg_destroy(background->pg);
    free(background);
}

static void init_tasks(struct api_background *background, const struct api_config *config)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    background->tasks[0] =
        (struct task){"reconcile", config->reconcile_interval_ms, now_ms, false, run_reconciler};
    background->tasks[1] =
        (struct task){"make_partitions", PARTITION_INTERVAL_MS, now_ms, false, make_partitions};
    background->tasks[2] = (struct task){"delete_expired_keys", EXPIRY_INTERVAL_MS, now_ms, false,
                                         delete_expired_keys};
}

/* The waits use the monotonic clock: a leap of the wall clock must not hold back an event. */
static void init_wake(struct api_background *background)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&background->mutex, NULL);
    pthread_cond_init(&background->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct api_background *api_background_start(const struct api_config *config,
                                            struct osy_metrics *metrics, struct osy_error *err)
{
    struct api_background *background = osy_alloc(sizeof *background);
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
    init_tasks(background, config);
    init_wake(background);
    if (pthread_create(&background->thread, NULL, run_thread, background) != 0) {
        osy_error_set(err, OSY_ERR_IO, "cannot start the background thread");
        goto failed;
    }
    return background;
failed:
    free_background(background);
    return NULL;
}

void api_background_stop(struct api_background *background)
{
    if (!background)
        return;
    pthread_mutex_lock(&background->mutex);
    background->stopping = true;
    pthread_cond_signal(&background->wake);
    pthread_mutex_unlock(&background->mutex);
    pthread_join(background->thread, NULL);
    pthread_cond_destroy(&background->wake);
    pthread_mutex_destroy(&background->mutex);
    free_background(background);
}
