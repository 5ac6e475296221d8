#include "shared/pg_array.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <string.h>

/* What comes before the elements; all numbers are big endian. */
struct header {
    uint32_t dimensions, has_null, type, count, lower_bound;
};

static void append_u32(struct osy_pg_array *array, uint32_t value)
{
    uint32_t wire = htonl(value);
    osy_buffer_append(&array->bytes, &wire, sizeof wire);
}

void osy_pg_array_begin(struct osy_pg_array *array, enum osy_pg_type type)
{
    static const struct header unknown;
    osy_buffer_clear(&array->bytes);
    osy_buffer_append(&array->bytes, &unknown, sizeof unknown);
    array->type = type;
    array->count = 0;
    array->has_null = false;
}

void osy_pg_array_add(struct osy_pg_array *array, const void *bytes, size_t length)
{
    assert(length <= INT32_MAX);
    array->count++;
    if (!bytes) {
        array->has_null = true;
        append_u32(array, UINT32_MAX);
        return;
    }
    append_u32(array, (uint32_t)length);
    osy_buffer_append(&array->bytes, bytes, length);
}

void osy_pg_array_add_text(struct osy_pg_array *array, const char *text)
{
    osy_pg_array_add(array, text, text ? strlen(text) : 0);
}

void osy_pg_array_add_uuid(struct osy_pg_array *array, const struct osy_uuid *uuid)
{
    osy_pg_array_add(array, uuid ? uuid->bytes : NULL, OSY_UUID_BYTES);
}

void osy_pg_array_add_int4(struct osy_pg_array *array, int32_t value)
{
    uint32_t wire = htonl((uint32_t)value);
    osy_pg_array_add(array, &wire, sizeof wire);
}

void osy_pg_array_add_int8(struct osy_pg_array *array, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    osy_pg_array_add(array, &wire, sizeof wire);
}

void osy_pg_array_add_bool(struct osy_pg_array *array, bool value)
{
    unsigned char wire = value;
    osy_pg_array_add(array, &wire, sizeof wire);
}

const char *osy_pg_array_end(struct osy_pg_array *array, int *length)
{
    struct header header = {
        .dimensions = htonl(1),
        .has_null = htonl(array->has_null),
        .type = htonl((uint32_t)array->type),
        .count = htonl(array->count),
        .lower_bound = htonl(1),
    };
    memcpy(array->bytes.bytes, &header, sizeof header);
    assert(array->count > 0 && array->bytes.length <= INT_MAX);
    *length = (int)array->bytes.length;
    return array->bytes.bytes;
}

void osy_pg_array_deinit(struct osy_pg_array *array)
{
    osy_buffer_deinit(&array->bytes);
}
