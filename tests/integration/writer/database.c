#include "tests/integration/writer/database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/db/migrate.h"
#include "shared/error.h"
#include "shared/pg.h"
#include "shared/uuid.h"

const char *database_url(void)
{
    const char *url = getenv("DATABASE_URL");
    if (!url) {
        fprintf(stderr, "DATABASE_URL is not set: run this through with_postgres\n");
        exit(2);
    }
    return url;
}

const char *database_url_as(const char *role)
{
    static char url[1024];
    snprintf(url, sizeof url, "%s%soptions=-c%%20role%%3D%s", database_url(),
             strchr(database_url(), '?') ? "&" : "?", role);
    return url;
}

static void ignore_migration(void *context, const char *name, enum api_migration_state state)
{
    (void)context;
    (void)name;
    (void)state;
}

int database_migrate(void **state)
{
    struct osy_error err = {0};
    size_t applied = 0;
    struct osy_pg *pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    bool ok = api_migrate(pg, ignore_migration, NULL, &applied, &err);
    (void)state;
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    osy_pg_destroy(pg);
    return ok ? 0 : -1;
}

PGresult *database_query(struct osy_pg *pg, const char *sql, int count, const char *const *values)
{
    struct osy_error err = {0};
    PGresult *result = osy_pg_query(pg, sql, count, values, &err);
    if (!result)
        fail_msg("%s: %s", sql, err.message);
    return result;
}

void database_add_restaurant(struct osy_pg *pg, struct osy_uuid *restaurant_id,
                             struct osy_uuid *items, size_t count)
{
    char restaurant[OSY_UUID_TEXT_BYTES], menu[OSY_UUID_TEXT_BYTES], item[OSY_UUID_TEXT_BYTES];
    struct osy_uuid menu_id = osy_uuid_v7();
    *restaurant_id = osy_uuid_v7();
    osy_uuid_format(restaurant_id, restaurant);
    osy_uuid_format(&menu_id, menu);
    PQclear(database_query(
        pg, "INSERT INTO restaurants (id, name, currency) VALUES ($1::uuid, 'Test', 'KRW')", 1,
        (const char *const[]){restaurant}));
    PQclear(database_query(pg, "INSERT INTO restaurant_streams (restaurant_id) VALUES ($1::uuid)",
                           1, (const char *const[]){restaurant}));
    PQclear(database_query(
        pg, "INSERT INTO menus (id, restaurant_id, name) VALUES ($1::uuid, $2::uuid, 'Menu')", 2,
        (const char *const[]){menu, restaurant}));
    for (size_t i = 0; i < count; i++) {
        items[i] = osy_uuid_v7();
        osy_uuid_format(&items[i], item);
        PQclear(database_query(pg,
                               "INSERT INTO menu_items (id, restaurant_id, menu_id, name,"
                               " unit_amount) VALUES ($1::uuid, $2::uuid, $3::uuid, 'Dish', 1000)",
                               3, (const char *const[]){item, restaurant, menu}));
    }
}
