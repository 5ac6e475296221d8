/*
 * An HTTP/1.1 server (RFC 9112) on a libuv loop: listener, connections, limits, timeouts. It knows no
 * routes: every complete request goes to on_request. A process may run several (service, admin).
 * Layers: parser.c (llhttp, bytes to requests), connection.c (order of replies, no sockets), this one
 * (sockets and time). Everything runs on the loop thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"

struct api_networks;
struct api_request;
struct api_server;
struct osy_metrics;

struct api_http_limits {
    size_t
        header_bytes;  /* request line and headers together; more is 431 (or 414: the line alone) */
    size_t url_bytes;  /* 414 */
    size_t body_bytes; /* 413 */
    uint32_t pipeline_max;       /* requests in flight on one connection; then it is not read */
    uint32_t connections_max;    /* more are answered 503 and closed */
    uint32_t header_ms, body_ms; /* from first byte to last; then 408 */
    uint32_t idle_ms;            /* keep-alive without a request; then closed */
    uint32_t write_ms;           /* without any progress in writing; then closed */
};

/* Takes over the duty to reply (http/request.h). */
typedef void (*api_request_fn)(void *context, struct api_request *request);
typedef void (*api_drained_fn)(void *context);

struct api_server_options {
    const char *listen; /* host:port, [v6]:port; port 0: any */
    struct api_http_limits limits;
    const struct api_networks *proxies; /* borrowed; NULL: no proxy is trusted */
    struct osy_metrics *metrics;        /* one server in each registry */
    api_request_fn on_request;
    void *context;
};

/* Listens at once. NULL: OSY_ERR_INVALID bad address, OSY_ERR_IO cannot listen. */
struct api_server *api_server_create(uv_loop_t *loop, const struct api_server_options *options,
                                     struct osy_error *err);
uint16_t api_server_port(const struct api_server *server); /* the real one */
size_t api_server_connections(const struct api_server *server);
/* Graceful end: no new connections, idle ones closed, every further reply says `Connection: close`;
 * on_drained (may be called at once) when the last connection has ended. */
void api_server_drain(struct api_server *server, api_drained_fn on_drained, void *context);
/* Ends whatever is left at once. Memory goes when libuv has closed the handles. NULL is fine. Requests without
 * a reply stay alive until their reply, as always. */
void api_server_destroy(struct api_server *server);
