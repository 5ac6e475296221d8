/*
 * The Redis servers of an installation, for a loop thread: whoever has to do with a restaurant says which, and
 * its server is found. They are a list, each restaurant on the server of its own (shared/redis_map.h), or the
 * nodes of a cluster, which may pass a restaurant on to another (shared/redis_cluster.h). One server more or
 * less changes nothing for the rest: each link (shared/redis.h) is up or down by itself. The nil UUID stands for
 * what belongs to no restaurant.
 */
#pragma once
#include "shared/redis.h"
#include "shared/uuid.h"

struct osy_redis_shards;

struct osy_redis_shards_options {
    const char *servers;             /* as osy_redis_map_create reads them; copied */
    osy_redis_message_fn on_message; /* from whichever link */
    osy_redis_subscribed_fn on_subscribed;
    /* What has changed of the server of that name; NULL: nobody wants to know. */
    void (*on_state)(void *context, const char *name, bool commands_up, bool subscriptions_up);
    void *context;
};

/* With subscriptions. NULL: OSY_ERR_INVALID; a server that is not there is no error. */
struct osy_redis_shards *osy_redis_shards_create(uv_loop_t *loop,
                                                 const struct osy_redis_shards_options *options,
                                                 struct osy_error *err);
/* As osy_redis_destroy, for each link; anything may be asked for until it returns. NULL is fine. */
void osy_redis_shards_destroy(struct osy_redis_shards *shards);

/* As the functions of shared/redis.h, at the restaurant's server. Keys and channels of a restaurant have its id
 * in braces. */
OSY_MUST_CHECK bool osy_redis_shards_command(struct osy_redis_shards *shards,
                                             const struct osy_uuid *restaurant_id, int argc,
                                             const char *const *argv, const size_t *lengths,
                                             osy_redis_reply_fn fn, void *context,
                                             struct osy_error *err);
OSY_MUST_CHECK bool osy_redis_shards_eval(struct osy_redis_shards *shards,
                                          const struct osy_uuid *restaurant_id,
                                          const struct osy_redis_script *script, int key_count,
                                          int argc, const char *const *keys_and_args,
                                          const size_t *lengths, osy_redis_reply_fn fn,
                                          void *context, struct osy_error *err);
void osy_redis_shards_subscribe(struct osy_redis_shards *shards,
                                const struct osy_uuid *restaurant_id, const char *channel);
void osy_redis_shards_unsubscribe(struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id, const char *channel);
/* The verb that reaches the subscribers of a restaurant's channel: PUBLISH, or SPUBLISH in a cluster. */
const char *osy_redis_shards_publish_verb(const struct osy_redis_shards *shards);

/* Of the restaurant's server. */
bool osy_redis_shards_commands_up(const struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id);
bool osy_redis_shards_subscriptions_up(const struct osy_redis_shards *shards,
                                       const struct osy_uuid *restaurant_id);

/* How many servers there are, at least 1, and of how many commands and subscriptions work. */
size_t osy_redis_shards_count(const struct osy_redis_shards *shards);
size_t osy_redis_shards_count_up(const struct osy_redis_shards *shards);
/* Sends PING to each server that is up, and returns their number: as many answers come to fn, each behind
 * those to all that was sent to the server before. */
size_t osy_redis_shards_ping(struct osy_redis_shards *shards, osy_redis_reply_fn fn, void *context);
