#include "shared/redis_shards.h"

#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/redis_cluster.h"
#include "shared/redis_map.h"
#include "shared/redis_slots.h"
#include "shared/redis_topology.h"

/* A link's context: who it is. */
struct member {
    struct osy_redis_shards *shards;
    struct osy_redis *redis; /* owned */
};

struct osy_redis_shards {
    struct osy_redis_cluster *cluster; /* owned; NULL: a list, which is all the rest */

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

static bool open_list(struct osy_redis_shards *shards, uv_loop_t *loop, const char *servers,
                      struct osy_error *err)
{
    shards->map = osy_redis_map_create(servers, err);
    bool ok = shards->map != NULL;
    for (size_t i = 0; ok && i < osy_redis_map_count(shards->map); i++)
        ok = open_link(shards, i, loop, err);
    return ok;
}

static bool open_cluster(struct osy_redis_shards *shards, uv_loop_t *loop,
                         const struct osy_redis_shards_options *options, struct osy_error *err)
{
    shards->cluster = osy_redis_cluster_create(loop, options, err);
    return shards->cluster != NULL;
}

struct osy_redis_shards *osy_redis_shards_create(uv_loop_t *loop,
                                                 const struct osy_redis_shards_options *options,
                                                 struct osy_error *err)
{
    struct osy_redis_shards *shards = osy_alloc(sizeof *shards);
    shards->options = *options;
    shards->options.servers = NULL;
    bool ok = osy_redis_topology_is_cluster(options->servers)
                  ? open_cluster(shards, loop, options, err)
                  : open_list(shards, loop, options->servers, err);
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
    osy_redis_cluster_destroy(shards->cluster);
    osy_redis_map_destroy(shards->map);
    free(shards);
}

/* ---- the restaurant's server ---- */

/* NULL: in a cluster, nobody knows it. */
static struct osy_redis *find_link(const struct osy_redis_shards *shards,
                                   const struct osy_uuid *restaurant_id)
{
    if (shards->cluster)
        return osy_redis_cluster_link(shards->cluster, restaurant_id);
    return shards->members[osy_redis_map_find(shards->map, restaurant_id)].redis;
}

bool osy_redis_shards_command(struct osy_redis_shards *shards, const struct osy_uuid *restaurant_id,
                              int argc, const char *const *argv, const size_t *lengths,
                              osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    if (shards->cluster)
        return osy_redis_cluster_call(shards->cluster, restaurant_id, NULL, 0, argc, argv, lengths,
                                      fn, context, err);
    return osy_redis_command(find_link(shards, restaurant_id), argc, argv, lengths, fn, context,
                             err);
}

bool osy_redis_shards_eval(struct osy_redis_shards *shards, const struct osy_uuid *restaurant_id,
                           const struct osy_redis_script *script, int key_count, int argc,
                           const char *const *keys_and_args, const size_t *lengths,
                           osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    if (shards->cluster)
        return osy_redis_cluster_call(shards->cluster, restaurant_id, script, key_count, argc,
                                      keys_and_args, lengths, fn, context, err);
    return osy_redis_eval(find_link(shards, restaurant_id), script, key_count, argc, keys_and_args,
                          lengths, fn, context, err);
}

void osy_redis_shards_subscribe(struct osy_redis_shards *shards,
                                const struct osy_uuid *restaurant_id, const char *channel)
{
    if (shards->cluster)
        osy_redis_cluster_subscribe(shards->cluster, restaurant_id, channel);
    else
        osy_redis_subscribe(find_link(shards, restaurant_id), channel);
}

void osy_redis_shards_unsubscribe(struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id, const char *channel)
{
    if (shards->cluster)
        osy_redis_cluster_unsubscribe(shards->cluster, channel);
    else
        osy_redis_unsubscribe(find_link(shards, restaurant_id), channel);
}

const char *osy_redis_shards_publish_verb(const struct osy_redis_shards *shards)
{
    return shards->cluster ? "SPUBLISH" : "PUBLISH";
}

bool osy_redis_shards_commands_up(const struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id)
{
    const struct osy_redis *link = find_link(shards, restaurant_id);
    return link && osy_redis_commands_up(link);
}

bool osy_redis_shards_subscriptions_up(const struct osy_redis_shards *shards,
                                       const struct osy_uuid *restaurant_id)
{
    const struct osy_redis *link = find_link(shards, restaurant_id);
    return link && osy_redis_subscriptions_up(link);
}

/* ---- all of them ---- */

/* NULL: there is none in that place. */
static struct osy_redis *link_at(const struct osy_redis_shards *shards, size_t place)
{
    return shards->cluster ? osy_redis_cluster_at(shards->cluster, place)
                           : shards->members[place].redis;
}

size_t osy_redis_shards_count(const struct osy_redis_shards *shards)
{
    size_t count = 0;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        count += link_at(shards, i) != NULL;
    return count > 0 ? count : 1; /* a cluster that has not answered yet */
}

size_t osy_redis_shards_count_up(const struct osy_redis_shards *shards)
{
    size_t count = 0;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++) {
        const struct osy_redis *link = link_at(shards, i);
        count += link && osy_redis_commands_up(link) && osy_redis_subscriptions_up(link);
    }
    return count;
}

size_t osy_redis_shards_ping(struct osy_redis_shards *shards, osy_redis_reply_fn fn, void *context)
{
    static const char *const ping[] = {"PING"};
    size_t count = 0;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++) {
        struct osy_redis *link = link_at(shards, i);
        count += link && osy_redis_command(link, 1, ping, NULL, fn, context, NULL);
    }
    return count;
}
