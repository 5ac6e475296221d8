/*
 * The reconciler of a Redis server publishes what an API process committed but did not get out to Redis, because it died
 * or that server was away. Each pass compares the last event of a restaurant of that server's in PostgreSQL with the newest in its Redis
 * stream, for the streams that changed since the pass before, and publishes the difference in order. This is
 * the transactional outbox without a write per event. A stream whose events are not PostgreSQL's, because that
 * has gone back in time, begins anew.
 * Any number of reconcilers and API processes may publish the same event: XADD takes it once.
 * After a start, a failure, when Redis was restarted or emptied, when PostgreSQL is another server than before,
 * and every few minutes, a pass looks at all streams.
 * With several Redis servers each has a reconciler of its own, which leaves the others' restaurants alone. A
 * cluster has one: its restaurants change their nodes. A node that is away holds up its own streams only.
 * Blocking; one thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct osy_metrics;
struct osy_pg;
struct osy_redis_blocking_shards;
struct api_reconciler;

/* Shared by the reconcilers of a process. */
struct api_reconciler_metrics {
    struct osy_metric *published, *failures, *behind;
};
void api_reconciler_metrics_init(struct api_reconciler_metrics *metrics,
                                 struct osy_metrics *registry);

struct api_reconciler_options {
    struct osy_pg *pg;                       /* borrowed */
    struct osy_redis_blocking_shards *redis; /* borrowed */
    size_t shard; /* of a list the server whose streams these are; a cluster has one for all */
    struct api_reconciler_metrics metrics;
    uint32_t grace_ms;   /* streams that changed more recently are the API's */
    uint64_t stream_max; /* events that a Redis stream keeps; older ones are not published again */
};

struct api_reconciler *api_reconciler_create(const struct api_reconciler_options *options);
void api_reconciler_destroy(struct api_reconciler *reconciler); /* NULL is fine */
/* One pass. *published: events that Redis did not have. On failure the next pass looks at everything. */
OSY_MUST_CHECK bool api_reconciler_pass(struct api_reconciler *reconciler, size_t *published,
                                        struct osy_error *err);
