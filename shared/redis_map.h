/*
 * The Redis servers of an installation (its shards), and which of them each restaurant has. Written
 *
 *   redis://host:6379/0                                 one server, as ever
 *   a=redis://host-1:6379/0, b=redis://host-2:6379/0    several, each with a name, in any order
 *   cluster://host-1:6379;host-2:6379                   a cluster, which knows itself whose is whose
 *
 * A restaurant belongs to the shard whose name scores highest with the restaurant's id (rendezvous
 * hashing). Names alone decide: a server may move to another address, and the list may be written in
 * another order, without a restaurant changing its shard. A name more takes 1/N of the restaurants,
 * from all the others alike; a name less gives its own to all the others. Every program must come to
 * the same answer, in every version: the scores are never changed.
 * Immutable once made: any thread.
 */
#pragma once
#include <stddef.h>

#include "shared/error.h"
#include "shared/uuid.h"

#define OSY_REDIS_SHARDS_MAX 16 /* programs have descriptors to spare for so many */

struct osy_redis_map;

/* Of the settings ORDERSYNC_REDIS_URL and ORDERSYNC_REDIS_URLS, either of which may be empty, the one
 * that says where Redis is, checked; NULL when neither does (OSY_ERR_NOT_FOUND), when both do, and
 * for a list with a mistake (OSY_ERR_INVALID). Borrowed from the arguments. */
const char *osy_redis_map_choose(const char *url, const char *urls, struct osy_error *err);

/* OSY_ERR_INVALID names the entry that is wrong, and never quotes a URL. */
struct osy_redis_map *osy_redis_map_create(const char *servers, struct osy_error *err);
void osy_redis_map_destroy(struct osy_redis_map *map); /* NULL is fine */

size_t osy_redis_map_count(const struct osy_redis_map *map);                   /* at least 1 */
const char *osy_redis_map_name(const struct osy_redis_map *map, size_t shard); /* "redis" without */
const char *osy_redis_map_url(const struct osy_redis_map *map, size_t shard);
/* The shard of a restaurant; with the nil UUID, that of everything that belongs to none. */
size_t osy_redis_map_find(const struct osy_redis_map *map, const struct osy_uuid *restaurant_id);
