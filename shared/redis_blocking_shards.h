/*
 * The blocking twin of shared/redis_shards.h: one thread's connections to all Redis servers of its
 * installation, each made on first use.
 */
#pragma once
#include "shared/redis_blocking.h"
#include "shared/uuid.h"

struct osy_redis_blocking_shards;

/* servers: as osy_redis_map_create reads them. timeout_ms: of each connection. OSY_ERR_INVALID. */
struct osy_redis_blocking_shards *
osy_redis_blocking_shards_create(const char *servers, uint32_t timeout_ms, struct osy_error *err);
void osy_redis_blocking_shards_destroy(struct osy_redis_blocking_shards *shards); /* NULL is fine */

/* A restaurant's connection, and that of what belongs to no restaurant. */
struct osy_redis_blocking *osy_redis_blocking_shards_of(struct osy_redis_blocking_shards *shards,
                                                        const struct osy_uuid *restaurant_id);
struct osy_redis_blocking *osy_redis_blocking_shards_home(struct osy_redis_blocking_shards *shards);

/* One by one, for those who care: by number, below the count, which is OSY_REDIS_SHARDS_MAX at most. */
size_t osy_redis_blocking_shards_count(const struct osy_redis_blocking_shards *shards);
size_t osy_redis_blocking_shards_find(const struct osy_redis_blocking_shards *shards,
                                      const struct osy_uuid *restaurant_id);
struct osy_redis_blocking *osy_redis_blocking_shards_at(struct osy_redis_blocking_shards *shards,
                                                        size_t shard);
const char *osy_redis_blocking_shards_name(const struct osy_redis_blocking_shards *shards,
                                           size_t shard);
