/*
 * Errors: a function that can fail returns bool (true is success) or NULL, and describes the
 * failure in its last parameter. Whoever stands at the edge (a handler, a loop callback, main)
 * reports it, once.
 */
#pragma once
#include <stdbool.h>

#define OSY_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define OSY_MUST_CHECK         __attribute__((warn_unused_result))

enum osy_error_code {
    OSY_OK = 0,
    OSY_ERR_INVALID,   /* the input is wrong; the message names the field */
    OSY_ERR_DENIED,    /* not authenticated, or not allowed */
    OSY_ERR_NOT_FOUND, /* no such thing, or not for this caller */
    OSY_ERR_CONFLICT,  /* somebody else was first, or the state does not allow it */
    OSY_ERR_LIMIT,     /* full, too big, too many: may work later or smaller */
    OSY_ERR_IO,        /* a server, file or socket failed: may work later */
};

struct osy_error {
    enum osy_error_code code; /* what code branches on; becomes the HTTP status or the close code */
    char message[200];        /* what a person reads; names the thing that failed; never a secret */
};

/* Fills err (which may be NULL) and returns false: `return osy_error_set(err, OSY_ERR_LIMIT, ...)`.
 * A message that does not fit is cut at a UTF-8 boundary. */
bool osy_error_set(struct osy_error *err, enum osy_error_code code, const char *fmt, ...)
    OSY_PRINTF(3, 4);
/* Puts "<context>: " before the message that is there, for an error on its way up: false. */
bool osy_error_prefix(struct osy_error *err, const char *fmt, ...) OSY_PRINTF(2, 3);
