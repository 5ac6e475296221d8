/* The background thread of `ordersync-api work` on a real PostgreSQL (DATABASE_URL, see with_postgres) and Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "api/background/background.h"
#include "api/config.h"
#include "shared/error.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/uuid.h"
#include "tests/integration/redis/server.h"
#include "tests/integration/writer/database.h"

struct fixture {
    struct server server; /* Redis */
    struct osy_pg *pg;
    char restaurant_id[OSY_UUID_TEXT_BYTES];
};

static void set_up(struct fixture *fixture)
{
    struct osy_uuid restaurant;
    server_make(&fixture->server);
    server_start(&fixture->server);
    fixture->pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    database_add_restaurant(fixture->pg, &restaurant, NULL, 0);
    osy_uuid_format(&restaurant, fixture->restaurant_id);
}

static void tear_down(struct fixture *fixture)
{
    osy_pg_destroy(fixture->pg);
    server_remove(&fixture->server);
}

/* $1 of sql is the restaurant. */
static PGresult *query(struct fixture *fixture, const char *sql)
{
    return database_query(fixture->pg, sql, 1, (const char *const[]){fixture->restaurant_id});
}

static long count(struct fixture *fixture, const char *sql)
{
    PGresult *result = query(fixture, sql);
    long rows = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return rows;
}

static void run_until_left(struct fixture *fixture, const char *count_sql, long wanted)
{
    struct osy_error err = {0};
    struct osy_metrics *metrics = osy_metrics_create();
    char no_folder[] = "";
    struct api_config config = {.database_url =
                                    (char *)(uintptr_t)database_url_as("ordersync_worker"),
                                .redis = fixture->server.url,
                                .reconcile_interval_ms = 10,
                                .stream_events_max = 1000,
                                .receipt_days = 35,
                                .device_days = 90,
                                .audit_heads_dir = no_folder,
                                .audit_heads_ms = 60000};
    struct api_background *background = api_background_start(&config, metrics, &err);
    assert_non_null(background);
    while (count(fixture, count_sql) > wanted)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    api_background_stop(background);
    assert_int_equal(count(fixture, count_sql), wanted);
    osy_metrics_destroy(metrics);
}

/* Many chunks of them: were one deleted at an interval, this would outlast the test's time limit. */
static void expired_keys_go_as_fast_as_they_came(void **state)
{
    struct fixture fixture;
    (void)state;
    set_up(&fixture);
    PQclear(query(&fixture, "INSERT INTO idempotency"
                            " (restaurant_id, key_hash, body_hash, order_id, order_version,"
                            "  created_at)"
                            " SELECT $1::uuid, sha256(n::text::bytea), sha256('body'),"
                            "        gen_random_uuid(), 1,"
                            "        now() - CASE WHEN n <= 7 THEN interval '23 hours'"
                            "                     ELSE interval '25 hours' END"
                            "   FROM generate_series(1, 20007) AS n"));
    run_until_left(&fixture, "SELECT count(*) FROM idempotency WHERE restaurant_id = $1::uuid", 7);
    tear_down(&fixture);
}

/* Of an order's receipts the order's id tells the age. */
static void receipts_of_old_orders_go_unless_they_are_watched(void **state)
{
    struct fixture fixture;
    (void)state;
    set_up(&fixture);
    PQclear(query(&fixture,
                  "INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)"
                  " SELECT $1::uuid,"
                  "        (lpad(to_hex((extract(epoch FROM now() - age) * 1000)::bigint), 12, '0')"
                  "         || '7' || lpad(to_hex(n % 4096), 3, '0')"
                  "         || '8000' || lpad(to_hex(n), 12, '0'))::uuid, false, '{till}',"
                  "        ARRAY[now()]"
                  "   FROM generate_series(1, 5009) AS n,"
                  "        LATERAL (SELECT CASE WHEN n <= 9 THEN interval '34 days'"
                  "                             ELSE interval '36 days' END AS age) AS its"));
    PQclear(query(&fixture, "INSERT INTO order_watches (order_id, restaurant_id, next_at)"
                            " SELECT order_id, restaurant_id, now() FROM receipts"
                            "  WHERE restaurant_id = $1::uuid ORDER BY order_id LIMIT 1"));
    run_until_left(&fixture, "SELECT count(*) FROM receipts WHERE restaurant_id = $1::uuid", 10);
    tear_down(&fixture);
}

static void alerts_about_old_orders_go_unless_they_are_watched(void **state)
{
    struct fixture fixture;
    (void)state;
    set_up(&fixture);
    PQclear(query(&fixture,
                  "INSERT INTO order_alerts (restaurant_id, order_id, step, at, reason, action,"
                  "                          waiting_ms, outcome, delivery_id)"
                  " SELECT $1::uuid,"
                  "        (lpad(to_hex((extract(epoch FROM now() - age) * 1000)::bigint), 12, '0')"
                  "         || '7' || lpad(to_hex(n % 4096), 3, '0')"
                  "         || '8000' || lpad(to_hex(n), 12, '0'))::uuid, 1, now(),"
                  "        'not_accepted', 'alert', 1, 'done', gen_random_uuid()"
                  "   FROM generate_series(1, 2009) AS n,"
                  "        LATERAL (SELECT CASE WHEN n <= 9 THEN interval '34 days'"
                  "                             ELSE interval '36 days' END AS age) AS its"));
    PQclear(query(&fixture, "INSERT INTO order_watches (order_id, restaurant_id, next_at)"
                            " SELECT order_id, restaurant_id, now() FROM order_alerts"
                            "  WHERE restaurant_id = $1::uuid ORDER BY order_id LIMIT 1"));
    run_until_left(&fixture, "SELECT count(*) FROM order_alerts WHERE restaurant_id = $1::uuid",
                   10);
    tear_down(&fixture);
}

static void devices_that_are_gone_for_long_are_forgotten(void **state)
{
    struct fixture fixture;
    (void)state;
    set_up(&fixture);
    PQclear(
        query(&fixture,
              "INSERT INTO devices (restaurant_id, device, incarnation, connected_at, left_at)"
              " VALUES ($1::uuid, 'old', gen_random_uuid(), now() - interval '1 year',"
              "         now() - interval '91 days'),"
              "        ($1::uuid, 'recent', gen_random_uuid(), now() - interval '1 year',"
              "         now() - interval '89 days'),"
              "        ($1::uuid, 'here', gen_random_uuid(), now() - interval '1 year', NULL)"));
    run_until_left(&fixture, "SELECT count(*) FROM devices WHERE restaurant_id = $1::uuid", 2);
    assert_int_equal(count(&fixture, "SELECT count(*) FROM devices"
                                     " WHERE restaurant_id = $1::uuid AND device = 'old'"),
                     0);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expired_keys_go_as_fast_as_they_came),
        cmocka_unit_test(receipts_of_old_orders_go_unless_they_are_watched),
        cmocka_unit_test(alerts_about_old_orders_go_unless_they_are_watched),
        cmocka_unit_test(devices_that_are_gone_for_long_are_forgotten),
    };
    signal(SIGPIPE, SIG_IGN);
    osy_log_init("test_background", OSY_LOG_ERROR);
    return cmocka_run_group_tests(tests, database_migrate, NULL);
}
