/*
 * The background thread of `ordersync-api work`: the reconciler at every interval, and upkeep (audit
 * partitions made ahead, old idempotency records, receipts, alerts and devices deleted) now and then. It has connections of its own and
 * may block. What a row in its table of tasks means is said in task_thread.h.
 */
#pragma once
#include "shared/error.h"

struct api_background;
struct api_config;
struct osy_metrics;

/* Starts the thread. NULL: OSY_ERR_INVALID for a bad URL. config and metrics are borrowed. */
struct api_background *api_background_start(const struct api_config *config,
                                            struct osy_metrics *metrics, struct osy_error *err);
/* Waits for the task under way, then ends the thread. NULL is fine. */
void api_background_stop(struct api_background *background);
