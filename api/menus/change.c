#include "api/menus/change.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/audit/values.h"
#include "api/context.h"
#include "api/events/restaurant_event.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/menus/cache.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/pg.h"
#include "shared/trace.h"

enum { ACTION_BYTES = 64, ARRAY_BYTES = OSY_UUID_TEXT_BYTES + 2 };

/* Whether there is such a restaurant. */
static bool lock_stream(struct api_menu_change *change, struct osy_error *err)
{
    char restaurants[ARRAY_BYTES];
    snprintf(restaurants, sizeof restaurants, "{%s}", change->restaurant);
    PGresult *rows = osy_pg_query(change->worker->pg, sql_lock_streams, 1,
                                  (const char *const[]){restaurants}, err);
    bool is_there = rows && PQntuples(rows) == 1;
    if (rows && !is_there)
        osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such restaurant");
    PQclear(rows);
    return is_there;
}

bool api_menu_change_begin(struct api_menu_change *change, struct api_worker *worker,
                           struct api_request *request)
{
    struct osy_error err = {0};
    *change = (struct api_menu_change){.worker = worker, .request = request};
    if (!api_scope_restaurant(request, &change->restaurant_id))
        return false;
    osy_uuid_format(&change->restaurant_id, change->restaurant);
    api_db_scope_fill(&change->scope, request, &change->restaurant_id);
    if (!api_idempotency_begin(&change->once, worker, request, &change->scope))
        return false;
    if (lock_stream(change, &err))
        return true;
    if (err.code == OSY_ERR_NOT_FOUND) {
        api_menu_change_abandon(change);
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        api_menu_change_fail(change, &err);
    }
    return false;
}

void api_menu_change_fail(struct api_menu_change *change, const struct osy_error *err)
{
    api_idempotency_fail(&change->once, err);
}

void api_menu_change_abandon(struct api_menu_change *change)
{
    api_idempotency_abandon(&change->once);
}

static void write_data(const struct api_menu_change *change, const struct api_menu_news *news,
                       struct osy_buffer *data)
{
    osy_buffer_texts(data, "{\"restaurant_id\":\"", change->restaurant, "\",\"kind\":\"",
                     news->kind, "\",\"change\":\"", news->change, "\",\"ids\":", news->ids, "}",
                     NULL);
}

/* The event's number, or 0: err tells. */
static uint64_t emit(struct api_menu_change *change, const struct api_menu_news *news,
                     const char *data, struct osy_error *err)
{
    char subject[OSY_UUID_TEXT_BYTES], trace[OSY_TRACEPARENT_BYTES];
    uint64_t seq = 0;
    osy_uuid_format(&news->subject, subject);
    osy_trace_format(api_request_trace(change->request), trace);
    PGresult *row =
        osy_pg_query(change->worker->pg, sql_emit_change, 4,
                     (const char *const[]){change->restaurant, subject, data, trace}, err);
    if (row)
        seq = strtoull(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    return seq;
}

/* Of several things at once the event's data says enough. */
static bool audit(struct api_menu_change *change, const struct api_menu_news *news,
                  const char *data, struct osy_error *err)
{
    char action[ACTION_BYTES];
    snprintf(action, sizeof action, "menu.%s.%s", news->kind, news->change);
    const struct api_audit_change record = {
        .action = action,
        .restaurant_id = &change->restaurant_id,
        .subject_id = &news->subject,
        .old_json = news->before,
        .new_json = news->before || news->after ? news->after : data,
    };
    return api_audit_record(change->worker->pg, change->worker->context->keyring, &record, err);
}

/* The event's number, or 0: err tells. */
static uint64_t record(struct api_menu_change *change, const struct api_menu_news *news,
                       struct osy_error *err)
{
    struct osy_buffer data = OSY_BUFFER_INIT;
    write_data(change, news, &data);
    uint64_t seq = audit(change, news, data.bytes, err) ? emit(change, news, data.bytes, err) : 0;
    osy_buffer_deinit(&data);
    return seq;
}

static bool settle(struct api_menu_change *change, struct osy_error *err)
{
    PGresult *done = osy_pg_query(change->worker->pg, sql_settle_terms, 1,
                                  (const char *const[]){change->restaurant}, err);
    PQclear(done);
    return done != NULL;
}

void api_menu_change_reply(struct api_menu_change *change, const struct api_menu_news *news,
                           int status, struct osy_buffer *body)
{
    struct osy_error err = {0};
    uint64_t seq = settle(change, &err) ? record(change, news, &err) : 0;
    if (seq > 0)
        api_restaurant_event_end_caches(change->worker, &change->restaurant_id, seq);
    if (seq == 0) {
        api_menu_change_fail(change, &err);
    } else if (api_idempotency_commit(&change->once, status, body)) {
        api_menu_cache_forget_reads(change->worker->context->menus, &change->restaurant_id);
        api_restaurant_event_publish(change->worker, &change->restaurant_id, seq);
        api_reply_json(change->request, status, body->length > 0 ? body : NULL);
    }
    osy_buffer_deinit(body);
}
