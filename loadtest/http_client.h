/*
 * An HTTP/1.1 client for open-loop load: a pool of keep-alive connections to one endpoint, one request
 * at a time on each. A request never waits for a reply to another one; only when every connection
 * that the pool may have is busy does it queue, and the caller's latency, counted from when the
 * request was intended, shows that. Runs on the loop's thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/endpoint.h"
#include "loadtest/http_reader.h"

#define LOAD_HTTP_CONNECTIONS 256 /* of one generator */

struct load_http;

struct load_http_request {
    const char *method, *path;
    const char *bearer;          /* NULL: none */
    const char *idempotency_key; /* NULL: none */
    const char *body;            /* JSON; NULL: none */
};

/*
 * Called once for each request. reply is borrowed; NULL means that the outcome is unknown (no
 * connection, connection lost, 15 s without a reply), and failure then says why.
 */
typedef void (*load_http_reply_fn)(void *context, const struct load_http_reply *reply,
                                   const char *failure);

/* Borrows endpoint. */
struct load_http *load_http_create(uv_loop_t *loop, const struct load_endpoint *endpoint,
                                   size_t max_connections);
/* Ends everything without further calls; the loop must run on until its handles are closed. */
void load_http_destroy(struct load_http *http);
/* Everything in request is copied. The reply comes later, never from inside of this call. */
void load_http_send(struct load_http *http, const struct load_http_request *request,
                    load_http_reply_fn on_reply, void *context);
size_t load_http_pending(const struct load_http *http); /* sent or queued, without a reply yet */
