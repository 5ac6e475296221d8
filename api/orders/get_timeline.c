/* `GET /api/v1/orders/:id/timeline`: what has happened to an order, and whom it reached. */
#include "api/auth/principal.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/reply.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

/* Columns of find_timeline.sql. */
enum { TIMELINE_RESTAURANT = 0, TIMELINE_REPLY };

static bool is_visible(const struct api_request *request, const PGresult *row)
{
    struct osy_uuid restaurant_id;
    return PQntuples(row) == 1 &&
           osy_uuid_parse(PQgetvalue(row, 0, TIMELINE_RESTAURANT),
                          (size_t)PQgetlength(row, 0, TIMELINE_RESTAURANT), &restaurant_id) &&
           api_principal_covers_restaurant(api_request_principal(request), &restaurant_id);
}

void api_handle_get_timeline(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_uuid order_id;
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    osy_uuid_format(&order_id, id);
    api_db_scope_fill_order(&scope, request, &order_id);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_timeline, 1, (const char *const[]){id}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (is_visible(request, row)) {
        osy_buffer_append(&body, PQgetvalue(row, 0, TIMELINE_REPLY),
                          (size_t)PQgetlength(row, 0, TIMELINE_REPLY));
        api_reply_json(request, 200, &body);
    } else {
        api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
    }
    PQclear(row);
}
