#include "shared/redis_map.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/redis_common.h"
#include "shared/redis_topology.h"

#define URL_SETTING     "ORDERSYNC_REDIS_URL"
#define URLS_SETTING    "ORDERSYNC_REDIS_URLS"
#define SEPARATORS      ", \t\r\n"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define NAME_BYTES_MAX  32
#define ONLY_NAME       "redis"

struct shard {
    char *name, *url; /* owned */
    uint64_t seed;    /* the name's hash */
};

struct osy_redis_map {
    struct shard shards[OSY_REDIS_SHARDS_MAX];
    size_t count;
};

/* ---- scores ---- */

/* FNV-1a. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
    return hash;
}

/* The finalizer of MurmurHash3: every bit of the input changes half of the output's. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
    return x ^ x >> 33;
}

static uint64_t read_half(const uint8_t *bytes)
{
    uint64_t half = 0;
    for (size_t i = 0; i < 8; i++)
        half = half << 8 | bytes[i];
    return half;
}

static uint64_t score(const struct shard *shard, const struct osy_uuid *restaurant_id)
{
    uint64_t first = mix(shard->seed ^ read_half(restaurant_id->bytes));
    return mix(first ^ read_half(restaurant_id->bytes + 8));
}

/* Two names with the same score would need a tie-break; with 64 bits they do not meet. */
size_t osy_redis_map_find(const struct osy_redis_map *map, const struct osy_uuid *restaurant_id)
{
    size_t best = 0;
    uint64_t best_score = 0;
    if (map->count == 1)
        return 0;
    for (size_t i = 0; i < map->count; i++) {
        uint64_t its_score = score(&map->shards[i], restaurant_id);
        if (its_score < best_score)
            continue;
        best = i;
        best_score = its_score;
    }
    return best;
}

/* ---- reading ---- */

static bool is_name_known(const struct osy_redis_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->shards[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool check_url(const char *text, struct osy_error *err)
{
    struct osy_redis_url url;
    if (osy_redis_topology_is_cluster(text))
        return osy_redis_topology_check(text, err);
    if (!osy_redis_url_parse(text, &url, err))
        return false;
    osy_redis_url_deinit(&url);
    return true;
}

/* "name=url"; the only one may be a URL alone. */
static bool add_entry(struct osy_redis_map *map, const char *entry, size_t length,
                      struct osy_error *err)
{
    if (map->count == OSY_REDIS_SHARDS_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "there are more than %d servers",
                             OSY_REDIS_SHARDS_MAX);
    size_t name_length = strspn(entry, NAME_CHARACTERS);
    bool has_name = name_length > 0 && entry[name_length] == '=';
    size_t url_at = has_name ? name_length + 1 : 0;
    if (has_name && name_length > NAME_BYTES_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "the name of server %zu has more than %d bytes",
                             map->count + 1, NAME_BYTES_MAX);
    struct shard shard = {
        .name = has_name ? osy_strndup(entry, name_length) : osy_strdup(""),
        .url = osy_strndup(entry + url_at, length - url_at),
    };
    bool is_twice = has_name && is_name_known(map, shard.name);
    shard.seed = hash_name(shard.name);
    map->shards[map->count++] = shard; /* whatever is wrong with it, it goes with the map */
    if (is_twice)
        return osy_error_set(err, OSY_ERR_INVALID, "two servers have the name '%s'", shard.name);
    return check_url(shard.url, err) ||
           (has_name && osy_error_prefix(err, "server '%s'", shard.name));
}

static bool has_cluster(const struct osy_redis_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        if (osy_redis_topology_is_cluster(map->shards[i].url))
            return true;
    }
    return false;
}

/* Without names it would be the order that decides. */
static bool check_names(struct osy_redis_map *map, struct osy_error *err)
{
    if (has_cluster(map) && (map->count > 1 || map->shards[0].name[0] != '\0'))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "a cluster:// has no name, and no server beside it");
    for (size_t i = 0; i < map->count; i++) {
        if (map->shards[i].name[0] != '\0')
            continue;
        if (map->count > 1)
            return osy_error_set(err, OSY_ERR_INVALID,
                                 "server %zu of %zu has no name: name=URL is needed", i + 1,
                                 map->count);
        free(map->shards[i].name);
        map->shards[i].name = osy_strdup(ONLY_NAME);
    }
    return map->count > 0 || osy_error_set(err, OSY_ERR_INVALID, "there is no server");
}

struct osy_redis_map *osy_redis_map_create(const char *servers, struct osy_error *err)
{
    struct osy_redis_map *map = osy_alloc(sizeof *map);
    bool ok = true;
    for (const char *at = servers + strspn(servers, SEPARATORS); ok && *at;) {
        size_t length = strcspn(at, SEPARATORS);
        ok = add_entry(map, at, length, err);
        at += length;
        at += strspn(at, SEPARATORS);
    }
    if (ok && check_names(map, err))
        return map;
    osy_redis_map_destroy(map);
    return NULL;
}

void osy_redis_map_destroy(struct osy_redis_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->count; i++) {
        OPENSSL_cleanse(map->shards[i].url, strlen(map->shards[i].url)); /* passwords */
        free(map->shards[i].url);
        free(map->shards[i].name);
    }
    free(map);
}

size_t osy_redis_map_count(const struct osy_redis_map *map)
{
    return map->count;
}

const char *osy_redis_map_name(const struct osy_redis_map *map, size_t shard)
{
    return map->shards[shard].name;
}

const char *osy_redis_map_url(const struct osy_redis_map *map, size_t shard)
{
    return map->shards[shard].url;
}

/* ---- the settings ---- */

const char *osy_redis_map_choose(const char *url, const char *urls, struct osy_error *err)
{
    const char *chosen = *urls ? urls : url;
    if (*url && *urls) {
        osy_error_set(err, OSY_ERR_INVALID, URL_SETTING " and " URLS_SETTING " exclude each other");
        return NULL;
    }
    if (!*chosen) {
        osy_error_set(err, OSY_ERR_NOT_FOUND, URL_SETTING " or " URLS_SETTING " is required");
        return NULL;
    }
    struct osy_redis_map *map = osy_redis_map_create(chosen, err);
    if (!map) {
        osy_error_prefix(err, "%s", *urls ? URLS_SETTING : URL_SETTING);
        return NULL;
    }
    osy_redis_map_destroy(map);
    return chosen;
}
