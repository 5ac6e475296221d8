#include "api/http/workers.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/breakers.h"
#include "shared/alloc.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/pg_settings.h"
#include "shared/redis_blocking_shards.h"

#define REDIS_TIMEOUT_MS 1000

struct job_queue {
    struct api_job *first, **last_next;
    size_t count;
};

struct worker_thread {
    struct api_workers *workers;
    struct api_worker worker;
    pthread_t thread;
};

struct api_workers {
    uv_async_t wake_loop;
    size_t queue_max;
    int niceness;
    size_t thread_count;
    struct worker_thread *threads; /* owned */
    struct osy_metric *queue_depth;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work_came;
    struct job_queue waiting, finished;
    bool is_stopping;
};

static void queue_init(struct job_queue *queue)
{
    *queue = (struct job_queue){.last_next = &queue->first};
}

static void queue_push(struct job_queue *queue, struct api_job *job)
{
    job->next = NULL;
    *queue->last_next = job;
    queue->last_next = &job->next;
    queue->count++;
}

static struct api_job *queue_pop(struct job_queue *queue)
{
    struct api_job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last_next = &queue->first;
    queue->count--;
    return job;
}

/* ---- on a worker ---- */

/* The next job, waiting for one; NULL: the pool ends. */
static struct api_job *wait_for_job(struct api_workers *workers)
{
    struct api_job *job = NULL;

    pthread_mutex_lock(&workers->lock);
    while (!workers->is_stopping && workers->waiting.count == 0)
        pthread_cond_wait(&workers->work_came, &workers->lock);
    if (!workers->is_stopping)
        job = queue_pop(&workers->waiting);
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void give_back(struct api_workers *workers, struct api_job *job)
{
    pthread_mutex_lock(&workers->lock);
    queue_push(&workers->finished, job);
    pthread_mutex_unlock(&workers->lock);
    uv_async_send(&workers->wake_loop);
}

/* On Linux niceness is a thread's own. What fails is a courtesy, not a need. */
static void be_nice(int niceness)
{
    if (niceness > 0 && setpriority(PRIO_PROCESS, (id_t)gettid(), niceness) != 0)
        OSY_WARN("niceness_not_set");
}

static void *run_worker(void *argument)
{
    struct worker_thread *thread = argument;
    struct api_workers *workers = thread->workers;
    struct api_job *job;

    be_nice(workers->niceness);
    while ((job = wait_for_job(workers))) {
        if (workers->queue_depth)
            osy_metric_dec(workers->queue_depth);
        osy_pg_set_deadline(thread->worker.pg, 0); /* not that of the job before */
        job->work(&thread->worker, job);
        give_back(workers, job);
    }
    return NULL;
}

/* ---- on the loop ---- */

static void finish_jobs(struct api_workers *workers)
{
    struct api_job *job, *next;

    pthread_mutex_lock(&workers->lock);
    job = workers->finished.first;
    queue_init(&workers->finished);
    pthread_mutex_unlock(&workers->lock);
    for (; job; job = next) {
        next = job->next;
        job->done(job);
    }
}

static void on_jobs_finished(uv_async_t *async)
{
    finish_jobs(async->data);
}

/* Signals belong to the loop's thread. */
static int start_thread(struct worker_thread *thread, const char *pool, size_t number)
{
    sigset_t all, before;
    char name[16];
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&thread->thread, NULL, run_worker, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return result;
    snprintf(name, sizeof name, "%.10s-%u", pool, (unsigned)(number % 1000));
    pthread_setname_np(thread->thread, name);
    return 0;
}

static bool init_worker(struct api_worker *worker, const struct api_workers_options *options,
                        struct osy_error *err)
{
    char name[64];
    /* Left to itself PostgreSQL would plan a page of orders anew each time, for two fifths of what it costs. */
    struct osy_pg_options pg = {
        .url = options->database_url,
        .application_name = name,
        .breaker = options->breakers ? api_breakers_postgresql(options->breakers) : NULL,
        .deadline_ms = options->deadline_ms,
        .settings = OSY_PG_PROBES_ONLY};

    snprintf(name, sizeof name, "ordersync-api %s", options->name);
    worker->context = options->context;
    worker->pg = osy_pg_create(&pg);
    if (!options->redis)
        return true;
    worker->redis = osy_redis_blocking_shards_create(options->redis, REDIS_TIMEOUT_MS, err);
    if (worker->redis && options->breakers)
        osy_redis_blocking_shards_guard(worker->redis, api_breakers_redis(options->breakers));
    return worker->redis != NULL;
}

static void deinit_worker(struct api_worker *worker)
{
    osy_pg_destroy(worker->pg);
    osy_redis_blocking_shards_destroy(worker->redis);
}

struct api_workers *api_workers_create(uv_loop_t *loop, const struct api_workers_options *options,
                                       struct osy_error *err)
{
    struct api_workers *workers = osy_alloc(sizeof *workers);

    workers->queue_max = options->queue_max;
    workers->niceness = options->niceness;
    workers->threads = osy_alloc_array(options->threads, sizeof *workers->threads);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work_came, NULL);
    queue_init(&workers->waiting);
    queue_init(&workers->finished);
    uv_async_init(loop, &workers->wake_loop, on_jobs_finished);
    workers->wake_loop.data = workers;
    if (options->metrics) {
        char name[48];
        snprintf(name, sizeof name, "%.24s_queue_depth", options->name);
        workers->queue_depth =
            osy_metrics_gauge(options->metrics, name, "Jobs that wait for a thread of this pool.");
    }
    for (size_t i = 0; i < options->threads; i++) {
        struct worker_thread *thread = &workers->threads[i];
        thread->workers = workers;
        if (!init_worker(&thread->worker, options, err)) {
            deinit_worker(&thread->worker);
            api_workers_destroy(workers);
            return NULL;
        }
        if (start_thread(thread, options->name, i) != 0) {
            osy_error_set(err, OSY_ERR_IO, "cannot start a thread");
            deinit_worker(&thread->worker);
            api_workers_destroy(workers);
            return NULL;
        }
        workers->thread_count++;
    }
    return workers;
}

static void on_async_closed(uv_handle_t *handle)
{
    struct api_workers *workers = handle->data;
    pthread_cond_destroy(&workers->work_came);
    pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers);
}

void api_workers_destroy(struct api_workers *workers)
{
    struct api_job *job;

    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_stopping = true;
    pthread_cond_broadcast(&workers->work_came);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->thread_count; i++) {
        pthread_join(workers->threads[i].thread, NULL);
        deinit_worker(&workers->threads[i].worker);
    }
    finish_jobs(workers);
    while ((job = queue_pop(&workers->waiting))) /* no thread is left to lock out */
        job->done(job);
    uv_close((uv_handle_t *)&workers->wake_loop, on_async_closed);
}

bool api_workers_submit(struct api_workers *workers, struct api_job *job)
{
    bool has_room;

    pthread_mutex_lock(&workers->lock);
    has_room = !workers->is_stopping && workers->waiting.count < workers->queue_max;
    if (has_room) {
        if (workers->queue_depth)
            osy_metric_inc(workers->queue_depth);
        queue_push(&workers->waiting, job);
        pthread_cond_signal(&workers->work_came);
    }
    pthread_mutex_unlock(&workers->lock);
    return has_room;
}
