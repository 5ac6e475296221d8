/*
 * The blocking twin of shared/redis_cluster.h, for shared/redis_blocking_shards.c alone: one thread's connections
 * to the nodes of a cluster. The table is asked for before the first command, and again before the next one
 * when a node did not answer.
 */
#pragma once
#include "shared/redis_blocking.h"
#include "shared/uuid.h"

struct osy_redis_blocking_cluster;

struct osy_redis_blocking_cluster *
osy_redis_blocking_cluster_create(const char *url, uint32_t timeout_ms, struct osy_error *err);
void osy_redis_blocking_cluster_destroy(
    struct osy_redis_blocking_cluster *cluster); /* NULL is fine */

/* script: NULL for a command, else argv is keys and arguments. */
OSY_MUST_CHECK bool osy_redis_blocking_cluster_call(
    struct osy_redis_blocking_cluster *cluster, const struct osy_uuid *restaurant_id,
    const struct osy_redis_script *script, int key_count, int argc, const char *const *argv,
    const size_t *lengths, osy_redis_reply_fn fn, void *context, struct osy_error *err);

/* Asks for the table when there is none that holds. False: OSY_ERR_IO, nobody answers. */
OSY_MUST_CHECK bool osy_redis_blocking_cluster_refresh(struct osy_redis_blocking_cluster *cluster,
                                                       struct osy_error *err);
/* What did not answer may have been replaced. */
void osy_redis_blocking_cluster_doubt(struct osy_redis_blocking_cluster *cluster);
/* The place of the restaurant's node, OSY_REDIS_NO_NODE when none is known; by place, the connection to a
 * node with slots, else NULL, and its name. */
size_t osy_redis_blocking_cluster_find(const struct osy_redis_blocking_cluster *cluster,
                                       const struct osy_uuid *restaurant_id);
struct osy_redis_blocking *osy_redis_blocking_cluster_at(struct osy_redis_blocking_cluster *cluster,
                                                         size_t place);
const char *osy_redis_blocking_cluster_name(const struct osy_redis_blocking_cluster *cluster,
                                            size_t place);
