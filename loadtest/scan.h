/*
 * Reads chosen members of a JSON object in one pass, without a tree and without memory of its own: for
 * the texts that a run gets by the thousand each second. It says "sure", or nothing: what it takes is
 * valid within the limits of shared/json.h and means the same there; what is broken, and what is rare
 * (long, an escaped name, \u, an exponent, many members), it leaves to osy_json_parse, whose word is the
 * verdict. So being fast never makes the judge less strict.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/uuid.h"

/* Of a text. No token is shorter than a byte, so it has no more of them than OSY_JSON_TOKENS_MAX either. */
#define LOAD_SCAN_BYTES_MAX 4096

#define LOAD_SCAN_ROOT (-1)

/* A member that is wanted, of the object at the root or of one that is itself in the table. */
struct load_scan_field {
    const char *name;
    int within; /* the object's row, or LOAD_SCAN_ROOT */
};

enum load_scan_kind {
    LOAD_SCAN_ABSENT = 0,
    LOAD_SCAN_STRING,  /* without any escape: its bytes are the text's */
    LOAD_SCAN_INTEGER, /* of at most 18 digits */
    LOAD_SCAN_OTHER,
};

struct load_scan_value {
    enum load_scan_kind kind;
    const char *bytes; /* of a string: borrowed from the text, not NUL-terminated */
    size_t length;
    int64_t integer;
};

/* One value for each of the count fields. False: not sure, and values means nothing. */
bool load_scan(const char *text, size_t length, const struct load_scan_field *fields, size_t count,
               struct load_scan_value *values);

/* The value is a string, and: that one; a UUID; one that fits, with a NUL behind it. */
bool load_scan_is(const struct load_scan_value *value, const char *text);
bool load_scan_uuid(const struct load_scan_value *value, struct osy_uuid *out);
bool load_scan_copy(const struct load_scan_value *value, char *out, size_t capacity);
