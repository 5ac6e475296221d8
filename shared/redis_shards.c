#include "shared/redis_shards.h"

#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/redis_map.h"

/* A link's context: who it is. */
struct member {
    struct osy_redis_shards *shards;
    struct osy_redis *redis; /* owned */
};

struct osy_redis_shards {
    struct osy_redis_map *map;               /* owned */
    struct osy_redis_shards_options options; /* without servers */
    struct member members[OSY_REDIS_SHARDS_MAX];
};

/* ---- what the links say ---- */

static void on_message(void *context, const char *channel, size_t channel_length,
                       const char *message, size_t length)
{
    const struct osy_redis_shards_options *options = &((struct member *)context)->shards->options;
    options->on_message(options->context, channel, channel_length, message, length);
}

static void on_subscribed(void *context, const char *channel, size_t channel_length)
{
    const struct osy_redis_shards_options *options = &((struct member *)context)->shards->options;
    options->on_subscribed(options->context, channel, channel_length);
}

static void on_state(void *context, bool commands_up, bool subscriptions_up)
{
    const struct member *member = context;
    const struct osy_redis_shards *shards = member->shards;
    size_t shard = (size_t)(member - shards->members);
    if (shards->options.on_state)
        shards->options.on_state(shards->options.context, osy_redis_map_name(shards->map, shard),
                                 commands_up, subscriptions_up);
}

/* ---- life ---- */

static bool open_link(struct osy_redis_shards *shards, size_t shard, uv_loop_t *loop,
                      struct osy_error *err)
{
    struct member *member = &shards->members[shard];
    member->shards = shards;
    member->redis =
        osy_redis_create(loop,
                         &(struct osy_redis_options){.url = osy_redis_map_url(shards->map, shard),
                                                     .want_subscriptions = true,
                                                     .on_message = on_message,
                                                     .on_subscribed = on_subscribed,
                                                     .on_state = on_state,
                                                     .context = member},
                         err);
    return member->redis != NULL;
}

struct osy_redis_shards *osy_redis_shards_create(uv_loop_t *loop,
                                                 const struct osy_redis_shards_options *options,
                                                 struct osy_error *err)
{
    struct osy_redis_shards *shards = osy_alloc(sizeof *shards);
    shards->options = *options;
    shards->options.servers = NULL;
    shards->map = osy_redis_map_create(options->servers, err);
    bool ok = shards->map != NULL;
    for (size_t i = 0; ok && i < osy_redis_map_count(shards->map); i++)
        ok = open_link(shards, i, loop, err);
    if (ok)
        return shards;
    osy_redis_shards_destroy(shards);
    return NULL;
}

/* A link that has ended refuses what pending callbacks still ask of it; its memory waits for the loop. */
void osy_redis_shards_destroy(struct osy_redis_shards *shards)
{
    if (!shards)
        return;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        osy_redis_destroy(shards->members[i].redis);
    osy_redis_map_destroy(shards->map);
    free(shards);
}

/* ---- asking ---- */

struct osy_redis *osy_redis_shards_of(const struct osy_redis_shards *shards,
                                      const struct osy_uuid *restaurant_id)
{
    return shards->members[osy_redis_map_find(shards->map, restaurant_id)].redis;
}

struct osy_redis *osy_redis_shards_home(const struct osy_redis_shards *shards)
{
    return osy_redis_shards_of(shards, &(struct osy_uuid){{0}});
}

size_t osy_redis_shards_count(const struct osy_redis_shards *shards)
{
    return osy_redis_map_count(shards->map);
}

struct osy_redis *osy_redis_shards_at(const struct osy_redis_shards *shards, size_t shard)
{
    return shards->members[shard].redis;
}

size_t osy_redis_shards_count_up(const struct osy_redis_shards *shards)
{
    size_t count = 0;
    for (size_t i = 0; i < osy_redis_map_count(shards->map); i++)
        count += osy_redis_commands_up(shards->members[i].redis) &&
                 osy_redis_subscriptions_up(shards->members[i].redis);
    return count;
}
