/* `/api/v1/restaurants/me/hours`: when a restaurant is open, as a whole. */
#include <stdlib.h>

#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/restaurants/change.h"
#include "api/restaurants/handlers.h"
#include "api/restaurants/opening.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/json.h"
#include "shared/pg.h"

static bool find(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                 struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    PGresult *row = api_restaurant_find(worker, sql_find_hours, restaurant_id, value, version, err);
    PQclear(row);
    return row != NULL;
}

/* The time zone as it is usually spelled, to be freed. NULL: a reply was given. */
static char *find_time_zone(struct api_worker *worker, struct api_request *request,
                            const char *given)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    char *name = NULL;
    api_db_scope_fill(&scope, request, NULL);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_time_zone, 1, (const char *const[]){given}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(row) == 0) {
        osy_error_set(&err, OSY_ERR_INVALID,
                      "'time_zone' must be a name of the IANA database, like Asia/Seoul");
        api_reply_invalid(request, &err);
    } else {
        name = osy_strdup(PQgetvalue(row, 0, 0));
    }
    PQclear(row);
    return name;
}

static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, const struct api_opening *opening)
{
    char *time_zone = find_time_zone(worker, request, opening->time_zone);
    if (!time_zone)
        return;
    char *weekly = opening->weekly ? json_dumps(opening->weekly, JSON_COMPACT) : NULL;
    char *exceptions = opening->exceptions ? json_dumps(opening->exceptions, JSON_COMPACT) : NULL;
    const char *const values[] = {time_zone, weekly, exceptions ? exceptions : "[]"};
    const struct api_restaurant_change change = {
        "restaurant.hours_changed", find, sql_change_hours, values, 3,
    };
    api_restaurant_change(worker, request, restaurant_id, &change);
    free(exceptions);
    free(weekly);
    free(time_zone);
}

void api_handle_get_hours(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid restaurant_id;
    if (api_scope_restaurant(request, &restaurant_id))
        api_restaurant_show(worker, request, &restaurant_id, find);
}

void api_handle_put_hours(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_opening opening;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && api_opening_read(root, &opening, &err))
        store(worker, request, &restaurant_id, &opening);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}
