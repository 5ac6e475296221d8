#include "api/db/scope.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/request.h"
#include "embedded/api_core.h"
#include "shared/pg.h"
#include "shared/trace.h"

enum {
    SCOPE_VALUES = 8,
    NAME_BYTES = 24,
    /* "{...,...}" of one, and of as many as a token may have */
    RESTAURANTS_BYTES = (OSY_JWT_RESTAURANTS_MAX + 1) * OSY_UUID_TEXT_BYTES + 3,
};

void api_db_scope_fill(struct api_db_scope *scope, const struct api_request *request,
                       const struct osy_uuid *restaurant_id)
{
    const struct api_principal *principal = api_request_principal(request);
    *scope = (struct api_db_scope){
        .restaurant_id = restaurant_id,
        .actor_role = api_principal_role(principal),
        .trace_id = api_request_trace(request)->trace_id,
        .address = api_request_client(request),
    };
    if (principal->kind != API_PRINCIPAL_USER)
        return;
    scope->user_id = scope->actor_id = &principal->claims.subject;
    if (!osy_uuid_is_nil(&principal->claims.session_id))
        scope->session_id = &principal->claims.session_id;
}

void api_db_scope_fill_all(struct api_db_scope *scope, const struct api_request *request)
{
    const struct api_principal *principal = api_request_principal(request);
    api_db_scope_fill(scope, request, NULL);
    if (principal->kind != API_PRINCIPAL_USER)
        return;
    scope->restaurants = principal->claims.restaurants;
    scope->restaurant_count = principal->claims.restaurant_count;
}

void api_db_scope_fill_order(struct api_db_scope *scope, const struct api_request *request,
                             const struct osy_uuid *order_id)
{
    const struct api_principal *principal = api_request_principal(request);
    api_db_scope_fill_all(scope, request);
    if (principal->kind == API_PRINCIPAL_GUEST)
        scope->order_id = &principal->tracking.order_id;
    else if (principal->kind == API_PRINCIPAL_USER && principal->claims.role == OSY_ROLE_ADMIN)
        scope->order_id = order_id;
}

struct statement {
    const char *sql;
    int count;
    const char *const *values;
    char name[NAME_BYTES];
};

/* The scope as parameters of enter_scope.sql. */
struct parameters {
    char restaurants[RESTAURANTS_BYTES];
    char user_id[OSY_UUID_TEXT_BYTES], order_id[OSY_UUID_TEXT_BYTES];
    char actor_id[OSY_UUID_TEXT_BYTES], session_id[OSY_UUID_TEXT_BYTES];
    const char *values[SCOPE_VALUES];
};

static const char *format(const struct osy_uuid *id, char text[OSY_UUID_TEXT_BYTES])
{
    if (!id)
        return NULL;
    osy_uuid_format(id, text);
    return text;
}

static char *append(char *end, char separator, const struct osy_uuid *id)
{
    *end = separator;
    osy_uuid_format(id, end + 1);
    return end + OSY_UUID_TEXT_BYTES;
}

/* As an array; NULL: none at all. */
static const char *format_restaurants(const struct api_db_scope *scope,
                                      char text[RESTAURANTS_BYTES])
{
    char *end = text;
    assert(scope->restaurant_count <= OSY_JWT_RESTAURANTS_MAX);
    if (scope->restaurant_id)
        end = append(end, '{', scope->restaurant_id);
    for (size_t i = 0; i < scope->restaurant_count; i++)
        end = append(end, end == text ? '{' : ',', &scope->restaurants[i]);
    if (end == text)
        return NULL;
    snprintf(end, 2, "}");
    return text;
}

static struct statement enter(const struct api_db_scope *scope, struct parameters *parameters)
{
    parameters->values[0] = format_restaurants(scope, parameters->restaurants);
    parameters->values[1] = format(scope->user_id, parameters->user_id);
    parameters->values[2] = scope->actor_role;
    parameters->values[3] = format(scope->actor_id, parameters->actor_id);
    parameters->values[4] = format(scope->session_id, parameters->session_id);
    parameters->values[5] = scope->trace_id;
    parameters->values[6] = scope->address;
    parameters->values[7] = format(scope->order_id, parameters->order_id);
    return (struct statement){sql_enter_scope, SCOPE_VALUES, parameters->values, ""};
}

static bool prepare(struct osy_pg *pg, struct statement *statement, struct osy_error *err)
{
    const char *name = osy_pg_prepare(pg, statement->sql, statement->count, err);
    if (name)
        snprintf(statement->name, sizeof statement->name, "%s", name);
    return name != NULL;
}

static bool send_statement(PGconn *connection, const struct statement *statement)
{
    return PQsendQueryPrepared(connection, statement->name, statement->count, statement->values,
                               NULL, NULL, 0) == 1;
}

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* The next statement's result, behind which stands a NULL. NULL: the connection is lost, or too slow. */
static PGresult *read_result(PGconn *connection, int64_t deadline_ms, struct osy_error *err)
{
    PGresult *result = NULL, *end = NULL;
    if (osy_pg_next_result(connection, deadline_ms, &result, err) && result &&
        osy_pg_next_result(connection, deadline_ms, &end, err))
        return result;
    PQclear(result);
    return NULL;
}

static bool leave_pipeline(PGconn *connection, int64_t deadline_ms, struct osy_error *err)
{
    PGresult *end = NULL;
    bool ok = osy_pg_next_result(connection, deadline_ms, &end, err) &&
              PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    PQclear(end);
    return ok && PQexitPipelineMode(connection) == 1;
}

/*
 * Runs both in one round trip, and gives the second's result. What stands before one synchronisation point is one
 * transaction, unless it opens one itself (PostgreSQL, "Pipelining" of the extended query protocol), and a failure of
 * the first skips the second.
 */
static PGresult *run_pair(struct osy_pg *pg, struct statement *first, struct statement *second,
                          struct osy_error *err)
{
    PGconn *connection = osy_pg_connection(pg, err);
    if (!connection || !prepare(pg, first, err) || !prepare(pg, second, err))
        return NULL;
    PGresult *results[2] = {NULL, NULL};
    struct osy_error cause = {0};
    int64_t deadline_ms = osy_pg_answer_deadline(pg);
    bool is_sent = PQenterPipelineMode(connection) == 1 && send_statement(connection, first) &&
                   send_statement(connection, second) && PQpipelineSync(connection) == 1;
    bool is_whole = is_sent;
    for (size_t i = 0; is_whole && i < 2; i++)
        is_whole = (results[i] = read_result(connection, deadline_ms, &cause)) != NULL;
    is_whole = is_whole && leave_pipeline(connection, deadline_ms, &cause);
    osy_pg_note(pg, is_whole);
    if (is_whole && succeeded(results[0]) && succeeded(results[1])) {
        PQclear(results[0]);
        return results[1];
    }
    if (is_whole || cause.code == OSY_OK)
        osy_pg_error(connection, succeeded(results[0]) ? results[1] : results[0], &cause);
    PQclear(results[0]);
    PQclear(results[1]);
    if (!is_whole || cause.code == OSY_ERR_IO)
        osy_pg_reset(pg);
    if (err)
        *err = cause;
    return NULL;
}

PGresult *api_db_query(struct osy_pg *pg, const struct api_db_scope *scope, const char *sql,
                       int count, const char *const *values, struct osy_error *err)
{
    struct parameters parameters;
    struct statement first = enter(scope, &parameters);
    struct statement second = {sql, count, values, ""};
    return run_pair(pg, &first, &second, err);
}

bool api_db_begin(struct osy_pg *pg, const struct api_db_scope *scope, struct osy_error *err)
{
    struct parameters parameters;
    struct statement begin = {"BEGIN", 0, NULL, ""};
    struct statement second = enter(scope, &parameters);
    PGresult *result = run_pair(pg, &begin, &second, err);
    PQclear(result);
    if (!result)
        api_db_rollback(pg);
    return result != NULL;
}

bool api_db_enter(struct osy_pg *pg, const struct api_db_scope *scope, struct osy_error *err)
{
    struct parameters parameters;
    const struct statement statement = enter(scope, &parameters);
    PGresult *result = osy_pg_query(pg, statement.sql, statement.count, statement.values, err);
    PQclear(result);
    return result != NULL;
}

/* Of a transaction in which something failed PostgreSQL takes the COMMIT, and rolls back; and after a lost connection
 * it would be another one's COMMIT. */
bool api_db_commit(struct osy_pg *pg, struct osy_error *err)
{
    PGconn *connection = osy_pg_connection(pg, err);
    if (!connection)
        return false;
    if (PQtransactionStatus(connection) != PQTRANS_INTRANS) {
        api_db_rollback(pg);
        return osy_error_set(err, OSY_ERR_IO,
                             "PostgreSQL: the transaction was lost before its end");
    }
    PGresult *result = osy_pg_query(pg, "COMMIT", 0, NULL, err);
    bool ok = result != NULL;
    PQclear(result);
    if (!ok)
        osy_pg_reset(pg);
    return ok;
}

void api_db_rollback(struct osy_pg *pg)
{
    PGconn *connection = osy_pg_present(pg);
    if (!connection || PQtransactionStatus(connection) == PQTRANS_IDLE)
        return;
    PGresult *result = NULL;
    if (PQsendQueryParams(connection, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 0) == 1)
        result = read_result(connection, osy_pg_answer_deadline(pg), NULL);
    if (!succeeded(result))
        osy_pg_reset(pg);
    PQclear(result);
}
