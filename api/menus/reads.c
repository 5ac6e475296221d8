/* What a restaurant sells: for everybody, and for its owner. */
#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/etag.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/menus/cache.h"
#include "api/menus/handlers.h"
#include "api/menus/stock.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

/* Fills in how much there is of counted items, where there are such. */
static bool complete(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                     struct osy_buffer *menu, struct osy_error *err)
{
    const struct api_db_scope scope = {.restaurant_id = restaurant_id};
    struct osy_buffer whole = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_menu_stock_is_open(menu->bytes))
        return true;
    osy_uuid_format(restaurant_id, id);
    PGresult *stock =
        api_db_query(worker->pg, &scope, sql_find_stock, 1, (const char *const[]){id}, err);
    if (!stock)
        return false;
    api_menu_stock_fill(menu->bytes, stock, &whole);
    PQclear(stock);
    osy_buffer_deinit(menu);
    *menu = whole;
    return true;
}

void api_handle_get_menu(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct osy_buffer menu = OSY_BUFFER_INIT;
    if (!api_request_param_uuid(request, "id", &restaurant_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (api_menu_cache_read(worker->context->menus, worker, &restaurant_id, &menu, &err) &&
        complete(worker, &restaurant_id, &menu, &err)) {
        /* It changes with each sale of a counted item, and by the clock: caches have to ask. */
        api_etag_reply_json(request, &menu);
    } else if (err.code == OSY_ERR_NOT_FOUND) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        api_reply_database_error(request, &err);
    }
    osy_buffer_deinit(&menu);
}

void api_handle_get_own_menu(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    struct osy_buffer body = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    osy_uuid_format(&restaurant_id, id);
    api_db_scope_fill(&scope, request, &restaurant_id);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_own_menu, 1, (const char *const[]){id}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(row) == 0) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        osy_buffer_append(&body, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0));
        api_etag_reply_json(request, &body);
    }
    PQclear(row);
}
