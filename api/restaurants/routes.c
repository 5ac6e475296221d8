#include "api/restaurants/routes.h"

#include "api/http/request.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

static void handle_get_menu(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_uuid restaurant_id;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_request_param_uuid(request, "id", &restaurant_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    osy_uuid_format(&restaurant_id, id);
    PGresult *menu = osy_pg_query(worker->pg, sql_find_menu, 1, (const char *const[]){id}, &err);
    if (!menu) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(menu) == 0) {
        api_reply_error(request, 404, "RESTAURANT_NOT_FOUND", "There is no such restaurant.", NULL);
    } else {
        osy_buffer_append(&body, PQgetvalue(menu, 0, 0), (size_t)PQgetlength(menu, 0, 0));
        api_reply_json(request, 200, &body);
    }
    PQclear(menu);
}

const struct api_route api_restaurant_routes[] = {
    {"GET", "/api/v1/restaurants/:id/menu", API_PUBLIC, .on_worker = handle_get_menu},
    {0},
};
