/* `GET /api/v1/restaurants/:id/popular`: what is sold most, by today's count or that of the last days. */
#include <stdio.h>
#include <string.h>

#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/menus/handlers.h"
#include "api/menus/popular.h"
#include "api/orders/reply.h"
#include "embedded/api_core.h"
#include "shared/log.h"
#include "shared/pg.h"

enum { ITEMS_MAX = 20 };

static bool read_days(struct api_request *request, const char **days, struct osy_error *err)
{
    *days = NULL;
    if (!api_request_query(request, "days", days, err))
        return false;
    if (!*days)
        *days = "1";
    return (strlen(*days) == 1 && **days >= '1' && **days <= '0' + API_POPULAR_DAYS) ||
           osy_error_set(err, OSY_ERR_INVALID, "'days' must be 1 to %d", API_POPULAR_DAYS);
}

/* With what the menu says of the items. */
static void reply_popular(struct api_worker *worker, struct api_request *request,
                          const struct api_db_scope *scope, const char *restaurant,
                          const struct api_popular *popular)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    const char *const values[] = {restaurant, popular->ids.bytes, popular->counts.bytes};
    PGresult *row = api_db_query(worker->pg, scope, sql_find_popular, 3, values, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(row) == 0) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        osy_buffer_append(&body, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0));
        api_reply_json(request, 200, &body);
    }
    PQclear(row);
}

static void reply_unknown_counts(struct api_request *request, const struct osy_error *err)
{
    OSY_WARN("popular_not_read", OSY_ERR(err));
    api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, 503, "COUNTS_UNAVAILABLE", "Nobody can tell at the moment.", NULL);
}

/* days: names of days. */
static void find_and_reply(struct api_worker *worker, struct api_request *request,
                           const struct api_db_scope *scope, const char *restaurant,
                           const PGresult *days)
{
    struct osy_error err = {0};
    struct api_popular popular = {OSY_BUFFER_INIT, OSY_BUFFER_INIT};
    if (PQntuples(days) == 0)
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    else if (api_popular_read(worker->redis, scope->restaurant_id, days, ITEMS_MAX, &popular, &err))
        reply_popular(worker, request, scope, restaurant, &popular);
    else
        reply_unknown_counts(request, &err);
    osy_buffer_deinit(&popular.ids);
    osy_buffer_deinit(&popular.counts);
}

void api_handle_get_popular(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    const char *days;
    char restaurant[OSY_UUID_TEXT_BYTES];
    if (!api_request_param_uuid(request, "id", &restaurant_id, &err) ||
        !read_days(request, &days, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    osy_uuid_format(&restaurant_id, restaurant);
    api_db_scope_fill(&scope, request, &restaurant_id);
    PGresult *rows = api_db_query(worker->pg, &scope, sql_find_days, 2,
                                  (const char *const[]){restaurant, days}, &err);
    if (rows)
        find_and_reply(worker, request, &scope, restaurant, rows);
    else
        api_reply_database_error(request, &err);
    PQclear(rows);
}
