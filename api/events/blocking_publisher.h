/*
 * Publishes committed events to Redis and waits for the answer: the twin of publisher.h for threads that
 * may block. Publishing an event again is harmless (publish_event.lua). One thread at a time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

struct api_blocking_publisher;
struct osy_event;
struct osy_redis_blocking_shards;

/* redis is borrowed. stream_max: about how many events a restaurant's stream keeps. */
struct api_blocking_publisher *
api_blocking_publisher_create(struct osy_redis_blocking_shards *redis, uint64_t stream_max);
void api_blocking_publisher_destroy(struct api_blocking_publisher *publisher); /* NULL is fine */
/* *added: Redis did not have it, nor a later one. */
OSY_MUST_CHECK bool api_blocking_publisher_publish(struct api_blocking_publisher *publisher,
                                                   const struct osy_event *event, bool *added,
                                                   struct osy_error *err);
