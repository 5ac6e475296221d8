/* `GET /api/v1/orders/:id/timeline`: what has happened to an order, who did it, and whom it reached. */
#include <string.h>

#include "api/auth/principal.h"
#include "api/context.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/reply.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/log.h"
#include "shared/pg.h"

/* Columns of find_timeline.sql. */
enum { TIMELINE_RESTAURANT = 0, TIMELINE_REPLY };

/* Columns of find_people.sql. */
enum { PERSON_ID = 0, PERSON_NAME };

static bool is_visible(const struct api_request *request, const PGresult *row,
                       struct osy_uuid *restaurant_id)
{
    return PQntuples(row) == 1 &&
           osy_uuid_parse(PQgetvalue(row, 0, TIMELINE_RESTAURANT),
                          (size_t)PQgetlength(row, 0, TIMELINE_RESTAURANT), restaurant_id) &&
           api_principal_covers_restaurant(api_request_principal(request), restaurant_id);
}

/* Appends `{"user_id":...,"name":...}`. */
static bool append_person(struct osy_buffer *out, const struct osy_keyring *keyring,
                          const PGresult *people, int row, struct osy_error *err)
{
    struct osy_column place = {.table = "users", .column = "name"};
    struct osy_buffer name = OSY_BUFFER_INIT;
    const char *id = PQgetvalue(people, row, PERSON_ID);
    bool ok = osy_uuid_parse(id, strlen(id), &place.row_id) &&
              api_db_bytea_decrypt(people, row, PERSON_NAME, keyring, &place, &name, err);
    if (ok) {
        osy_buffer_texts(out, "{\"user_id\":\"", id, "\",\"name\":", NULL);
        osy_buffer_json_bytes(out, name.bytes, name.length);
        osy_buffer_char(out, '}');
    }
    osy_buffer_wipe(&name);
    return ok;
}

static bool append_people(struct osy_buffer *out, const struct osy_keyring *keyring,
                          const PGresult *people, struct osy_error *err)
{
    osy_buffer_text(out, "\"people\":[");
    for (int row = 0; row < PQntuples(people); row++) {
        if (row > 0)
            osy_buffer_char(out, ',');
        if (!append_person(out, keyring, people, row, err))
            return false;
    }
    osy_buffer_char(out, ']');
    return true;
}

static void reply_timeline(struct api_worker *worker, struct api_request *request,
                           const PGresult *timeline, const PGresult *people)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_append(&body, PQgetvalue(timeline, 0, TIMELINE_REPLY),
                      (size_t)PQgetlength(timeline, 0, TIMELINE_REPLY));
    body.bytes[body.length - 1] = ','; /* opens the object again */
    if (append_people(&body, worker->context->keyring, people, &err)) {
        osy_buffer_char(&body, '}');
        api_reply_json(request, 200, &body);
        return;
    }
    OSY_ERROR("decryption_failed", OSY_ERR(&err));
    api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
    osy_buffer_deinit(&body);
}

void api_handle_get_timeline(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid order_id, restaurant_id;
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    osy_uuid_format(&order_id, id);
    api_db_scope_fill_order(&scope, request, &order_id);
    PGresult *people = NULL, *timeline = api_db_query(worker->pg, &scope, sql_find_timeline, 1,
                                                      (const char *const[]){id}, &err);
    bool is_there = timeline && is_visible(request, timeline, &restaurant_id);
    scope.restaurant_id = is_there ? &restaurant_id : NULL; /* whose people are named */
    if (is_there)
        people = api_db_query(
            worker->pg, &scope, sql_find_people, 2,
            (const char *const[]){id, PQgetvalue(timeline, 0, TIMELINE_RESTAURANT)}, &err);
    if (!timeline || (is_there && !people))
        api_reply_database_error(request, &err);
    else if (is_there)
        reply_timeline(worker, request, timeline, people);
    else
        api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
    PQclear(timeline);
    PQclear(people);
}
