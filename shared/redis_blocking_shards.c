#include "shared/redis_blocking_shards.h"

#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/redis_map.h"

struct osy_redis_blocking_shards {
    struct osy_redis_map *map; /* owned, as are the connections */
    struct osy_redis_blocking *members[OSY_REDIS_SHARDS_MAX];
};

struct osy_redis_blocking_shards *
osy_redis_blocking_shards_create(const char *servers, uint32_t timeout_ms, struct osy_error *err)
{
    struct osy_redis_blocking_shards *shards = osy_alloc(sizeof *shards);
    shards->map = osy_redis_map_create(servers, err);
    bool ok = shards->map != NULL;
    for (size_t i = 0; ok && i < osy_redis_map_count(shards->map); i++) {
        shards->members[i] =
            osy_redis_blocking_create(osy_redis_map_url(shards->map, i), timeout_ms, err);
        ok = shards->members[i] != NULL;
    }
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
    osy_redis_map_destroy(shards->map);
    free(shards);
}

struct osy_redis_blocking *osy_redis_blocking_shards_of(struct osy_redis_blocking_shards *shards,
                                                        const struct osy_uuid *restaurant_id)
{
    return shards->members[osy_redis_map_find(shards->map, restaurant_id)];
}

struct osy_redis_blocking *osy_redis_blocking_shards_home(struct osy_redis_blocking_shards *shards)
{
    return osy_redis_blocking_shards_of(shards, &(struct osy_uuid){{0}});
}

size_t osy_redis_blocking_shards_count(const struct osy_redis_blocking_shards *shards)
{
    return osy_redis_map_count(shards->map);
}

size_t osy_redis_blocking_shards_find(const struct osy_redis_blocking_shards *shards,
                                      const struct osy_uuid *restaurant_id)
{
    return osy_redis_map_find(shards->map, restaurant_id);
}

struct osy_redis_blocking *osy_redis_blocking_shards_at(struct osy_redis_blocking_shards *shards,
                                                        size_t shard)
{
    return shards->members[shard];
}

const char *osy_redis_blocking_shards_name(const struct osy_redis_blocking_shards *shards,
                                           size_t shard)
{
    return osy_redis_map_name(shards->map, shard);
}
