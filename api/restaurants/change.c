#include "api/restaurants/change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/context.h"
#include "api/db/idempotency.h"
#include "api/db/scope.h"
#include "api/events/restaurant_event.h"
#include "api/http/request.h"
#include "api/http/version.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/pg.h"
#include "shared/trace.h"

/* What a change comes to. */
struct outcome {
    struct osy_buffer old_value, new_value;
    int64_t version; /* in the end */
    bool is_written; /* there was something to do */
    uint64_t seq;    /* then: the event's number */
};

PGresult *api_restaurant_find(struct api_worker *worker, const char *sql,
                              const struct osy_uuid *restaurant_id, struct osy_buffer *value,
                              int64_t *version, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, id);
    PGresult *row = osy_pg_query(worker->pg, sql, 1, (const char *const[]){id}, err);
    if (row && PQntuples(row) == 0) {
        osy_error_set(err, OSY_ERR_NOT_FOUND, "no such restaurant");
        PQclear(row);
        return NULL;
    }
    if (!row)
        return NULL;
    osy_buffer_append(value, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0));
    *version = strtoll(PQgetvalue(row, 0, 1), NULL, 10);
    return row;
}

bool api_restaurant_find_public(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                                struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    PGresult *row =
        api_restaurant_find(worker, sql_find_public, restaurant_id, value, version, err);
    PQclear(row);
    return row != NULL;
}

bool api_restaurant_lock(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                         int64_t *version, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, id);
    PGresult *row =
        osy_pg_query(worker->pg, sql_lock_restaurant, 1, (const char *const[]){id}, err);
    bool ok =
        row && (PQntuples(row) == 1 || osy_error_set(err, OSY_ERR_NOT_FOUND, "no such restaurant"));
    if (ok)
        *version = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    return ok;
}

static bool apply(struct api_worker *worker, const char *id,
                  const struct api_restaurant_change *change, bool *is_written,
                  struct osy_error *err)
{
    const char *values[1 + API_RESTAURANT_VALUES_MAX] = {id};
    assert(change->count <= API_RESTAURANT_VALUES_MAX);
    for (int i = 0; i < change->count; i++)
        values[1 + i] = change->values[i];
    PGresult *done = osy_pg_query(worker->pg, change->sql, 1 + change->count, values, err);
    *is_written = done && strcmp(PQcmdTuples(done), "0") != 0;
    PQclear(done);
    return done != NULL;
}

static bool record(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                   const char *action, const struct outcome *outcome, struct osy_error *err)
{
    const struct api_audit_change change = {
        .action = action,
        .restaurant_id = restaurant_id,
        .subject_id = restaurant_id,
        .old_json = outcome->old_value.bytes,
        .new_json = outcome->new_value.bytes,
    };
    return api_audit_record(worker->pg, worker->context->keyring, &change, err);
}

static bool announce(struct api_worker *worker, const struct api_request *request, const char *id,
                     const char *type, uint64_t *seq, struct osy_error *err)
{
    char trace[OSY_TRACEPARENT_BYTES];
    osy_trace_format(api_request_trace(request), trace);
    PGresult *row =
        osy_pg_query(worker->pg, sql_announce, 3, (const char *const[]){id, type, trace}, err);
    if (row)
        *seq = strtoull(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    return row != NULL;
}

/* Behind the lock, in its transaction. */
static bool carry_out(struct api_worker *worker, const struct api_request *request,
                      const struct osy_uuid *restaurant_id,
                      const struct api_restaurant_change *change, struct outcome *outcome,
                      struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    int64_t old_version;
    osy_uuid_format(restaurant_id, id);
    return change->find(worker, restaurant_id, &outcome->old_value, &old_version, err) &&
           apply(worker, id, change, &outcome->is_written, err) &&
           change->find(worker, restaurant_id, &outcome->new_value, &outcome->version, err) &&
           (!outcome->is_written ||
            (record(worker, restaurant_id, change->action, outcome, err) &&
             announce(worker, request, id, change->action, &outcome->seq, err)));
}

static void reply_not_found(struct api_request *request)
{
    api_reply_error(request, 404, "RESTAURANT_NOT_FOUND", "There is no such restaurant.", NULL);
}

void api_restaurant_fail(struct api_idempotency *once, const struct osy_error *err)
{
    if (err->code != OSY_ERR_NOT_FOUND) {
        api_idempotency_fail(once, err);
        return;
    }
    api_idempotency_abandon(once);
    reply_not_found(once->request);
}

static void finish(struct api_idempotency *once, const struct osy_uuid *restaurant_id,
                   struct outcome *outcome)
{
    if (outcome->is_written)
        api_restaurant_event_end_caches(once->worker, restaurant_id, outcome->seq);
    if (!api_idempotency_commit(once, 200, &outcome->new_value))
        return;
    if (outcome->is_written)
        api_restaurant_event_publish(once->worker, restaurant_id, outcome->seq);
    api_version_reply_header(once->request, outcome->version);
    api_reply_json(once->request, 200, &outcome->new_value);
}

static void run(struct api_idempotency *once, const struct osy_uuid *restaurant_id,
                const struct api_restaurant_change *change, int64_t expected)
{
    struct osy_error err = {0};
    struct outcome outcome = {.old_value = OSY_BUFFER_INIT, .new_value = OSY_BUFFER_INIT};
    bool is_locked = api_restaurant_lock(once->worker, restaurant_id, &outcome.version, &err);
    if (is_locked && expected && expected != outcome.version) {
        api_idempotency_abandon(once);
        api_version_reply_conflict(once->request, outcome.version);
    } else if (is_locked &&
               carry_out(once->worker, once->request, restaurant_id, change, &outcome, &err)) {
        finish(once, restaurant_id, &outcome);
    } else {
        api_restaurant_fail(once, &err);
    }
    osy_buffer_deinit(&outcome.old_value);
    osy_buffer_deinit(&outcome.new_value);
}

void api_restaurant_change(struct api_worker *worker, struct api_request *request,
                           const struct osy_uuid *restaurant_id,
                           const struct api_restaurant_change *change)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    struct api_idempotency once;
    int64_t expected;
    if (!api_version_read(request, &expected, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    api_db_scope_fill(&scope, request, restaurant_id);
    if (api_idempotency_begin(&once, worker, request, &scope))
        run(&once, restaurant_id, change, expected);
}

/* In a transaction, because that is what a find function is for. */
static bool find_alone(struct api_worker *worker, const struct api_request *request,
                       const struct osy_uuid *restaurant_id, api_restaurant_find_fn find,
                       struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    struct api_db_scope scope;
    api_db_scope_fill(&scope, request, restaurant_id);
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok = find(worker, restaurant_id, value, version, err) && api_db_commit(worker->pg, err);
    if (!ok)
        api_db_rollback(worker->pg);
    return ok;
}

void api_restaurant_show(struct api_worker *worker, struct api_request *request,
                         const struct osy_uuid *restaurant_id, api_restaurant_find_fn find)
{
    struct osy_error err = {0};
    struct osy_buffer value = OSY_BUFFER_INIT;
    int64_t version;
    if (find_alone(worker, request, restaurant_id, find, &value, &version, &err)) {
        api_version_reply_header(request, version);
        api_reply_json(request, 200, &value);
    } else if (err.code == OSY_ERR_NOT_FOUND) {
        reply_not_found(request);
    } else {
        api_reply_database_error(request, &err);
    }
    osy_buffer_deinit(&value);
}
