#include "api/orders/new_order.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/json.h"

enum {
    QUANTITY_MAX = 99,
    LINE_OPTIONS_MAX = 20,
    LINE_NOTE_MAX_CHARACTERS = 200,
    NAME_MAX_CHARACTERS = 100,
    PHONE_MIN_CHARACTERS = 5,
    PHONE_MAX_CHARACTERS = 32,
    ADDRESS_MAX_CHARACTERS = 300,
    NOTE_MAX_CHARACTERS = 300,
};

static bool has_option(const struct api_new_order *order, const struct api_order_line *line,
                       const struct osy_uuid *option_id)
{
    for (size_t i = 0; i < line->option_count; i++) {
        if (osy_uuid_equal(&order->options[line->first_option + i], option_id))
            return true;
    }
    return false;
}

/* The same item with the same options. */
static bool is_same(const struct api_new_order *order, const struct api_order_line *one,
                    const struct api_order_line *other)
{
    if (!osy_uuid_equal(&one->item_id, &other->item_id) || one->option_count != other->option_count)
        return false;
    for (size_t i = 0; i < one->option_count; i++) {
        if (!has_option(order, other, &order->options[one->first_option + i]))
            return false;
    }
    return true;
}

static bool has_line(const struct api_new_order *order, const struct api_order_line *line)
{
    for (size_t i = 0; i < order->line_count; i++) {
        if (is_same(order, &order->lines[i], line))
            return true;
    }
    return false;
}

static bool parse_options(json_t *options, const char *path, struct api_new_order *order,
                          struct api_order_line *line, struct osy_error *err)
{
    struct osy_uuid id;
    line->first_option = order->option_count;
    for (size_t i = 0; i < json_array_size(options); i++) {
        const char *text = json_string_value(json_array_get(options, i));
        if (!text || !osy_uuid_parse(text, strlen(text), &id))
            return osy_error_set(err, OSY_ERR_INVALID, "'%soptions[%zu]' must be a UUID", path, i);
        if (has_option(order, line, &id))
            return osy_error_set(err, OSY_ERR_INVALID, "'%soptions[%zu]' is there twice", path, i);
        if (order->option_count == API_ORDER_OPTIONS_MAX)
            return osy_error_set(err, OSY_ERR_INVALID, "'items' have more than %d options",
                                 API_ORDER_OPTIONS_MAX);
        order->options[order->option_count++] = id;
        line->option_count++;
    }
    return true;
}

/* Appends to what becomes one encrypted column. A form sends an empty note when nothing was written into it. */
static bool add_line_note(const char *path, const char *note, struct api_new_order *order,
                          struct osy_error *err)
{
    char field[48];
    struct api_text trimmed;
    struct osy_buffer *notes = &order->line_notes;
    if (*note == '\0')
        return true;
    snprintf(field, sizeof field, "%snote", path);
    if (!api_text_trim(field, note, API_TEXT_MANY_LINES, &trimmed, err))
        return false;
    osy_buffer_printf(notes, "%s{\"line\":%zu,\"note\":", notes->length == 0 ? "[" : ",",
                      order->line_count);
    osy_buffer_json_bytes(notes, trimmed.bytes, trimmed.length);
    osy_buffer_char(notes, '}');
    return true;
}

static bool parse_line(json_t *json, size_t index, struct api_new_order *order,
                       struct osy_error *err)
{
    char path[32];
    struct api_order_line line = {0};
    int64_t quantity = 0;
    json_t *options = NULL;
    const char *note = "";
    const struct osy_json_field fields[] = {
        {"item_id", OSY_JSON_UUID, false, 0, 0, &line.item_id},
        {"quantity", OSY_JSON_INTEGER, false, 1, QUANTITY_MAX, &quantity},
        {"options", OSY_JSON_ARRAY, true, 0, LINE_OPTIONS_MAX, &options},
        {"note", OSY_JSON_STRING, true, 0, LINE_NOTE_MAX_CHARACTERS, &note},
        {0},
    };
    snprintf(path, sizeof path, "items[%zu].", index);
    if (!json_is_object(json))
        return osy_error_set(err, OSY_ERR_INVALID, "'items[%zu]' must be an object", index);
    if (!osy_json_read(json, path, fields, err) ||
        !parse_options(options, path, order, &line, err) || !add_line_note(path, note, order, err))
        return false;
    line.quantity = (int32_t)quantity;
    if (has_line(order, &line))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sitem_id' is there twice%s", path,
                             line.option_count > 0 ? " with these options" : "");
    order->lines[order->line_count++] = line;
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
    if (order->line_notes.length > 0)
        osy_buffer_char(&order->line_notes, ']');
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

struct api_new_order *api_new_order_parse(const char *body, size_t length, struct osy_error *err)
{
    json_t *root = osy_json_parse(body, length, JSON_OBJECT, err);
    return root ? api_new_order_read(root, err) : NULL;
}

struct api_new_order *api_new_order_read(json_t *root, struct osy_error *err)
{
    struct api_new_order *order = osy_realloc_array(NULL, 1, sizeof *order);
    memset(order, 0, offsetof(struct api_new_order, lines));
    order->root = root;
    if (parse_root(root, order, err))
        return order;
    api_new_order_destroy(order);
    return NULL;
}

void api_new_order_destroy(struct api_new_order *order)
{
    if (!order)
        return;
    json_decref(order->root);
    osy_buffer_deinit(&order->line_notes);
    free(order);
}
