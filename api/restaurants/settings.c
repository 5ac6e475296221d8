/* `/api/v1/restaurants/me/settings`: how a restaurant takes orders. PUT wants all that the first version knew, PATCH any of
 * them; what is not named stays as it is. */
#include <stdlib.h>

#include "api/http/request.h"
#include "api/orders/scope.h"
#include "api/restaurants/change.h"
#include "api/restaurants/handlers.h"
#include "embedded/api_core.h"
#include "shared/json.h"

enum { HOUR_S = 3600, DAY_S = 86400, PREP_MINUTES_MAX = 600, SETTING_COUNT = 8 };

/* The limits are those of the columns. */
static const struct setting {
    const char *name; /* also the column's */
    enum osy_json_kind kind;
    bool is_optional; /* null is a value: never, or unknown */
    bool is_recent;   /* older clients do not know it, so a PUT may lack it */
    int64_t least, most;
} settings[SETTING_COUNT] = {
    {"offline_after_s", OSY_JSON_INTEGER, false, false, 10, DAY_S},
    {"refuse_when_unreachable", OSY_JSON_BOOL, false, false, 0, 0},
    {"display_within_s", OSY_JSON_INTEGER, false, false, 1, HOUR_S},
    {"accept_within_s", OSY_JSON_INTEGER, false, false, 1, HOUR_S},
    {"reject_after_s", OSY_JSON_INTEGER, true, false, 1, DAY_S},
    {"accepting", OSY_JSON_BOOL, false, true, 0, 0},
    {"auto_accept_after_s", OSY_JSON_INTEGER, true, true, 0, HOUR_S},
    {"prep_minutes", OSY_JSON_INTEGER, true, true, 1, PREP_MINUTES_MAX},
};

/* What the general reader takes as absent: a value that is null, and one that must be there. */
static bool check_presence(json_t *root, bool is_put, struct osy_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        const json_t *value = json_object_get(root, setting->name);
        if (!value && is_put && !setting->is_recent)
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' is missing", setting->name);
        if (json_is_null(value) && !setting->is_optional)
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' must not be null", setting->name);
    }
    return json_object_size(root) > 0 || osy_error_set(err, OSY_ERR_INVALID, "no setting is named");
}

/* The values themselves are left in the tree: the statement takes them from there. */
static bool check(json_t *root, bool is_put, struct osy_error *err)
{
    struct osy_json_field fields[SETTING_COUNT + 1] = {0};
    union {
        int64_t integer;
        bool boolean;
    } values[SETTING_COUNT];
    for (size_t i = 0; i < SETTING_COUNT; i++)
        fields[i] = (struct osy_json_field){
            settings[i].name,  settings[i].kind, true,
            settings[i].least, settings[i].most, &values[i],
        };
    return osy_json_read(root, "", fields, err) && check_presence(root, is_put, err);
}

static bool find(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                 struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    PGresult *row =
        api_restaurant_find(worker, sql_find_settings, restaurant_id, value, version, err);
    PQclear(row);
    return row != NULL;
}

static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, const json_t *chosen)
{
    char *text = json_dumps(chosen, JSON_COMPACT);
    const char *const values[] = {text};
    const struct api_restaurant_change change = {
        "restaurant.updated", find, sql_change_settings, values, 1,
    };
    api_restaurant_change(worker, request, restaurant_id, &change);
    free(text);
}

static void change_settings(struct api_worker *worker, struct api_request *request, bool is_put)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && check(root, is_put, &err))
        store(worker, request, &restaurant_id, root);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}

void api_handle_get_settings(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid restaurant_id;
    if (api_scope_restaurant(request, &restaurant_id))
        api_restaurant_show(worker, request, &restaurant_id, find);
}

void api_handle_put_settings(struct api_worker *worker, struct api_request *request)
{
    change_settings(worker, request, true);
}

void api_handle_patch_settings(struct api_worker *worker, struct api_request *request)
{
    change_settings(worker, request, false);
}
