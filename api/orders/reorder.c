/*
 * `POST /api/v1/orders/:id/reorder`: the same items again, at today's prices and as far as they are to be had today.
 * What is asked for becomes the body of a new order, and goes the way of one. A customer's own name, phone and address,
 * and what was written to single lines, are taken over here, so that they need not travel; a guest says them anew.
 */
#include "api/auth/principal.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/orders/handlers.h"
#include "api/orders/lookup.h"
#include "api/orders/new_order.h"
#include "api/orders/place_order.h"
#include "api/orders/record.h"
#include "shared/json.h"
#include "shared/log.h"

/* `customer` and `note`, which are looked at by whoever reads the new order. NULL: nothing else is allowed. */
static json_t *read_body(const struct api_request *request, struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length), *note = NULL;
    json_t *customer = NULL;
    const struct osy_json_field fields[] = {
        {"customer", OSY_JSON_OBJECT, true, 0, 0, &customer},
        {"note", OSY_JSON_STRING, true, 0, INT64_MAX, &note},
        {0},
    };
    json_t *root = length > 0 ? osy_json_parse(body, length, JSON_OBJECT, err) : json_object();
    if (!root || osy_json_read(root, "", fields, err))
        return root;
    json_decref(root);
    return NULL;
}

static json_t *copy_options(const json_t *options)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(options); i++)
        json_array_append(ids, json_object_get(json_array_get(options, i), "option_id"));
    return ids;
}

/* What was ordered, without what it cost and was called then. */
static json_t *copy_items(const struct api_order_record *record)
{
    json_t *order = json_loadb(record->data, record->data_length, 0, NULL);
    json_t *items = json_array(), *item;
    size_t index;
    json_array_foreach(json_object_get(order, "items"), index, item)
    {
        json_t *line = json_object();
        json_object_set(line, "item_id", json_object_get(item, "item_id"));
        json_object_set(line, "quantity", json_object_get(item, "quantity"));
        json_object_set_new(line, "options", copy_options(json_object_get(item, "options")));
        json_array_append_new(items, line);
    }
    json_decref(order);
    return items;
}

/* NULL: it cannot be decrypted. */
static json_t *open_personal(const struct api_order_record *record,
                             const struct osy_keyring *keyring, struct osy_error *err)
{
    struct osy_buffer text = OSY_BUFFER_INIT;
    json_t *personal = NULL;
    osy_buffer_char(&text, '{');
    if (api_order_record_append_personal(record, keyring, &text, err)) {
        osy_buffer_char(&text, '}');
        personal = json_loadb(text.bytes, text.length, 0, NULL);
    }
    osy_buffer_deinit(&text);
    return personal;
}

static void copy_line_notes(json_t *items, const json_t *personal)
{
    json_t *notes = json_object_get(personal, "line_notes"), *note;
    size_t index;
    json_array_foreach(notes, index, note)
    {
        json_int_t line = json_integer_value(json_object_get(note, "line"));
        json_object_set(json_array_get(items, (size_t)line), "note", json_object_get(note, "note"));
    }
}

/* Unless the request names somebody else; and nothing is left of one who was erased. */
static void copy_customer(json_t *root, const json_t *personal)
{
    const json_t *wanted = json_object_get(root, "customer");
    json_t *customer = json_object_get(personal, "customer");
    bool is_wanted = wanted && !json_is_null(wanted);
    if (!is_wanted && json_is_string(json_object_get(customer, "name")))
        json_object_set(root, "customer", customer);
}

/* Completes root to the body of a new order. */
static bool complete(json_t *root, const struct osy_keyring *keyring,
                     const struct api_principal *principal, const struct api_order_record *record,
                     struct osy_error *err)
{
    char restaurant_id[OSY_UUID_TEXT_BYTES];
    json_t *items = copy_items(record);
    osy_uuid_format(&record->restaurant_id, restaurant_id);
    json_object_set_new(root, "restaurant_id", json_string(restaurant_id));
    json_object_set_new(root, "items", items);
    if (!api_principal_is_customer(principal, &record->customer_id))
        return true;
    json_t *personal = open_personal(record, keyring, err);
    copy_line_notes(items, personal);
    copy_customer(root, personal);
    json_decref(personal);
    return personal != NULL;
}

static void on_found(struct api_context *context, struct api_request *request,
                     const struct api_order_record *record)
{
    struct osy_error err = {0};
    json_t *root = read_body(request, &err);
    if (!root) {
        api_reply_invalid(request, &err);
        return;
    }
    if (!complete(root, context->keyring, api_request_principal(request), record, &err)) {
        OSY_ERROR("decryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        json_decref(root);
        return;
    }
    struct api_new_order *order = api_new_order_read(root, &err);
    if (order)
        api_order_place(context, request, order);
    else
        api_reply_invalid(request, &err);
}

void api_handle_reorder(struct api_context *context, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid order_id;
    if (api_request_param_uuid(request, "id", &order_id, &err))
        api_order_look_up(context, request, &order_id, on_found);
    else
        api_reply_invalid(request, &err);
}
