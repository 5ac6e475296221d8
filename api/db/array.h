/*
 * A one-dimensional PostgreSQL array in the binary format, built element by element: the parameter of a
 * set-based statement. Binary, because parsing text arrays costs the server more than the inserts do.
 * Format: array_recv() of PostgreSQL; the statement casts its parameters, so the types must be these.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/uuid.h"

/* Type oids; fixed in PostgreSQL's catalogue (pg_type.dat). */
enum api_array_type {
    API_ARRAY_BOOL = 16,
    API_ARRAY_BYTEA = 17,
    API_ARRAY_INT8 = 20,
    API_ARRAY_INT4 = 23,
    API_ARRAY_TEXT = 25,
    API_ARRAY_UUID = 2950,
};

struct api_array {
    struct osy_buffer bytes;
    enum api_array_type type;
    uint32_t count;
    bool has_null;
};

/* Empties the array, keeping its memory. Zero it before the first time. */
void api_array_begin(struct api_array *array, enum api_array_type type);
void api_array_add(struct api_array *array, const void *bytes, size_t length); /* NULL: SQL null */
void api_array_add_text(struct api_array *array, const char *text);            /* NULL: SQL null */
void api_array_add_uuid(struct api_array *array, const struct osy_uuid *uuid); /* NULL: SQL null */
void api_array_add_int4(struct api_array *array, int32_t value);
void api_array_add_int8(struct api_array *array, int64_t value);
void api_array_add_bool(struct api_array *array, bool value);
/* The finished parameter, borrowed until the array changes. */
const char *api_array_end(struct api_array *array, int *length);
void api_array_deinit(struct api_array *array);
