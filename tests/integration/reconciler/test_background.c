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

static long count_keys(struct osy_pg *pg, const char *restaurant_id)
{
    PGresult *result =
        database_query(pg, "SELECT count(*) FROM idempotency WHERE restaurant_id = $1::uuid", 1,
                       (const char *const[]){restaurant_id});
    long count = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return count;
}

/* Many chunks of them: were one deleted at an interval, this would outlast the test's time limit. */
static void expired_keys_go_as_fast_as_they_came(void **state)
{
    struct osy_error err = {0};
    struct server server;
    struct osy_uuid restaurant;
    char id[OSY_UUID_TEXT_BYTES];
    (void)state;
    server_make(&server);
    server_start(&server);
    struct osy_pg *pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    database_add_restaurant(pg, &restaurant, NULL, 0);
    osy_uuid_format(&restaurant, id);
    PQclear(database_query(pg,
                           "INSERT INTO idempotency"
                           " (restaurant_id, key_hash, body_hash, order_id, order_version,"
                           "  created_at)"
                           " SELECT $1::uuid, sha256(n::text::bytea), sha256('body'),"
                           "        gen_random_uuid(), 1,"
                           "        now() - CASE WHEN n <= 7 THEN interval '23 hours'"
                           "                     ELSE interval '25 hours' END"
                           "   FROM generate_series(1, 20007) AS n",
                           1, (const char *const[]){id}));

    struct osy_metrics *metrics = osy_metrics_create();
    struct api_config config = {.database_url = (char *)(uintptr_t)database_url(),
                                .redis_url = server.url,
                                .reconcile_interval_ms = 10,
                                .stream_events_max = 1000};
    struct api_background *background = api_background_start(&config, metrics, &err);
    assert_non_null(background);
    while (count_keys(pg, id) > 7)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    api_background_stop(background);
    assert_int_equal(count_keys(pg, id), 7);

    osy_metrics_destroy(metrics);
    osy_pg_destroy(pg);
    server_remove(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expired_keys_go_as_fast_as_they_came),
    };
    signal(SIGPIPE, SIG_IGN);
    osy_log_init("test_background", OSY_LOG_ERROR);
    return cmocka_run_group_tests(tests, database_migrate, NULL);
}
