/*
 * The background threads of `ordersync-api work`: a reconciler for each Redis server (reconciler_thread.h), and one
 * for upkeep (audit partitions made ahead, old idempotency records, receipts, alerts and devices deleted). They have
 * connections of their own and may block. What a row in a table of tasks means is said in task_thread.h.
 */
#pragma once
#include "shared/error.h"

struct api_background;
struct api_config;
struct osy_metrics;

/* Starts the threads. NULL: OSY_ERR_INVALID for a bad URL. config and metrics are borrowed. */
struct api_background *api_background_start(const struct api_config *config,
                                            struct osy_metrics *metrics, struct osy_error *err);
/* Waits for what is under way, then ends the threads. NULL is fine. */
void api_background_stop(struct api_background *background);
