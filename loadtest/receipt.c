#include "loadtest/receipt.h"

#include <string.h>

#include "loadtest/ledger.h"
#include "loadtest/scan.h"
#include "shared/json.h"

enum {
    ORDER,
    ORDER_ID,
    ORDER_VERSION,
    TOKEN,
    POSITION,
    FIELD_COUNT,
};

static const struct load_scan_field fields[FIELD_COUNT] = {
    [ORDER] = {"order", LOAD_SCAN_ROOT},       [ORDER_ID] = {"order_id", ORDER},
    [ORDER_VERSION] = {"version", ORDER},      [TOKEN] = {"tracking_token", LOAD_SCAN_ROOT},
    [POSITION] = {"position", LOAD_SCAN_ROOT},
};

static bool is_version(int64_t version)
{
    return version > 0 && version <= LOAD_VERSIONS;
}

/* False when it is not surely a good one: then receipt means nothing. */
static bool take(struct load_receipt *receipt, const char *body, size_t length)
{
    struct load_scan_value values[FIELD_COUNT];
    if (!load_scan(body, length, fields, FIELD_COUNT, values) ||
        values[ORDER_VERSION].kind != LOAD_SCAN_INTEGER ||
        !is_version(values[ORDER_VERSION].integer))
        return false;
    receipt->version = (uint32_t)values[ORDER_VERSION].integer;
    return load_scan_uuid(&values[ORDER_ID], &receipt->order_id) &&
           load_scan_copy(&values[TOKEN], receipt->token, sizeof(receipt->token)) &&
           load_scan_copy(&values[POSITION], receipt->position, sizeof(receipt->position));
}

static void copy(json_t *object, const char *name, char *out, size_t capacity)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text && strlen(text) < capacity)
        memcpy(out, text, strlen(text) + 1);
}

static void read_tree(struct load_receipt *receipt, json_t *root)
{
    json_t *order = json_object_get(root, "order");
    json_int_t version = json_integer_value(json_object_get(order, "version"));
    const char *id = json_string_value(json_object_get(order, "order_id"));
    if (is_version(version) && id && osy_uuid_parse(id, strlen(id), &receipt->order_id))
        receipt->version = (uint32_t)version;
    copy(root, "tracking_token", receipt->token, sizeof(receipt->token));
    copy(root, "position", receipt->position, sizeof(receipt->position));
}

void load_receipt_read(struct load_receipt *receipt, const char *body, size_t length)
{
    *receipt = (struct load_receipt){0};
    if (take(receipt, body, length))
        return;
    *receipt = (struct load_receipt){0};
    json_t *root = osy_json_parse(body, length, JSON_OBJECT, NULL);
    read_tree(receipt, root);
    json_decref(root);
}
