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
enum osy_pg_type {
    OSY_PG_BOOL = 16,
    OSY_PG_BYTEA = 17,
    OSY_PG_INT8 = 20,
    OSY_PG_INT4 = 23,
    OSY_PG_TEXT = 25,
    OSY_PG_UUID = 2950,
};

struct osy_pg_array {
    struct osy_buffer bytes;
    enum osy_pg_type type;
    uint32_t count;
    bool has_null;
};

/* Empties the array, keeping its memory. Zero it before the first time. */
void osy_pg_array_begin(struct osy_pg_array *array, enum osy_pg_type type);
void osy_pg_array_add(struct osy_pg_array *array, const void *bytes,
                      size_t length);                                     /* NULL: SQL null */
void osy_pg_array_add_text(struct osy_pg_array *array, const char *text); /* NULL: SQL null */
void osy_pg_array_add_uuid(struct osy_pg_array *array,
                           const struct osy_uuid *uuid); /* NULL: SQL null */
void osy_pg_array_add_int4(struct osy_pg_array *array, int32_t value);
void osy_pg_array_add_int8(struct osy_pg_array *array, int64_t value);
void osy_pg_array_add_bool(struct osy_pg_array *array, bool value);
/* The finished parameter, borrowed until the array changes. */
const char *osy_pg_array_end(struct osy_pg_array *array, int *length);
void osy_pg_array_deinit(struct osy_pg_array *array);
