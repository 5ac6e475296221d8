/*
 * Menus in Redis, cache-aside: who does not find one there reads PostgreSQL and keeps it for up to 5 minutes, or until a
 * price or an item changes by the clock. A change of the menu ends what is kept before it is committed, and again before its event is published, and leaves
 * the event's number: a reader that was slow, and read before the change, cannot put back what it has (put_cached_menu.lua).
 * Many who miss at once read once: in a process they wait for the first of them, and between processes a short lock in
 * Redis says that somebody reads. Without Redis everybody who misses in one process still shares one read. What is kept is
 * public, and leaves open how much there is of counted items. Any worker thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct api_menu_cache;
struct api_worker;
struct osy_metrics;
struct osy_redis_blocking_shards;

struct api_menu_cache *api_menu_cache_create(struct osy_metrics *metrics);
void api_menu_cache_destroy(
    struct api_menu_cache *cache); /* NULL is fine; nobody uses it any more */
/* Appends the menu, as find_menu.sql makes it. OSY_ERR_NOT_FOUND: there is no such restaurant; else of the database. */
OSY_MUST_CHECK bool api_menu_cache_read(struct api_menu_cache *cache, struct api_worker *worker,
                                        const struct osy_uuid *restaurant_id,
                                        struct osy_buffer *menu, struct osy_error *err);
/* Nobody who comes from now on shares a read that has begun. */
void api_menu_cache_forget_reads(struct api_menu_cache *cache,
                                 const struct osy_uuid *restaurant_id);

/* Ends what Redis has of the menu: event number seq has changed it. */
OSY_MUST_CHECK bool api_menu_cache_end(struct osy_redis_blocking_shards *redis,
                                       const struct osy_uuid *restaurant_id, uint64_t seq,
                                       struct osy_error *err);
