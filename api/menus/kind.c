#include "api/menus/kind.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/menus/fields.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/uuid.h"

enum {
    NAME_MAX = 200,
    DESCRIPTION_MAX = 1000,
    AMOUNT_MAX = 1000000000,
    STOCK_MAX = 1000000,
    POSITION_MAX = 1000000,
    LABELS_MAX = 30,
    CHOICES_MAX = 20, /* a line of an order has no more options */
    PRIORITY_MAX = 1000,
    PERCENT_LEAST = -100,
    PERCENT_MOST = 300,
    WEEKDAYS = 7,
    TIME_CHARACTERS = 5, /* "17:30" */
};

static bool check_category(json_t *body, struct osy_error *err)
{
    const char *name, *description = NULL;
    int64_t position;
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX, &name},
        {"description", OSY_JSON_STRING, true, 0, DESCRIPTION_MAX, &description},
        {"position", OSY_JSON_INTEGER, true, 0, POSITION_MAX, &position},
        {0},
    };
    return osy_json_read(body, "", fields, err) && api_menu_trim_line(body, "name", err) &&
           api_menu_trim_lines(body, "description", err);
}

static bool check_item(json_t *body, struct osy_error *err)
{
    struct osy_uuid category_id;
    const char *name, *description, *image_url = NULL, *sold_out_until = NULL;
    int64_t unit_amount, stock, low_stock, position;
    bool available = true;
    json_t *allergens = NULL, *tags = NULL;
    const struct osy_json_field fields[] = {
        {"category_id", OSY_JSON_UUID, false, 0, 0, &category_id},
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX, &name},
        {"description", OSY_JSON_STRING, true, 0, DESCRIPTION_MAX, &description},
        {"unit_amount", OSY_JSON_INTEGER, false, 0, AMOUNT_MAX, &unit_amount},
        {"image_url", OSY_JSON_STRING, true, 1, API_MENU_URL_MAX, &image_url},
        {"allergens", OSY_JSON_ARRAY, true, 0, LABELS_MAX, &allergens},
        {"tags", OSY_JSON_ARRAY, true, 0, LABELS_MAX, &tags},
        {"stock", OSY_JSON_INTEGER, true, 0, STOCK_MAX, &stock},
        {"low_stock", OSY_JSON_INTEGER, true, 0, STOCK_MAX, &low_stock},
        {"available", OSY_JSON_BOOL, true, 0, 0, &available},
        {"sold_out_until", OSY_JSON_STRING, true, 1, API_MENU_TIME_MAX, &sold_out_until},
        {"position", OSY_JSON_INTEGER, true, 0, POSITION_MAX, &position},
        {0},
    };
    return osy_json_read(body, "", fields, err) && api_menu_trim_line(body, "name", err) &&
           api_menu_trim_lines(body, "description", err) &&
           api_menu_check_image_url("image_url", image_url, err) &&
           api_menu_trim_labels(allergens, "allergens", err) &&
           api_menu_trim_labels(tags, "tags", err) &&
           api_menu_check_sold_out("sold_out_until", available, sold_out_until, err);
}

static bool check_option_group(json_t *body, struct osy_error *err)
{
    struct osy_uuid item_id;
    const char *name;
    int64_t min_choices = 0, max_choices = 0, position;
    const struct osy_json_field fields[] = {
        {"item_id", OSY_JSON_UUID, false, 0, 0, &item_id},
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX, &name},
        {"min_choices", OSY_JSON_INTEGER, false, 0, CHOICES_MAX, &min_choices},
        {"max_choices", OSY_JSON_INTEGER, false, 1, CHOICES_MAX, &max_choices},
        {"position", OSY_JSON_INTEGER, true, 0, POSITION_MAX, &position},
        {0},
    };
    if (!osy_json_read(body, "", fields, err) || !api_menu_trim_line(body, "name", err))
        return false;
    return min_choices <= max_choices ||
           osy_error_set(err, OSY_ERR_INVALID, "'max_choices' is less than 'min_choices'");
}

static bool check_option(json_t *body, struct osy_error *err)
{
    struct osy_uuid group_id;
    const char *name, *sold_out_until = NULL;
    int64_t extra_amount, position;
    bool available = true;
    const struct osy_json_field fields[] = {
        {"group_id", OSY_JSON_UUID, false, 0, 0, &group_id},
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX, &name},
        {"extra_amount", OSY_JSON_INTEGER, true, 0, AMOUNT_MAX, &extra_amount},
        {"available", OSY_JSON_BOOL, true, 0, 0, &available},
        {"sold_out_until", OSY_JSON_STRING, true, 1, API_MENU_TIME_MAX, &sold_out_until},
        {"position", OSY_JSON_INTEGER, true, 0, POSITION_MAX, &position},
        {0},
    };
    return osy_json_read(body, "", fields, err) && api_menu_trim_line(body, "name", err) &&
           api_menu_check_sold_out("sold_out_until", available, sold_out_until, err);
}

static bool has(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);
    return value && !json_is_null(value);
}

/* For whom, and by how much: each said once. */
static bool check_rule_choices(const json_t *body, struct osy_error *err)
{
    if (has(body, "item_id") && has(body, "category_id"))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "'item_id' and 'category_id' are there both: one, or none for all items");
    return has(body, "percent") != has(body, "amount") ||
           osy_error_set(err, OSY_ERR_INVALID, "exactly one of 'percent' and 'amount' is needed");
}

static bool check_price_rule(json_t *body, struct osy_error *err)
{
    struct osy_uuid item_id, category_id;
    const char *name, *starts = NULL, *ends = NULL;
    json_t *weekdays = NULL;
    int64_t percent, amount, priority;
    bool active;
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX, &name},
        {"item_id", OSY_JSON_UUID, true, 0, 0, &item_id},
        {"category_id", OSY_JSON_UUID, true, 0, 0, &category_id},
        {"weekdays", OSY_JSON_ARRAY, false, 1, WEEKDAYS, &weekdays},
        {"starts", OSY_JSON_STRING, false, TIME_CHARACTERS, TIME_CHARACTERS, &starts},
        {"ends", OSY_JSON_STRING, false, TIME_CHARACTERS, TIME_CHARACTERS, &ends},
        {"percent", OSY_JSON_INTEGER, true, PERCENT_LEAST, PERCENT_MOST, &percent},
        {"amount", OSY_JSON_INTEGER, true, 0, AMOUNT_MAX, &amount},
        {"priority", OSY_JSON_INTEGER, true, -PRIORITY_MAX, PRIORITY_MAX, &priority},
        {"active", OSY_JSON_BOOL, true, 0, 0, &active},
        {0},
    };
    return osy_json_read(body, "", fields, err) && api_menu_trim_line(body, "name", err) &&
           api_menu_check_weekdays("weekdays", weekdays, err) &&
           api_menu_check_clock("starts", starts, API_MENU_BEFORE_MIDNIGHT, err) &&
           api_menu_check_clock("ends", ends, API_MENU_UP_TO_MIDNIGHT, err) &&
           check_rule_choices(body, err);
}

/* clang-format off: a row each */
static const struct api_menu_kind kinds[] = {
    {"categories", "category", NULL, sql_find_category, sql_put_category, sql_delete_category,
     check_category},
    {"items", "item", "category_id", sql_find_item, sql_put_item, sql_delete_item, check_item},
    {"option-groups", "option_group", "item_id", sql_find_option_group, sql_put_option_group,
     sql_delete_option_group, check_option_group},
    {"options", "option", "group_id", sql_find_option, sql_put_option, sql_delete_option,
     check_option},
    {"price-rules", "price_rule", "item_id or category_id", sql_find_price_rule, sql_put_price_rule,
     sql_delete_price_rule, check_price_rule},
};
/* clang-format on */

static const struct api_menu_kind *find(const char *path, size_t length)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].path) == length && memcmp(kinds[i].path, path, length) == 0)
            return &kinds[i];
    }
    return NULL;
}

const struct api_menu_kind *api_menu_kind_find(const char *path)
{
    return find(path, strlen(path));
}

const struct api_menu_kind *api_menu_kind_of_route(const char *route)
{
    const char *path = strstr(route, "/menu/") + strlen("/menu/");
    const struct api_menu_kind *kind = find(path, strcspn(path, "/"));
    assert(kind);
    return kind;
}
