/*
 * A connection without its socket: bytes come in, requests go to on_request, replies come out in the
 * order of their requests however the handlers finish. The server (server.c) moves the bytes and keeps the
 * time; tests and the fuzzer drive it with no socket at all.
 * It stops wanting input while too many requests are in flight or too much output waits, so one client
 * cannot make it hold more than its limits.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "api/http/server.h"
#include "shared/buffer.h"

struct api_connection;
struct api_request;
struct osy_metric_family;

#define API_CONNECTION_OUTPUT_MAX \
    (256u * 1024) /* waiting replies, past which no request is taken */

/* What all connections of a server share; it outlives them. */
struct api_connection_settings {
    struct api_http_limits limits;
    const struct api_networks *proxies; /* NULL: none */
    api_request_fn on_request;
    void *context;
    /* A reply that came later has changed what the connection wants or has: look at it soon. */
    void (*on_change)(void *owner);
    struct osy_metric_family *failures; /* by status; NULL: not counted */
    bool draining;                      /* replies say `Connection: close` */
};

enum api_connection_phase {
    API_CONNECTION_IDLE = 0, /* nothing asked, nothing owed */
    API_CONNECTION_HEADERS,  /* a request's head is on its way */
    API_CONNECTION_BODY,
    API_CONNECTION_BUSY,     /* we owe a reply */
    API_CONNECTION_FINISHED, /* once the output is sent, nothing more will come */
};

/* settings and owner are borrowed; peer is the other end's address as text. */
struct api_connection *api_connection_create(const struct api_connection_settings *settings,
                                             void *owner, const char *peer);
/* Requests in flight are left to their handlers. NULL is fine. */
void api_connection_destroy(struct api_connection *connection);

void api_connection_receive(struct api_connection *connection, const char *bytes, size_t length);
void api_connection_end_of_input(struct api_connection *connection); /* replies still go out */
void api_connection_time_out(struct api_connection *connection);     /* 408 in HEADERS, BODY */
void api_connection_finish(struct api_connection *connection);       /* takes no further request */
void api_connection_refuse(
    struct api_connection *connection); /* 503, before any request was read */
bool api_connection_wants_input(const struct api_connection *connection);
enum api_connection_phase api_connection_phase(const struct api_connection *connection);
/* Grows with every change of phase and with every request: a deadline counts from there. */
uint64_t api_connection_phase_serial(const struct api_connection *connection);
/* Moves the waiting output (if any) into out, which must be empty; then goes on with waiting input. */
void api_connection_take_output(struct api_connection *connection, struct osy_buffer *out);
bool api_connection_has_output(const struct api_connection *connection);

/* For api_request_finish: some request of this connection has its reply. */
void api_connection_on_reply(struct api_connection *connection);
