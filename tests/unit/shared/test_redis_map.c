#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/redis_map.h"

enum { RESTAURANTS = 10000 };

static struct osy_redis_map *make_map(const char *servers)
{
    struct osy_error err = {0};
    struct osy_redis_map *map = osy_redis_map_create(servers, &err);
    if (!map)
        fail_msg("%s", err.message);
    return map;
}

/* The name of the shard that has a restaurant. */
static const char *owner(const struct osy_redis_map *map, const struct osy_uuid *restaurant_id)
{
    return osy_redis_map_name(map, osy_redis_map_find(map, restaurant_id));
}

/* Ids that differ as little as ids can. */
static struct osy_uuid nth_restaurant(unsigned n)
{
    struct osy_uuid id = {{0x01, 0x89, 0, 0, 0, 0, 0x70, 0, 0x80}};
    id.bytes[14] = (uint8_t)(n >> 8);
    id.bytes[15] = (uint8_t)n;
    return id;
}

static void a_url_alone_has_all_restaurants(void **state)
{
    struct osy_redis_map *map = make_map("redis://:secret@host:6379/2");
    (void)state;
    assert_int_equal(osy_redis_map_count(map), 1);
    assert_string_equal(osy_redis_map_name(map, 0), "redis");
    assert_string_equal(osy_redis_map_url(map, 0), "redis://:secret@host:6379/2");
    assert_int_equal(osy_redis_map_find(map, &(struct osy_uuid){{1}}), 0);
    osy_redis_map_destroy(map);
}

static void a_list_is_separated_by_commas_and_blanks(void **state)
{
    struct osy_redis_map *map = make_map(" a=redis://x:1,b=unix:/y\n , c_2=redis://u:p%3d=@z:2/3,");
    (void)state;
    assert_int_equal(osy_redis_map_count(map), 3);
    assert_string_equal(osy_redis_map_name(map, 1), "b");
    assert_string_equal(osy_redis_map_url(map, 1), "unix:/y");
    assert_string_equal(osy_redis_map_name(map, 2), "c_2");
    assert_string_equal(osy_redis_map_url(map, 2), "redis://u:p%3d=@z:2/3");
    osy_redis_map_destroy(map);
}

static void a_cluster_is_one_entry(void **state)
{
    struct osy_redis_map *map = make_map("cluster://:secret@a:1;b:2");
    (void)state;
    assert_int_equal(osy_redis_map_count(map), 1);
    assert_string_equal(osy_redis_map_url(map, 0), "cluster://:secret@a:1;b:2");
    osy_redis_map_destroy(map);
}

static void mistakes_are_named_and_urls_are_not_quoted(void **state)
{
    static const struct {
        const char *servers, *says;
    } rows[] = {
        {"", "there is no server"},
        {" , ", "there is no server"},
        {"redis://x:1 redis://x:2", "server 1 of 2 has no name"},
        {"a=redis://x:1 redis://x:2", "server 2 of 2 has no name"},
        {"a=redis://x:1 a=redis://x:2", "two servers have the name 'a'"},
        {"a=redis://x:1 b=http://:secret@x", "server 'b': the Redis URL begins with none"},
        {"a=redis://x:1 b=redis://:secret@x:port", "server 'b': the Redis URL has no valid"},
        {"a=", "server 'a'"},
        {"=redis://x:1", "the Redis URL begins with none"},
        {"a.b=redis://x:1", "the Redis URL begins with none"},
        {"abcdefghijklmnopqrstuvwxyz0123456=redis://x:1", "more than 32 bytes"},
        {"a=cluster://x:1", "a cluster:// has no name"},
        {"a=redis://x:1 b=cluster://x:1", "no server beside it"},
        {"cluster://:secret@x", "no valid host:port"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct osy_error err = {0};
        assert_null(osy_redis_map_create(rows[i].servers, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        if (!strstr(err.message, rows[i].says) || strstr(err.message, "secret"))
            fail_msg("\"%s\": %s", rows[i].servers, err.message);
    }
}

static void there_are_16_servers_at_most(void **state)
{
    char list[4096] = "";
    struct osy_error err = {0};
    (void)state;
    for (int i = 0; i < OSY_REDIS_SHARDS_MAX; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "s%d=redis://h:1 ", i);
    osy_redis_map_destroy(make_map(list));
    strcat(list, "more=redis://h:1");
    assert_null(osy_redis_map_create(list, &err));
    assert_non_null(strstr(err.message, "more than 16"));
}

/* Programs of different versions run beside each other: these never change. */
static void every_version_comes_to_the_same_answer(void **state)
{
    static const struct {
        const char *restaurant_id, *shard;
    } rows[] = {
        {"00000000-0000-0000-0000-000000000000", "c"},
        {"01890000-0000-7000-8000-000000000001", "c"},
        {"01890000-0000-7000-8000-000000000002", "b"},
        {"01890000-0000-7000-8000-000000000003", "a"},
        {"01890000-0000-7000-8000-000000000004", "a"},
        {"ffffffff-ffff-ffff-ffff-ffffffffffff", "b"},
        {"f47ac10b-58cc-4372-a567-0e02b2c3d479", "c"},
    };
    struct osy_redis_map *map = make_map("a=redis://h:1 b=redis://h:2 c=redis://h:3");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct osy_uuid id;
        assert_true(osy_uuid_parse(rows[i].restaurant_id, 36, &id));
        assert_string_equal(owner(map, &id), rows[i].shard);
    }
    osy_redis_map_destroy(map);
}

static void names_decide_not_order_nor_address(void **state)
{
    struct osy_redis_map *map = make_map("a=redis://h:1 b=redis://h:2 c=redis://h:3");
    struct osy_redis_map *other = make_map("c=redis://g:9/1 a=unix:/x b=redis://u:p@h:2");
    (void)state;
    for (unsigned n = 0; n < RESTAURANTS; n++) {
        struct osy_uuid id = nth_restaurant(n);
        assert_string_equal(owner(map, &id), owner(other, &id));
    }
    osy_redis_map_destroy(map);
    osy_redis_map_destroy(other);
}

static void restaurants_are_spread_evenly(void **state)
{
    struct osy_redis_map *map =
        make_map("redis=redis://h:1 redis-2=redis://h:2 redis-3=redis://h:3 redis-4=redis://h:4");
    unsigned counts[4] = {0};
    (void)state;
    for (unsigned n = 0; n < RESTAURANTS; n++) {
        struct osy_uuid id = nth_restaurant(n);
        counts[osy_redis_map_find(map, &id)]++;
    }
    for (int i = 0; i < 4; i++) /* five standard deviations around a fourth */
        assert_in_range(counts[i], RESTAURANTS / 4 - 217, RESTAURANTS / 4 + 217);
    osy_redis_map_destroy(map);
}

/* And what a shard that goes away had goes to all the others: the same sentence, read backwards. */
static void a_new_shard_takes_its_part_from_all_others_and_moves_nothing_else(void **state)
{
    struct osy_redis_map *before = make_map("a=redis://h:1 b=redis://h:2 c=redis://h:3");
    struct osy_redis_map *after =
        make_map("d=redis://h:4 a=redis://h:1 b=redis://h:2 c=redis://h:3");
    unsigned moved[3] = {0}, all = 0;
    (void)state;
    for (unsigned n = 0; n < RESTAURANTS; n++) {
        struct osy_uuid id = nth_restaurant(n);
        if (strcmp(owner(before, &id), owner(after, &id)) == 0)
            continue;
        assert_string_equal(owner(after, &id), "d");
        moved[osy_redis_map_find(before, &id)]++;
        all++;
    }
    assert_in_range(all, RESTAURANTS / 4 - 217, RESTAURANTS / 4 + 217);
    for (int i = 0; i < 3; i++)
        assert_in_range(moved[i], RESTAURANTS / 12 - 140, RESTAURANTS / 12 + 140);
    osy_redis_map_destroy(before);
    osy_redis_map_destroy(after);
}

static void one_of_the_two_settings_says_where_redis_is(void **state)
{
    struct osy_error err = {0};
    (void)state;
    assert_string_equal(osy_redis_map_choose("redis://h:1", "", &err), "redis://h:1");
    assert_string_equal(osy_redis_map_choose("", "a=redis://h:1", &err), "a=redis://h:1");
    assert_null(osy_redis_map_choose("", "", &err));
    assert_int_equal(err.code, OSY_ERR_NOT_FOUND);
    assert_null(osy_redis_map_choose("redis://h:1", "a=redis://h:1", &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_non_null(strstr(err.message, "ORDERSYNC_REDIS_URL and ORDERSYNC_REDIS_URLS"));
    assert_null(osy_redis_map_choose("", "redis://h:1 redis://h:2", &err));
    assert_non_null(strstr(err.message, "ORDERSYNC_REDIS_URLS: server 1"));
    assert_null(osy_redis_map_choose("nowhere", "", &err));
    assert_non_null(strstr(err.message, "ORDERSYNC_REDIS_URL: the Redis URL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_alone_has_all_restaurants),
        cmocka_unit_test(a_list_is_separated_by_commas_and_blanks),
        cmocka_unit_test(a_cluster_is_one_entry),
        cmocka_unit_test(mistakes_are_named_and_urls_are_not_quoted),
        cmocka_unit_test(there_are_16_servers_at_most),
        cmocka_unit_test(every_version_comes_to_the_same_answer),
        cmocka_unit_test(names_decide_not_order_nor_address),
        cmocka_unit_test(restaurants_are_spread_evenly),
        cmocka_unit_test(a_new_shard_takes_its_part_from_all_others_and_moves_nothing_else),
        cmocka_unit_test(one_of_the_two_settings_says_where_redis_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
