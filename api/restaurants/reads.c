/* What there is to read about a restaurant. */
#include "api/db/scope.h"
#include "api/http/etag.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/restaurants/handlers.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

/* Whether there is such a restaurant: then body is what the query says. Else the reply has been given. */
static bool read_restaurant(struct api_worker *worker, struct api_request *request, const char *sql,
                            const struct osy_uuid *restaurant_id, struct osy_buffer *body)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    api_db_scope_fill(&scope, request, restaurant_id);
    osy_uuid_format(restaurant_id, id);
    PGresult *row = api_db_query(worker->pg, &scope, sql, 1, (const char *const[]){id}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(row) == 0) {
        api_reply_error(request, 404, "RESTAURANT_NOT_FOUND", "There is no such restaurant.", NULL);
    } else {
        osy_buffer_append(body, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0));
    }
    PQclear(row);
    return body->length > 0;
}

void api_restaurant_reply(struct api_worker *worker, struct api_request *request, const char *sql,
                          const struct osy_uuid *restaurant_id)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (read_restaurant(worker, request, sql, restaurant_id, &body))
        api_reply_json(request, 200, &body);
}

void api_handle_get_restaurant(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (!api_request_param_uuid(request, "id", &restaurant_id, &err))
        api_reply_invalid(request, &err);
    else if (read_restaurant(worker, request, sql_find_public, &restaurant_id, &body))
        api_etag_reply_json(request, &body); /* whether it is open changes by itself */
}

void api_handle_list_devices(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid restaurant_id;
    if (api_scope_restaurant(request, &restaurant_id))
        api_restaurant_reply(worker, request, sql_list_devices, &restaurant_id);
}
