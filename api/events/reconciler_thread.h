/*
 * A thread of `ordersync-api work` that keeps one Redis server's streams as PostgreSQL has them
 * (api/events/reconciler.h), with connections of its own: there is one for each server, so that one that is
 * away or hangs does not hold up the streams of the others.
 */
#pragma once
#include <stddef.h>

#include "shared/error.h"

struct api_config;
struct api_reconciler_metrics;
struct api_reconciler_thread;

/* shard: the number of the server. config is borrowed. NULL: OSY_ERR_INVALID for bad URLs. */
struct api_reconciler_thread *
api_reconciler_thread_start(const struct api_config *config, size_t shard,
                            const struct api_reconciler_metrics *metrics, struct osy_error *err);
/* Waits for the pass under way, then ends the thread. NULL is fine. */
void api_reconciler_thread_stop(struct api_reconciler_thread *thread);
