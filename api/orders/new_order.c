#include "api/orders/new_order.h"

#include <stdio.h>
#include <string.h>

#include "shared/json.h"

enum {
    QUANTITY_MAX = 99,
    NAME_MAX_CHARACTERS = 100,
    PHONE_MIN_CHARACTERS = 5,
    PHONE_MAX_CHARACTERS = 32,
    ADDRESS_MAX_CHARACTERS = 300,
    NOTE_MAX_CHARACTERS = 300,
};

static bool has_item(const struct api_new_order *order, const struct osy_uuid *item_id)
{
    for (size_t i = 0; i < order->line_count; i++) {
        if (osy_uuid_equal(&order->lines[i].item_id, item_id))
            return true;
    }
    return false;
}

static bool parse_line(json_t *json, size_t index, struct api_new_order *order,
                       struct osy_error *err)
{
    char path[32];
    struct osy_uuid item_id;
    int64_t quantity = 0;
    const struct osy_json_field fields[] = {
        {"item_id", OSY_JSON_UUID, false, 0, 0, &item_id},
        {"quantity", OSY_JSON_INTEGER, false, 1, QUANTITY_MAX, &quantity},
        {0},
    };
    snprintf(path, sizeof path, "items[%zu].", index);
    if (!json_is_object(json))
        return osy_error_set(err, OSY_ERR_INVALID, "'items[%zu]' must be an object", index);
    if (!osy_json_read(json, path, fields, err))
        return false;
    if (has_item(order, &item_id))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sitem_id' is there twice", path);
    order->lines[order->line_count++] =
        (struct api_order_line){.item_id = item_id, .quantity = (int32_t)quantity};
    return true;
}

static bool parse_lines(json_t *items, struct api_new_order *order, struct osy_error *err)
{
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item)
    {
        if (!parse_line(item, index, order, err))
            return false;
    }
    return true;
}

static bool check_phone(const struct api_text *phone, struct osy_error *err)
{
    if (strspn(phone->bytes, "+0123456789 -()") < phone->length)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'customer.phone' may only have digits, spaces and + - ( )");
    if (phone->length < PHONE_MIN_CHARACTERS)
        return osy_error_set(err, OSY_ERR_INVALID, "'customer.phone' is too short");
    return true;
}

static bool parse_customer(json_t *customer, struct api_new_order *order, struct osy_error *err)
{
    const char *name = NULL, *phone = NULL, *address = NULL;
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, false, 1, NAME_MAX_CHARACTERS, &name},
        {"phone", OSY_JSON_STRING, false, PHONE_MIN_CHARACTERS, PHONE_MAX_CHARACTERS, &phone},
        {"address", OSY_JSON_STRING, false, 1, ADDRESS_MAX_CHARACTERS, &address},
        {0},
    };
    return osy_json_read(customer, "customer.", fields, err) &&
           api_text_trim("customer.name", name, API_TEXT_ONE_LINE, &order->name, err) &&
           api_text_trim("customer.phone", phone, API_TEXT_ONE_LINE, &order->phone, err) &&
           check_phone(&order->phone, err) &&
           api_text_trim("customer.address", address, API_TEXT_ONE_LINE, &order->address, err);
}

static bool parse_root(json_t *root, struct api_new_order *order, struct osy_error *err)
{
    json_t *items = NULL, *customer = NULL;
    const char *note = "";
    const struct osy_json_field fields[] = {
        {"restaurant_id", OSY_JSON_UUID, false, 0, 0, &order->restaurant_id},
        {"items", OSY_JSON_ARRAY, false, 1, API_ORDER_LINES_MAX, &items},
        {"customer", OSY_JSON_OBJECT, false, 0, 0, &customer},
        {"note", OSY_JSON_STRING, true, 0, NOTE_MAX_CHARACTERS, &note},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) || !parse_lines(items, order, err) ||
        !parse_customer(customer, order, err))
        return false;
    /* A form sends an empty note when nothing was written into it. */
    return *note == '\0' || api_text_trim("note", note, API_TEXT_MANY_LINES, &order->note, err);
}

bool api_new_order_parse(const char *body, size_t length, struct api_new_order *order,
                         struct osy_error *err)
{
    *order = (struct api_new_order){0};
    order->root = osy_json_parse(body, length, JSON_OBJECT, err);
    if (!order->root)
        return false;
    if (parse_root(order->root, order, err))
        return true;
    api_new_order_deinit(order);
    return false;
}

void api_new_order_deinit(struct api_new_order *order)
{
    json_decref(order->root);
    order->root = NULL;
}
