/*
 * The links of a loop thread to all Redis servers of its installation (shared/redis_map.h): whoever
 * has to do with a restaurant asks here for that restaurant's link, and goes on as with any other
 * (shared/redis.h). One server more or less changes nothing for the rest: each link is up or down by
 * itself. With a single server this is that server's link, and nothing else.
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
/* As osy_redis_destroy, for each link; the links may be asked for until it returns. NULL is fine. */
void osy_redis_shards_destroy(struct osy_redis_shards *shards);

/* The link of a restaurant. As long as shards; never NULL. */
struct osy_redis *osy_redis_shards_of(const struct osy_redis_shards *shards,
                                      const struct osy_uuid *restaurant_id);
/* The link of what belongs to no restaurant. */
struct osy_redis *osy_redis_shards_home(const struct osy_redis_shards *shards);

size_t osy_redis_shards_count(const struct osy_redis_shards *shards);
struct osy_redis *osy_redis_shards_at(const struct osy_redis_shards *shards, size_t shard);
/* Commands and subscriptions of how many servers work. */
size_t osy_redis_shards_count_up(const struct osy_redis_shards *shards);
