/*
 * The links of a loop thread to the nodes of a Redis Cluster, for shared/redis_shards.c alone, whose functions
 * these are for a cluster://. A slot's node is known from the cluster's own table (shared/redis_topology.h),
 * which is asked for at the start, while a node is away, when nobody knows better, and now and then; on
 * a thread of libuv's pool, so the loop goes on meanwhile.
 *
 * Between two tables the nodes themselves tell where a slot is gone: a command that a node refuses with MOVED
 * or ASK is sent again where it points, a few times at most; a channel that a node takes away or refuses is
 * subscribed to where it points. What is published between the two is missed, as when a link is renewed:
 * whoever cares repairs its gap when the new subscription is confirmed. While a slot is on its way from one node
 * to another, what ASK leads to the new one is published there, and the subscriptions are still at the old one.
 *
 * A restaurant's channels are sharded; the nil UUID's are not, and every node passes on what is said there. Its
 * slot is as good as any other to choose the node that we listen to.
 */
#pragma once
#include "shared/redis_shards.h"

struct osy_redis_cluster;

struct osy_redis_cluster *osy_redis_cluster_create(uv_loop_t *loop,
                                                   const struct osy_redis_shards_options *options,
                                                   struct osy_error *err);
/* As osy_redis_shards_destroy; its memory waits for the loop. */
void osy_redis_cluster_destroy(struct osy_redis_cluster *cluster);

/* script: NULL for a command, else argv is keys and arguments. */
OSY_MUST_CHECK bool osy_redis_cluster_call(struct osy_redis_cluster *cluster,
                                           const struct osy_uuid *restaurant_id,
                                           const struct osy_redis_script *script, int key_count,
                                           int argc, const char *const *argv, const size_t *lengths,
                                           osy_redis_reply_fn fn, void *context,
                                           struct osy_error *err);
/* name: a channel's. */
void osy_redis_cluster_subscribe(struct osy_redis_cluster *cluster,
                                 const struct osy_uuid *restaurant_id, const char *name);
void osy_redis_cluster_unsubscribe(struct osy_redis_cluster *cluster, const char *name);

/* The link of a slot's node at this moment; NULL: none is known. */
struct osy_redis *osy_redis_cluster_link(const struct osy_redis_cluster *cluster,
                                         const struct osy_uuid *restaurant_id);
/* By place, below OSY_REDIS_NODES_MAX: the link of a node with slots, else NULL. */
struct osy_redis *osy_redis_cluster_at(const struct osy_redis_cluster *cluster, size_t place);
