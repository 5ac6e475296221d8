/* `ordersync-api seed`: the demo restaurant, or many restaurants for load tests. Idempotent. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/main.h"
#include "embedded/api_core.h"
#include "shared/buffer.h"
#include "shared/pg.h"

#define DEMO_RESTAURANT "01890000-0000-7000-8000-000000000001"
enum { RESTAURANTS_MAX = 60000, FIRST_LOAD_NUMBER = 0x10000, CHUNK = 500, ID_TEXT_BYTES = 37 };

static const char usage[] =
    "Usage: ordersync-api seed [--restaurants N]\n\n"
    "Adds the demo restaurant " DEMO_RESTAURANT " and its menu to\n"
    "ORDERSYNC_DATABASE_URL, and prints its id. What is there stays; counted stock is filled up.\n"
    "  --restaurants N  instead, N restaurants for load tests (1 to 60000), ids printed one per line\n"
    "  --help           this text\n";

static const struct item {
    const char *name;
    int amount; /* KRW */
    int stock;  /* -1: not counted */
} items[] = {
    {"비빔밥 Bibimbap", 9000, -1},
    {"김치찌개 Kimchi stew", 8500, -1},
    {"불고기 Bulgogi", 14000, -1},
    {"떡볶이 Tteokbokki", 6000, -1},
    {"김밥 Gimbap", 4500, -1},
    {"냉면 Cold noodles", 10000, -1},
    {"삼계탕 Ginseng chicken soup", 16000, 20}, /* counted: a day's supply */
    {"해물파전 Seafood pancake", 12000, -1},
    {"호떡 Hotteok", 2500, 100},
    {"식혜 Sikhye", 3000, -1},
};
enum { ITEM_COUNT = sizeof items / sizeof items[0] };

/* The menu as three PostgreSQL array literals. The names have no quotes or backslashes. */
struct menu_arrays {
    struct osy_buffer names, amounts, stocks;
};

static void append_element(struct osy_buffer *array, const char *text)
{
    osy_buffer_char(array, array->length == 0 ? '{' : ',');
    osy_buffer_printf(array, "\"%s\"", text);
}

static void append_integer(struct osy_buffer *array, int value)
{
    osy_buffer_char(array, array->length == 0 ? '{' : ',');
    osy_buffer_i64(array, value);
}

static void build_menu(struct menu_arrays *menu)
{
    for (size_t i = 0; i < ITEM_COUNT; i++) {
        append_element(&menu->names, items[i].name);
        append_integer(&menu->amounts, items[i].amount);
        if (items[i].stock >= 0)
            append_integer(&menu->stocks, items[i].stock);
        else
            osy_buffer_text(&menu->stocks, menu->stocks.length == 0 ? "{NULL" : ",NULL");
    }
    osy_buffer_char(&menu->names, '}');
    osy_buffer_char(&menu->amounts, '}');
    osy_buffer_char(&menu->stocks, '}');
}

static void free_menu(struct menu_arrays *menu)
{
    osy_buffer_deinit(&menu->names);
    osy_buffer_deinit(&menu->amounts);
    osy_buffer_deinit(&menu->stocks);
}

/* Restaurants for load have plenty of everything: what they test is not the stock. */
static void build_plentiful_menu(struct menu_arrays *menu)
{
    build_menu(menu);
    osy_buffer_clear(&menu->stocks);
    for (size_t i = 0; i < ITEM_COUNT; i++)
        osy_buffer_text(&menu->stocks, i == 0 ? "{NULL" : ",NULL");
    osy_buffer_char(&menu->stocks, '}');
}

static bool seed(struct osy_pg *pg, const struct menu_arrays *menu, struct osy_buffer *ids,
                 struct osy_buffer *names, struct osy_error *err)
{
    osy_buffer_char(ids, '}');
    osy_buffer_char(names, '}');
    const char *values[] = {ids->bytes, names->bytes, menu->names.bytes, menu->amounts.bytes,
                            menu->stocks.bytes};
    PGresult *result = osy_pg_query(pg, sql_seed_restaurants, 5, values, err);
    PQclear(result);
    osy_buffer_clear(ids);
    osy_buffer_clear(names);
    return result != NULL;
}

static bool seed_demo(struct osy_pg *pg, struct osy_error *err)
{
    struct menu_arrays menu = {OSY_BUFFER_INIT, OSY_BUFFER_INIT, OSY_BUFFER_INIT};
    struct osy_buffer ids = OSY_BUFFER_INIT, names = OSY_BUFFER_INIT;
    build_menu(&menu);
    append_element(&ids, DEMO_RESTAURANT);
    append_element(&names, "한강식당 Hangang Kitchen");
    bool ok = seed(pg, &menu, &ids, &names, err);
    if (ok)
        puts(DEMO_RESTAURANT);
    free_menu(&menu);
    osy_buffer_deinit(&ids);
    osy_buffer_deinit(&names);
    return ok;
}

static void format_load_id(long i, char id[ID_TEXT_BYTES])
{
    snprintf(id, ID_TEXT_BYTES, "01890000-0000-7000-8000-0000000%05lx",
             (unsigned long)(FIRST_LOAD_NUMBER + i) & 0xfffff); /* RESTAURANTS_MAX fits */
}

static bool seed_many(struct osy_pg *pg, long count, struct osy_error *err)
{
    struct menu_arrays menu = {OSY_BUFFER_INIT, OSY_BUFFER_INIT, OSY_BUFFER_INIT};
    struct osy_buffer ids = OSY_BUFFER_INIT, names = OSY_BUFFER_INIT;
    char id[ID_TEXT_BYTES], name[48];
    bool ok = true;
    build_plentiful_menu(&menu);
    for (long i = 0; ok && i < count; i++) {
        format_load_id(i, id);
        snprintf(name, sizeof name, "Load restaurant %ld", i + 1);
        append_element(&ids, id);
        append_element(&names, name);
        if (i % CHUNK == CHUNK - 1 || i == count - 1)
            ok = seed(pg, &menu, &ids, &names, err);
    }
    for (long i = 0; ok && i < count; i++) {
        format_load_id(i, id);
        puts(id);
    }
    free_menu(&menu);
    osy_buffer_deinit(&ids);
    osy_buffer_deinit(&names);
    return ok;
}

/* 0 restaurants: the demo. False: *exit_code tells. */
static bool parse_options(int argc, char **argv, long *restaurants, int *exit_code)
{
    static const struct option options[] = {
        {"restaurants", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = NULL;
        if (option == 'h') {
            fputs(usage, stdout);
            *exit_code = 0;
            return false;
        }
        *restaurants = option == 'r' ? strtol(optarg, &end, 10) : 0;
        if (option == 'r' && (*end || *restaurants < 1 || *restaurants > RESTAURANTS_MAX))
            fprintf(stderr, "ordersync-api seed: --restaurants must be 1 to %d\n", RESTAURANTS_MAX);
        else if (option == 'r')
            continue;
        *exit_code = 2;
        return false;
    }
    if (optind < argc) {
        fputs(usage, stderr);
        *exit_code = 2;
        return false;
    }
    return true;
}

int api_seed_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    long restaurants = 0;
    int exit_code = 0;
    if (!parse_options(argc, argv, &restaurants, &exit_code))
        return exit_code;
    if (!api_config_load(&config, API_CONFIG_DATABASE, &err)) {
        fprintf(stderr, "ordersync-api seed: %s\n", err.message);
        return 2;
    }
    struct osy_pg *pg = osy_pg_create(
        &(struct osy_pg_options){.url = config.database_url, .application_name = "ordersync-seed"});
    bool ok = restaurants > 0 ? seed_many(pg, restaurants, &err) : seed_demo(pg, &err);
    if (!ok)
        fprintf(stderr, "ordersync-api seed: %s\n", err.message);
    osy_pg_destroy(pg);
    api_config_deinit(&config);
    return ok ? 0 : 1;
}
