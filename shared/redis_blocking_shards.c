#include "shared/redis_blocking_shards.h"

#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/breaker.h"
#include "shared/clock.h"
#include "shared/redis_blocking_cluster.h"
#include "shared/redis_map.h"
#include "shared/redis_slots.h"
#include "shared/redis_topology.h"

struct osy_redis_blocking_shards {
    struct osy_redis_blocking_cluster *cluster; /* owned; NULL: a list, which is all the rest */

    struct osy_redis_map *map; /* owned, as are the connections */
    struct osy_redis_blocking *members[OSY_REDIS_SHARDS_MAX];
    struct osy_breaker *const *breakers; /* borrowed; NULL: none */
};

/* ---- life ---- */

static bool open_list(struct osy_redis_blocking_shards *shards, const char *servers,
                      uint32_t timeout_ms, struct osy_error *err)
{
    shards->map = osy_redis_map_create(servers, err);
    bool ok = shards->map != NULL;
    for (size_t i = 0; ok && i < osy_redis_map_count(shards->map); i++) {
        shards->members[i] =
            osy_redis_blocking_create(osy_redis_map_url(shards->map, i), timeout_ms, err);
        ok = shards->members[i] != NULL;
    }
    return ok;
}

static bool open_cluster(struct osy_redis_blocking_shards *shards, const char *url,
                         uint32_t timeout_ms, struct osy_error *err)
{
    shards->cluster = osy_redis_blocking_cluster_create(url, timeout_ms, err);
    return shards->cluster != NULL;
}

struct osy_redis_blocking_shards *
osy_redis_blocking_shards_create(const char *servers, uint32_t timeout_ms, struct osy_error *err)
{
    struct osy_redis_blocking_shards *shards = osy_alloc(sizeof *shards);
    bool ok = osy_redis_topology_is_cluster(servers)
                  ? open_cluster(shards, servers, timeout_ms, err)
                  : open_list(shards, servers, timeout_ms, err);
    if (ok)
        return shards;
    osy_redis_blocking_shards_destroy(shards);
    return NULL;
}

void osy_redis_blocking_shards_destroy(struct osy_redis_blocking_shards *shards)
{
    if (!shards)
        return;
    for (size_t i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        osy_redis_blocking_destroy(shards->members[i]);
    osy_redis_blocking_cluster_destroy(shards->cluster);
    osy_redis_map_destroy(shards->map);
    free(shards);
}

/* ---- the restaurant's server ---- */

static struct osy_redis_blocking *find_member(struct osy_redis_blocking_shards *shards,
                                              const struct osy_uuid *restaurant_id)
{
    return shards->members[osy_redis_map_find(shards->map, restaurant_id)];
}

/* A command, or a script's call. */
struct call {
    const struct osy_uuid *restaurant_id;
    const struct osy_redis_script *script; /* NULL: a command */
    int key_count, argc;
    const char *const *argv;
    const size_t *lengths;
    osy_redis_reply_fn fn;
    void *context;
};

static bool send_call(struct osy_redis_blocking_shards *shards, const struct call *call,
                      struct osy_error *err)
{
    struct osy_redis_blocking *member;
    if (shards->cluster)
        return osy_redis_blocking_cluster_call(shards->cluster, call->restaurant_id, call->script,
                                               call->key_count, call->argc, call->argv,
                                               call->lengths, call->fn, call->context, err);
    member = find_member(shards, call->restaurant_id);
    if (call->script)
        return osy_redis_blocking_eval(member, call->script, call->key_count, call->argc,
                                       call->argv, call->lengths, call->fn, call->context, err);
    return osy_redis_blocking_command(member, call->argc, call->argv, call->lengths, call->fn,
                                      call->context, err);
}

void osy_redis_blocking_shards_guard(struct osy_redis_blocking_shards *shards,
                                     struct osy_breaker *const *breakers)
{
    shards->breakers = breakers;
}

static struct osy_breaker *find_breaker(const struct osy_redis_blocking_shards *shards,
                                        const struct osy_uuid *restaurant_id)
{
    if (!shards->breakers)
        return NULL;
    return shards->breakers[shards->cluster ? 0 : osy_redis_map_find(shards->map, restaurant_id)];
}

static bool guard_call(struct osy_redis_blocking_shards *shards, const struct call *call,
                       struct osy_error *err)
{
    struct osy_breaker *breaker = find_breaker(shards, call->restaurant_id);
    struct osy_error why = {0};
    int64_t started_ms;
    bool ok;
    if (!breaker)
        return send_call(shards, call, err);
    started_ms = osy_clock_monotonic_ms();
    if (!osy_breaker_allows(breaker, started_ms))
        return osy_error_set(err, OSY_ERR_IO, "Redis: not asked, for it does not answer now");
    ok = send_call(shards, call, &why);
    /* An error that the server tells is an answer. */
    osy_breaker_note(breaker, ok || why.code != OSY_ERR_IO, started_ms, osy_clock_monotonic_ms());
    return ok || osy_error_set(err, why.code, "%s", why.message);
}

bool osy_redis_blocking_shards_command(struct osy_redis_blocking_shards *shards,
                                       const struct osy_uuid *restaurant_id, int argc,
                                       const char *const *argv, const size_t *lengths,
                                       osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    return guard_call(
        shards, &(struct call){restaurant_id, NULL, 0, argc, argv, lengths, fn, context}, err);
}

bool osy_redis_blocking_shards_eval(struct osy_redis_blocking_shards *shards,
                                    const struct osy_uuid *restaurant_id,
                                    const struct osy_redis_script *script, int key_count, int argc,
                                    const char *const *keys_and_args, const size_t *lengths,
                                    osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    return guard_call(
        shards,
        &(struct call){restaurant_id, script, key_count, argc, keys_and_args, lengths, fn, context},
        err);
}

const char *osy_redis_blocking_shards_publish_verb(const struct osy_redis_blocking_shards *shards)
{
    return shards->cluster ? "SPUBLISH" : "PUBLISH";
}

/* ---- all of them ---- */

/* The first that does not answer is enough: nobody has to wait for those behind it as well. */
bool osy_redis_blocking_shards_ping(struct osy_redis_blocking_shards *shards, struct osy_error *err)
{
    static const char *const ping[] = {"PING"};
    if (shards->cluster && !osy_redis_blocking_cluster_refresh(shards->cluster, err))
        return false;
    for (size_t i = 0; i < osy_redis_blocking_shards_count(shards); i++) {
        struct osy_redis_blocking *redis = osy_redis_blocking_shards_at(shards, i);
        if (!redis || osy_redis_blocking_command(redis, 1, ping, NULL, NULL, NULL, err))
            continue;
        if (shards->cluster)
            osy_redis_blocking_cluster_doubt(shards->cluster);
        return osy_error_prefix(err, "%s", osy_redis_blocking_shards_name(shards, i));
    }
    return true;
}

bool osy_redis_blocking_shards_is_cluster(const struct osy_redis_blocking_shards *shards)
{
    return shards->cluster != NULL;
}

size_t osy_redis_blocking_shards_count(const struct osy_redis_blocking_shards *shards)
{
    return shards->cluster ? OSY_REDIS_NODES_MAX : osy_redis_map_count(shards->map);
}

size_t osy_redis_blocking_shards_find(const struct osy_redis_blocking_shards *shards,
                                      const struct osy_uuid *restaurant_id)
{
    return shards->cluster ? osy_redis_blocking_cluster_find(shards->cluster, restaurant_id)
                           : osy_redis_map_find(shards->map, restaurant_id);
}

struct osy_redis_blocking *osy_redis_blocking_shards_at(struct osy_redis_blocking_shards *shards,
                                                        size_t place)
{
    return shards->cluster ? osy_redis_blocking_cluster_at(shards->cluster, place)
                           : shards->members[place];
}

const char *osy_redis_blocking_shards_name(const struct osy_redis_blocking_shards *shards,
                                           size_t place)
{
    return shards->cluster ? osy_redis_blocking_cluster_name(shards->cluster, place)
                           : osy_redis_map_name(shards->map, place);
}
