/* JSON from outside: whatever passes the limits and the parser can be read against a table. */
#include "shared/json.h"
#include "shared/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* What has passed the scan is no larger than the scan allows, whatever the parser makes of the same bytes. */
static size_t count_values(const json_t *value, int depth)
{
    size_t count = 1, index;
    const char *name;
    json_t *child;

    if (depth > OSY_JSON_DEPTH_MAX + 1 || json_string_length(value) > OSY_JSON_STRING_MAX)
        __builtin_trap();
    json_array_foreach(value, index, child) count += count_values(child, depth + 1);
    json_object_foreach((json_t *)(uintptr_t)value, name, child) count +=
        1 + count_values(child, depth + 1);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *name = NULL;
    int64_t quantity = 0;
    struct osy_uuid item_id;
    json_t *customer = NULL, *items = NULL;
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, true, 1, 100, &name},
        {"quantity", OSY_JSON_INTEGER, true, 1, 99, &quantity},
        {"item_id", OSY_JSON_UUID, true, 0, 0, &item_id},
        {"customer", OSY_JSON_OBJECT, true, 0, 0, &customer},
        {"items", OSY_JSON_ARRAY, true, 1, 50, &items},
        {0},
    };
    struct osy_error err;
    json_t *root = osy_json_parse((const char *)bytes, length, JSON_OBJECT, &err);

    if (root && count_values(root, 1) > OSY_JSON_TOKENS_MAX)
        __builtin_trap();
    if (root && osy_json_read(root, "", fields, &err) && (quantity < 0 || quantity > 99))
        __builtin_trap();
    json_decref(root);
    return 0;
}
