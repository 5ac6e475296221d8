/*
 * Publishes committed events to Redis from the loop thread: one script per event (publish_event.lua).
 * It does not try again: an event that could not be published is the reconciler's, and costs latency only.
 */
#pragma once
#include <stdint.h>

struct api_publisher;
struct osy_event;
struct osy_metrics;
struct osy_redis_shards;

/* redis is borrowed. stream_max: about how many events a restaurant's stream keeps. */
struct api_publisher *api_publisher_create(struct osy_redis_shards *redis, uint64_t stream_max,
                                           struct osy_metrics *metrics);
/* After redis was destroyed, because pending answers count in the publisher. NULL is fine. */
void api_publisher_destroy(struct api_publisher *publisher);
/* Call it in the order of each restaurant's sequence. event is borrowed for the call; committed_ns: when it
 * was committed, on the monotonic clock. */
void api_publisher_publish(struct api_publisher *publisher, const struct osy_event *event,
                           uint64_t committed_ns);
