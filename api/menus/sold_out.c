/* What those in the kitchen say of the menu: what is sold out, and how much there is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/http/version.h"
#include "api/http/workers.h"
#include "api/menus/change.h"
#include "api/menus/fields.h"
#include "api/menus/handlers.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/pg.h"

enum { AT_ONCE = 200, STOCK_MAX = 1000000, NUMBER_BYTES = 24 };

/* ---- sold out ---- */

struct sold_out {
    json_t *items, *options; /* borrowed; arrays of ids, or NULL */
    bool is_sold_out;
    const char *until; /* NULL: until somebody says otherwise */
};

/* Appends a PostgreSQL array of the ids. */
static bool write_ids(const json_t *list, const char *name, struct osy_buffer *out,
                      struct osy_error *err)
{
    struct osy_uuid id;
    osy_buffer_char(out, '{');
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !osy_uuid_parse(text, strlen(text), &id))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s[%zu]' must be a UUID", name, i);
        osy_buffer_texts(out, i > 0 ? "," : "", text, NULL);
    }
    osy_buffer_char(out, '}');
    return true;
}

static bool parse_sold_out(json_t *root, struct sold_out *sold_out, struct osy_error *err)
{
    *sold_out = (struct sold_out){0};
    const struct osy_json_field fields[] = {
        {"items", OSY_JSON_ARRAY, true, 0, AT_ONCE, &sold_out->items},
        {"options", OSY_JSON_ARRAY, true, 0, AT_ONCE, &sold_out->options},
        {"sold_out", OSY_JSON_BOOL, false, 0, 0, &sold_out->is_sold_out},
        {"until", OSY_JSON_STRING, true, 1, API_MENU_TIME_MAX, &sold_out->until},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) ||
        !api_menu_check_sold_out("until", !sold_out->is_sold_out, sold_out->until, err))
        return false;
    return json_array_size(sold_out->items) + json_array_size(sold_out->options) > 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "'items' or 'options' must name something");
}

/* The ids of what there was, as a JSON array. */
static void list_changed(const PGresult *changed, struct osy_buffer *ids)
{
    osy_buffer_char(ids, '[');
    for (int row = 0; row < PQntuples(changed); row++)
        osy_buffer_texts(ids, row > 0 ? ",\"" : "\"", PQgetvalue(changed, row, 0), "\"", NULL);
    osy_buffer_char(ids, ']');
}

static void reply_changed(struct api_menu_change *change, const struct sold_out *sold_out,
                          const PGresult *changed)
{
    struct osy_buffer ids = OSY_BUFFER_INIT, body = OSY_BUFFER_INIT;
    list_changed(changed, &ids);
    osy_buffer_texts(&body, "{\"changed\":", ids.bytes, "}", NULL);
    const struct api_menu_news news = {.kind = "availability",
                                       .change = sold_out->is_sold_out ? "sold_out" : "back",
                                       .ids = ids.bytes,
                                       .subject = change->restaurant_id};
    api_menu_change_reply(change, &news, 200, &body);
    osy_buffer_deinit(&ids);
}

static void set_sold_out(struct api_worker *worker, struct api_request *request,
                         const struct sold_out *sold_out, const char *items, const char *options)
{
    struct osy_error err = {0};
    struct api_menu_change change;
    if (!api_menu_change_begin(&change, worker, request))
        return;
    const char *const values[] = {change.restaurant, items, options,
                                  sold_out->is_sold_out ? "t" : "f", sold_out->until};
    PGresult *changed = osy_pg_query(worker->pg, sql_set_sold_out, 5, values, &err);
    if (!changed) {
        api_menu_change_fail(&change, &err);
    } else if (PQntuples(changed) == 0) {
        api_menu_change_abandon(&change);
        api_reply_error(request, 404, "MENU_PART_NOT_FOUND", "The menu has none of these.", NULL);
    } else {
        reply_changed(&change, sold_out, changed);
    }
    PQclear(changed);
}

void api_handle_set_sold_out(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct sold_out sold_out;
    struct osy_buffer items = OSY_BUFFER_INIT, options = OSY_BUFFER_INIT;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && parse_sold_out(root, &sold_out, &err) &&
        write_ids(sold_out.items, "items", &items, &err) &&
        write_ids(sold_out.options, "options", &options, &err))
        set_sold_out(worker, request, &sold_out, items.bytes, options.bytes);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
    osy_buffer_deinit(&items);
    osy_buffer_deinit(&options);
}

/* ---- stock ---- */

enum { NOT_COUNTED = -1 };

static bool parse_stock(json_t *root, int64_t *stock, struct osy_error *err)
{
    *stock = NOT_COUNTED;
    const struct osy_json_field fields[] = {
        {"stock", OSY_JSON_INTEGER, true, 0, STOCK_MAX, stock},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    /* null means "not counted"; nobody says that by forgetting the field. */
    return json_object_get(root, "stock") ||
           osy_error_set(err, OSY_ERR_INVALID, "'stock' is missing");
}

static void reply_item(struct api_menu_change *change, const struct osy_uuid *item_id)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES], ids[OSY_UUID_TEXT_BYTES + 8];
    osy_uuid_format(item_id, id);
    snprintf(ids, sizeof ids, "[\"%s\"]", id);
    PGresult *row = osy_pg_query(change->worker->pg, sql_find_item, 2,
                                 (const char *const[]){change->restaurant, id}, &err);
    if (row) {
        const struct api_menu_news news = {
            .kind = "item", .change = "stock", .ids = ids, .subject = *item_id};
        osy_buffer_text(&body, PQgetvalue(row, 0, 0));
        api_version_reply_header(change->request, strtoll(PQgetvalue(row, 0, 1), NULL, 10));
        api_menu_change_reply(change, &news, 200, &body);
    } else {
        api_menu_change_fail(change, &err);
    }
    PQclear(row);
}

static void set_stock(struct api_worker *worker, struct api_request *request,
                      const struct osy_uuid *item_id, int64_t stock)
{
    struct osy_error err = {0};
    struct api_menu_change change;
    char id[OSY_UUID_TEXT_BYTES], count[NUMBER_BYTES];
    snprintf(count, sizeof count, "%" PRId64, stock);
    osy_uuid_format(item_id, id);
    if (!api_menu_change_begin(&change, worker, request))
        return;
    const char *const values[] = {change.restaurant, id, stock == NOT_COUNTED ? NULL : count};
    PGresult *row = osy_pg_query(worker->pg, sql_set_stock, 3, values, &err);
    if (!row) {
        api_menu_change_fail(&change, &err);
    } else if (PQntuples(row) == 0) {
        api_menu_change_abandon(&change);
        api_reply_error(request, 404, "MENU_PART_NOT_FOUND", "The menu has no such item.", NULL);
    } else {
        reply_item(&change, item_id);
    }
    PQclear(row);
}

void api_handle_set_stock(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid item_id;
    int64_t stock;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    json_t *root = NULL;
    if (api_request_param_uuid(request, "id", &item_id, &err) &&
        (root = osy_json_parse(text, length, JSON_OBJECT, &err)) != NULL &&
        parse_stock(root, &stock, &err))
        set_stock(worker, request, &item_id, stock);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}
