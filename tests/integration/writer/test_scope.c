/* The scope of statements, against a real PostgreSQL. */
#include "api/db/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shared/jwt.h"
#include "shared/pg.h"
#include "tests/integration/writer/database.h"

#define ASK \
    "SELECT scope_restaurants()::text, scope_user()::text, current_setting('app.address', true)"

static struct osy_pg *open_database(void)
{
    return osy_pg_create(
        &(struct osy_pg_options){.url = database_url(), .application_name = "test"});
}

static void holds_for_one_statement(void **state)
{
    (void)state;
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    struct osy_uuid restaurant = osy_uuid_v7(), user = osy_uuid_v7();
    char restaurant_text[OSY_UUID_TEXT_BYTES], user_text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&restaurant, restaurant_text);
    osy_uuid_format(&user, user_text);
    const struct api_db_scope scope = {.restaurant_id = &restaurant,
                                       .user_id = &user,
                                       .actor_role = "owner",
                                       .address = "192.0.2.7"};

    PGresult *inside = api_db_query(pg, &scope, ASK, 0, NULL, &err);
    assert_non_null(inside);
    assert_int_equal(strlen(PQgetvalue(inside, 0, 0)), OSY_UUID_TEXT_BYTES + 1); /* in braces */
    assert_memory_equal(PQgetvalue(inside, 0, 0) + 1, restaurant_text, OSY_UUID_TEXT_BYTES - 1);
    assert_string_equal(PQgetvalue(inside, 0, 1), user_text);
    assert_string_equal(PQgetvalue(inside, 0, 2), "192.0.2.7");
    PQclear(inside);

    PGresult *after = database_query(pg, ASK, 0, NULL);
    assert_true(PQgetisnull(after, 0, 0));
    assert_true(PQgetisnull(after, 0, 1));
    assert_string_equal(PQgetvalue(after, 0, 2), "");
    PQclear(after);
    osy_pg_destroy(pg);
}

static void has_any_number_of_restaurants(void **state)
{
    (void)state;
    static struct osy_uuid restaurants[OSY_JWT_RESTAURANTS_MAX];
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    struct osy_uuid one = osy_uuid_v7(), order = osy_uuid_v7();
    for (size_t i = 0; i < OSY_JWT_RESTAURANTS_MAX; i++)
        restaurants[i] = osy_uuid_v7();
    for (size_t count = 0; count <= OSY_JWT_RESTAURANTS_MAX; count++) {
        const struct api_db_scope scope = {.restaurant_id = count % 2 ? &one : NULL,
                                           .restaurants = restaurants,
                                           .restaurant_count = count,
                                           .order_id = &order};
        PGresult *inside = api_db_query(pg, &scope,
                                        "SELECT coalesce(cardinality(scope_restaurants()), 0),"
                                        " length(current_setting('app.order_id'))",
                                        0, NULL, &err);
        assert_non_null(inside);
        assert_int_equal(strtoul(PQgetvalue(inside, 0, 0), NULL, 10), count + count % 2);
        assert_string_equal(PQgetvalue(inside, 0, 1), "36");
        PQclear(inside);
    }
    osy_pg_destroy(pg);
}

static long count_restaurants(struct osy_pg *pg)
{
    PGresult *result = database_query(pg, "SELECT count(*) FROM restaurants", 0, NULL);
    long count = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return count;
}

#define ADD \
    "INSERT INTO restaurants (id, name, currency) VALUES (gen_random_uuid(), 'Scope', 'KRW')"

static void a_failed_statement_leaves_the_connection_usable(void **state)
{
    (void)state;
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    const struct api_db_scope scope = {.actor_role = "admin"};
    assert_null(
        api_db_query(pg, &scope, "SELECT 1 / $1::integer", 1, (const char *const[]){"0"}, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    uint64_t connection = osy_pg_connection_number(pg);
    assert_true(count_restaurants(pg) >= 0);
    assert_int_equal(osy_pg_connection_number(pg), connection);
    osy_pg_destroy(pg);
}

static void a_transaction_ends_whole_or_not_at_all(void **state)
{
    (void)state;
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    const struct api_db_scope scope = {.actor_role = "admin"};
    long before = count_restaurants(pg);

    assert_true(api_db_begin(pg, &scope, &err));
    PQclear(database_query(pg, ADD, 0, NULL));
    assert_true(api_db_commit(pg, &err));
    assert_int_equal(count_restaurants(pg), before + 1);

    assert_true(api_db_begin(pg, &scope, &err));
    PQclear(database_query(pg, ADD, 0, NULL));
    api_db_rollback(pg);
    assert_int_equal(count_restaurants(pg), before + 1);

    assert_true(api_db_begin(pg, &scope, &err));
    PQclear(database_query(pg, ADD, 0, NULL));
    assert_null(osy_pg_query(pg, "SELECT 1 / $1::integer", 1, (const char *const[]){"0"}, &err));
    assert_false(api_db_commit(pg, &err));
    assert_int_equal(count_restaurants(pg), before + 1);
    osy_pg_destroy(pg);
}

static void a_lost_connection_is_no_commit(void **state)
{
    (void)state;
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    const struct api_db_scope scope = {.actor_role = "admin"};
    long before = count_restaurants(pg);
    assert_true(api_db_begin(pg, &scope, &err));
    PQclear(database_query(pg, ADD, 0, NULL));
    osy_pg_reset(pg);
    assert_false(api_db_commit(pg, &err));
    assert_int_equal(count_restaurants(pg), before);
    osy_pg_destroy(pg);
}

static void a_rollback_makes_no_connection(void **state)
{
    (void)state;
    struct osy_pg *pg = open_database();
    api_db_rollback(pg);
    assert_int_equal(osy_pg_connection_number(pg), 0);
    osy_pg_destroy(pg);
}

static void audit_rows_record_the_scope(void **state)
{
    (void)state;
    struct osy_error err = {0};
    struct osy_pg *pg = open_database();
    struct osy_uuid subject = osy_uuid_v7(), actor = osy_uuid_v7();
    char subject_text[OSY_UUID_TEXT_BYTES], actor_text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&subject, subject_text);
    osy_uuid_format(&actor, actor_text);
    const struct api_db_scope scope = {
        .actor_role = "owner", .actor_id = &actor, .trace_id = "trace", .address = "192.0.2.7"};
    PGresult *recorded =
        api_db_query(pg, &scope, "SELECT record_audit('thing.done', NULL, $1::uuid, NULL, NULL)", 1,
                     (const char *const[]){subject_text}, &err);
    assert_non_null(recorded);
    PQclear(recorded);
    PGresult *row = database_query(
        pg,
        "SELECT action, actor_role, actor_id, trace_id, address FROM audit_logs WHERE subject_id = $1::uuid",
        1, (const char *const[]){subject_text});
    assert_int_equal(PQntuples(row), 1);
    const char *const expected[] = {"thing.done", "owner", actor_text, "trace", "192.0.2.7"};
    for (int column = 0; column < 5; column++)
        assert_string_equal(PQgetvalue(row, 0, column), expected[column]);
    PQclear(row);
    osy_pg_destroy(pg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_for_one_statement),
        cmocka_unit_test(has_any_number_of_restaurants),
        cmocka_unit_test(a_failed_statement_leaves_the_connection_usable),
        cmocka_unit_test(a_transaction_ends_whole_or_not_at_all),
        cmocka_unit_test(a_lost_connection_is_no_commit),
        cmocka_unit_test(a_rollback_makes_no_connection),
        cmocka_unit_test(audit_rows_record_the_scope),
    };
    return cmocka_run_group_tests_name("scope", tests, database_migrate, NULL);
}
