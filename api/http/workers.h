/*
 * The worker pool: a fixed number of threads that may block, each with its own PostgreSQL and Redis
 * connection (made on first use). The queue is bounded; who finds it full says so to its client.
 * Jobs are submitted on the loop thread, their work runs on some worker, and done runs on the loop again;
 * the job's memory is the caller's throughout (embed it).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"

struct api_breakers;
struct api_context;
struct osy_metrics;
struct osy_pg;
struct osy_redis_blocking_shards;

/* What a handler on a worker has for itself. */
struct api_worker {
    struct api_context *context; /* shared: only what is immutable or thread-safe in it */
    struct osy_pg *pg;
    struct osy_redis_blocking_shards *redis; /* NULL when the pool was made without Redis */
};

struct api_job {
    /* worker->pg has no deadline until the work sets one. */
    void (*work)(struct api_worker *worker, struct api_job *job);
    void (*done)(struct api_job *job); /* on the loop; may free the job and submit it again */
    struct api_job *next;              /* the pool's */
};

struct api_workers_options {
    const char *name; /* "worker": in thread names, pg_stat_activity and metrics; static */
    uint32_t threads;
    uint32_t queue_max;            /* jobs that wait */
    int niceness;                  /* 0: as the process; up to 19: gives way to the other threads */
    uint32_t deadline_ms;          /* as in osy_pg_options; 0: jobs have none, or seconds */
    const char *database_url;      /* copied */
    const char *redis;             /* as osy_redis_map_create reads it; copied; NULL: no Redis */
    struct osy_metrics *metrics;   /* NULL: none */
    struct api_breakers *breakers; /* borrowed; NULL: none */
    struct api_context *context;   /* borrowed */
};

struct api_workers;

/* OSY_ERR_INVALID for a bad URL. */
struct api_workers *api_workers_create(uv_loop_t *loop, const struct api_workers_options *options,
                                       struct osy_error *err);
/* Ends when the jobs that already run have ended and runs every remaining done before it returns (jobs that
 * still waited are not worked, only done). Memory goes when libuv has closed the handle. NULL is fine. */
void api_workers_destroy(struct api_workers *workers);
/* False (nothing will be called): the queue is full. */
OSY_MUST_CHECK bool api_workers_submit(struct api_workers *workers, struct api_job *job);
