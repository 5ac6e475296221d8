/*
 * Takes an HTTP/1.1 reply apart as its bytes come in: the one place of the load test that knows llhttp.
 * Used for the API's replies and for the answer to a WebSocket upgrade.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

#define LOAD_HTTP_BODY_MAX (4u << 20) /* bytes */

struct load_http_reader;

/* What a complete reply says; borrowed from the reader until its next feed or its end. */
struct load_http_reply {
    int status;
    bool keep_alive; /* the connection can carry another request */
    uint32_t retry_after_s;
    char websocket_accept[32]; /* Sec-WebSocket-Accept; "" when absent, or too long to be right */
    const char *body;          /* never NULL; NUL-terminated */
    size_t body_length;
};

struct load_http_reader *load_http_reader_create(void);
void load_http_reader_destroy(struct load_http_reader *reader); /* NULL is fine */
void load_http_reader_reset(struct load_http_reader *reader);   /* before the next reply */
/*
 * Takes bytes up to the end of one reply; *used says how many. *reply is NULL until the reply is
 * complete. OSY_ERR_INVALID for what is not HTTP, OSY_ERR_LIMIT for a body that is too long.
 */
OSY_MUST_CHECK bool load_http_reader_feed(struct load_http_reader *reader, const char *bytes,
                                          size_t length, size_t *used,
                                          const struct load_http_reply **reply,
                                          struct osy_error *err);
