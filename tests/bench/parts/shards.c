/* Whose a restaurant is: what each event costs a publisher before it knows its Redis server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/redis_map.h"
#include "tests/bench/parts/part.h"

struct question {
    struct osy_redis_map *map;
    struct osy_uuid restaurant_id;
};

static void *ask_among(size_t count)
{
    char servers[OSY_REDIS_SHARDS_MAX * 32] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(servers + strlen(servers), sizeof servers - strlen(servers),
                 "redis-%zu=redis://host:1 ", i + 1);
    struct question *question = osy_alloc(sizeof *question);
    question->map = osy_redis_map_create(servers, NULL);
    bench_check(question->map && osy_redis_map_count(question->map) == count, "the map");
    return question;
}

static void *begin_one(const struct osy_keyring *keyring)
{
    (void)keyring;
    return ask_among(1);
}

static void *begin_four(const struct osy_keyring *keyring)
{
    (void)keyring;
    return ask_among(4);
}

static void *begin_most(const struct osy_keyring *keyring)
{
    (void)keyring;
    return ask_among(OSY_REDIS_SHARDS_MAX);
}

/* Another restaurant each time. */
static void find_owners(void *state, size_t times)
{
    struct question *question = state;
    for (size_t i = 0; i < times; i++) {
        memcpy(question->restaurant_id.bytes, &i, sizeof i);
        size_t shard = osy_redis_map_find(question->map, &question->restaurant_id);
        bench_use(&shard);
    }
}

static void end_question(void *state)
{
    struct question *question = state;
    osy_redis_map_destroy(question->map);
    free(question);
}

const struct bench_part bench_shard_parts[] = {
    {"shard.of_one", begin_one, find_owners, end_question},
    {"shard.of_four", begin_four, find_owners, end_question},
    {"shard.of_sixteen", begin_most, find_owners, end_question},
    {0},
};
