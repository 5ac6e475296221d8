#include "api/events/reconciler_thread.h"

#include <stdlib.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/events/reconciler.h"
#include "shared/alloc.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

enum { GRACE_MS = 300, REDIS_TIMEOUT_MS = 2000 };

struct api_reconciler_thread {
    size_t shard;
    struct osy_pg *pg; /* owned, as is all the rest */
    struct osy_redis_blocking_shards *redis;
    struct api_reconciler *reconciler;
    struct api_task_thread *thread;
};

static bool reconcile(void *context, bool *more, struct osy_error *err)
{
    struct api_reconciler_thread *thread = context;
    const char *server = osy_redis_blocking_shards_name(thread->redis, thread->shard);
    size_t published = 0;
    (void)more;
    bool ok = api_reconciler_pass(thread->reconciler, &published, err);
    if (published > 0)
        OSY_INFO("events_reconciled", OSY_INT("published", published), OSY_STR("server", server));
    return ok || osy_error_prefix(err, "%s", server);
}

static void free_thread(struct api_reconciler_thread *thread)
{
    api_reconciler_destroy(thread->reconciler);
    osy_redis_blocking_shards_destroy(thread->redis);
    osy_pg_destroy(thread->pg);
    free(thread);
}

struct api_reconciler_thread *
api_reconciler_thread_start(const struct api_config *config, size_t shard,
                            const struct api_reconciler_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {
        {"reconcile", config->reconcile_interval_ms, reconcile},
        {0},
    };
    struct api_reconciler_thread *thread = osy_alloc(sizeof *thread);
    thread->shard = shard;
    thread->pg = osy_pg_create(&(struct osy_pg_options){
        .url = config->database_url, .application_name = "ordersync-reconciler"});
    thread->redis = osy_redis_blocking_shards_create(config->redis, REDIS_TIMEOUT_MS, err);
    if (!thread->redis)
        goto failed;
    thread->reconciler = api_reconciler_create(
        &(struct api_reconciler_options){.pg = thread->pg,
                                         .redis = thread->redis,
                                         .shard = shard,
                                         .metrics = *metrics,
                                         .grace_ms = GRACE_MS,
                                         .stream_max = (uint64_t)config->stream_events_max});
    thread->thread = api_task_thread_start(tasks, thread, err);
    if (thread->thread)
        return thread;
failed:
    free_thread(thread);
    return NULL;
}

void api_reconciler_thread_stop(struct api_reconciler_thread *thread)
{
    if (!thread)
        return;
    api_task_thread_stop(thread->thread);
    free_thread(thread);
}
