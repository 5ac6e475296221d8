/*
 * The blocking twin of shared/redis_shards.h: one thread's connections to all Redis servers of its
 * installation, each made on first use.
 */
#pragma once
#include "shared/redis_blocking.h"
#include "shared/uuid.h"

struct osy_breaker;
struct osy_redis_blocking_shards;

/* servers: as osy_redis_map_create reads them. timeout_ms: of each connection. OSY_ERR_INVALID. */
struct osy_redis_blocking_shards *
osy_redis_blocking_shards_create(const char *servers, uint32_t timeout_ms, struct osy_error *err);
void osy_redis_blocking_shards_destroy(struct osy_redis_blocking_shards *shards); /* NULL is fine */

/*
 * From now on commands and scripts ask a breaker before, and are refused with OSY_ERR_IO while it is open. breakers
 * (borrowed): one by place for each server of a list; a cluster has the first for all of its nodes.
 */
void osy_redis_blocking_shards_guard(struct osy_redis_blocking_shards *shards,
                                     struct osy_breaker *const *breakers);

/* As the functions of shared/redis_blocking.h, at the restaurant's server; with the nil UUID, at that of what
 * belongs to no restaurant. */
OSY_MUST_CHECK bool osy_redis_blocking_shards_command(struct osy_redis_blocking_shards *shards,
                                                      const struct osy_uuid *restaurant_id,
                                                      int argc, const char *const *argv,
                                                      const size_t *lengths, osy_redis_reply_fn fn,
                                                      void *context, struct osy_error *err);
OSY_MUST_CHECK bool osy_redis_blocking_shards_eval(struct osy_redis_blocking_shards *shards,
                                                   const struct osy_uuid *restaurant_id,
                                                   const struct osy_redis_script *script,
                                                   int key_count, int argc,
                                                   const char *const *keys_and_args,
                                                   const size_t *lengths, osy_redis_reply_fn fn,
                                                   void *context, struct osy_error *err);
/* As osy_redis_shards_publish_verb. */
const char *osy_redis_blocking_shards_publish_verb(const struct osy_redis_blocking_shards *shards);
/* Whether all servers answer; err names the first that does not. */
OSY_MUST_CHECK bool osy_redis_blocking_shards_ping(struct osy_redis_blocking_shards *shards,
                                                   struct osy_error *err);

/*
 * One by one, for those who care: by place, below the count, which is OSY_REDIS_SHARDS_MAX at most. The places of
 * a list stay; those of a cluster are as of the last command, some of them are empty (at: NULL), and a
 * restaurant that nobody has is in the place OSY_REDIS_SHARDS_MAX.
 */
bool osy_redis_blocking_shards_is_cluster(const struct osy_redis_blocking_shards *shards);
size_t osy_redis_blocking_shards_count(const struct osy_redis_blocking_shards *shards);
size_t osy_redis_blocking_shards_find(const struct osy_redis_blocking_shards *shards,
                                      const struct osy_uuid *restaurant_id);
struct osy_redis_blocking *osy_redis_blocking_shards_at(struct osy_redis_blocking_shards *shards,
                                                        size_t place);
const char *osy_redis_blocking_shards_name(const struct osy_redis_blocking_shards *shards,
                                           size_t place);
