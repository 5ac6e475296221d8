/* `PUT /api/v1/restaurants/me/settings`: all of a restaurant's settings at once. */
#include <inttypes.h>
#include <stdio.h>

#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/restaurants/handlers.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/pg.h"

enum { HOUR_S = 3600, DAY_S = 86400, NUMBER_BYTES = 24 };

/* The limits are those of the columns (0002_delivery.sql). */
struct settings {
    int64_t offline_after_s, display_within_s, accept_within_s;
    bool refuse_when_unreachable;
    int64_t reject_after_s; /* 0: never */
};

static bool parse(json_t *root, struct settings *settings, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        {"offline_after_s", OSY_JSON_INTEGER, false, 10, DAY_S, &settings->offline_after_s},
        {"refuse_when_unreachable", OSY_JSON_BOOL, false, 0, 0, &settings->refuse_when_unreachable},
        {"display_within_s", OSY_JSON_INTEGER, false, 1, HOUR_S, &settings->display_within_s},
        {"accept_within_s", OSY_JSON_INTEGER, false, 1, HOUR_S, &settings->accept_within_s},
        {"reject_after_s", OSY_JSON_INTEGER, true, 1, DAY_S, &settings->reject_after_s},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    /* null means "never"; nobody says that by forgetting the field. */
    return json_object_get(root, "reject_after_s") ||
           osy_error_set(err, OSY_ERR_INVALID, "'reject_after_s' is missing");
}

static const char *format(int64_t seconds, char text[NUMBER_BYTES])
{
    snprintf(text, NUMBER_BYTES, "%" PRId64, seconds);
    return text;
}

static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, const struct settings *settings)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    char offline[NUMBER_BYTES], display[NUMBER_BYTES], accept[NUMBER_BYTES], reject[NUMBER_BYTES];
    osy_uuid_format(restaurant_id, id);
    api_db_scope_fill(&scope, request, restaurant_id);
    const char *const values[] = {
        id,
        format(settings->offline_after_s, offline),
        settings->refuse_when_unreachable ? "t" : "f",
        format(settings->display_within_s, display),
        format(settings->accept_within_s, accept),
        settings->reject_after_s ? format(settings->reject_after_s, reject) : NULL,
    };
    PGresult *done = api_db_query(worker->pg, &scope, sql_put_settings,
                                  (int)(sizeof values / sizeof values[0]), values, &err);
    if (done)
        api_restaurant_reply(worker, request, sql_find_settings, restaurant_id);
    else
        api_reply_database_error(request, &err);
    PQclear(done);
}

void api_handle_put_settings(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct settings settings = {0};
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && parse(root, &settings, &err))
        store(worker, request, &restaurant_id, &settings);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}
