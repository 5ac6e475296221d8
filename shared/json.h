/*
 * Reading JSON from outside with jansson, safely: limits are checked by a cheap scan before the
 * parser allocates anything (64 KiB of `[{},{},` becomes 5 MB of heap otherwise), duplicate keys
 * are refused, and an object is read field by field against a table, so that unknown fields and
 * wrong types are errors that name the field.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

#define OSY_JSON_DEPTH_MAX  16
#define OSY_JSON_TOKENS_MAX 4096
#define OSY_JSON_STRING_MAX 16384 /* bytes as written, a field's name too */
#define OSY_JSON_SCALAR_MAX 64    /* of a number or a word */

/* The scan alone: depth, number and length of tokens, no NUL. (It is not a validator.) */
OSY_MUST_CHECK bool osy_json_within_limits(const char *bytes, size_t length, struct osy_error *err);
/* A value that the caller gives back with json_decref, or NULL. top: the type that it must have. */
json_t *osy_json_parse(const char *bytes, size_t length, json_type top, struct osy_error *err);

enum osy_json_kind {
    OSY_JSON_END = 0,
    OSY_JSON_STRING,  /* const char *: borrowed from the tree; least and most count code points */
    OSY_JSON_INTEGER, /* int64_t within least and most */
    OSY_JSON_BOOL,    /* bool */
    OSY_JSON_UUID,    /* struct osy_uuid */
    OSY_JSON_OBJECT,  /* json_t *: borrowed */
    OSY_JSON_ARRAY,   /* json_t *: borrowed; least and most count elements */
};

struct osy_json_field {
    const char *name;
    enum osy_json_kind kind;
    bool optional; /* absent or null leaves the target as it was */
    int64_t least, most;
    void *target;
};

/*
 * Reads object into the fields' targets (the table ends with a zeroed row). path is put before the
 * names in errors, e.g. "items[3].", or "". OSY_ERR_INVALID: "'items[3].quantity' must be an
 * integer from 1 to 99", "'foo' is not a known field".
 */
OSY_MUST_CHECK bool osy_json_read(json_t *object, const char *path,
                                  const struct osy_json_field *fields, struct osy_error *err);
