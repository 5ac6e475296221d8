/*
 * Reachability: whether orders can get to a restaurant. A thread of `ordersync-api work` with connections of
 * its own, which looks at devices and leases (written by hubs) and keeps restaurant_reachability (read by the
 * admission of new orders). Whatever changes is announced on the restaurant's presence channel in Redis; an
 * announcement that fails is not repeated, because whoever listens also looks by itself. Any number of
 * workers may do this. A restaurant becomes unreachable only while PostgreSQL has been there for a while.
 */
#pragma once
#include "shared/error.h"

struct api_config;
struct api_reachability;
struct osy_metrics;

/* Starts the thread. NULL: OSY_ERR_INVALID for a bad URL. config and metrics are borrowed. */
struct api_reachability *api_reachability_start(const struct api_config *config,
                                                struct osy_metrics *metrics, struct osy_error *err);
/* Waits for the statement under way, then ends the thread. NULL is fine. */
void api_reachability_stop(struct api_reachability *reachability);
