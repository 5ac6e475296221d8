/*
 * One HTTP request and its reply, as handlers see them.
 *
 * Whoever handles a request owes it exactly one reply. A loop handler may give it at once or later, from
 * the loop thread (say, when the order writer reports); a worker handler gives it before it returns.
 * Until its reply a request stays alive, also when the client has gone in the meantime; with the reply it
 * is given away: touch it no more. Everything a request hands out is borrowed until then.
 * A request belongs to one thread at a time: the loop's, or the worker's that runs its handler.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/trace.h"
#include "shared/uuid.h"

struct api_principal;
struct api_request;

/* ---- what came ---- */

const char *api_request_method(const struct api_request *request); /* "POST" */
const char *api_request_path(const struct api_request *request);   /* as sent, without the query */
const char *api_request_query_string(const struct api_request *request); /* as sent; "": none */
const char *api_request_route(const struct api_request *request);        /* "/api/v1/orders/:id" */
/* A parameter of the route, percent-decoded valid UTF-8. name must be one of the route's. */
const char *api_request_param(const struct api_request *request, const char *name);
/* OSY_ERR_INVALID unless the parameter is a UUID. */
OSY_MUST_CHECK bool api_request_param_uuid(const struct api_request *request, const char *name,
                                           struct osy_uuid *uuid, struct osy_error *err);
/* *value is the decoded parameter of the query string, or NULL when it is absent. OSY_ERR_INVALID when it
 * is there twice, or is not percent-encoded UTF-8 without control characters. `+` is a space. */
OSY_MUST_CHECK bool api_request_query(struct api_request *request, const char *name,
                                      const char **value, struct osy_error *err);
/* The first header of that name (lower case), without surrounding white space; NULL when absent. */
const char *api_request_header(const struct api_request *request, const char *name);
const char *api_request_body(const struct api_request *request, size_t *length); /* never NULL */
/* Never NULL: kind API_PRINCIPAL_NONE for whoever showed no token. */
const struct api_principal *api_request_principal(const struct api_request *request);
const char *api_request_id(const struct api_request *request); /* 1 to 64 of [A-Za-z0-9_-] */
/* Our own span, a child of the caller's traceparent where it sent one. */
const struct osy_trace *api_request_trace(const struct api_request *request);
/* The client's address as text; from X-Forwarded-For only behind a trusted proxy. */
const char *api_request_client(const struct api_request *request);
uint64_t
api_request_started_ns(const struct api_request *request); /* monotonic; headers complete */
/* The connection has ended, so nobody will read the reply (which is owed all the same). Loop only. */
bool api_request_is_abandoned(const struct api_request *request);

/* ---- what goes back ---- */

/* A header beside the usual ones, before the reply. Neither text may hold a line break (assert). */
void api_reply_header(struct api_request *request, const char *name, const char *value);
/* Takes body's content (body is empty afterwards). body may be NULL for an empty one. */
void api_reply_json(struct api_request *request, int status, struct osy_buffer *body);
void api_reply_bytes(struct api_request *request, int status, const char *content_type,
                     struct osy_buffer *body);
/*
 * application/problem+json (RFC 9457) with the request id. code is stable and upper case. detail is for
 * people and may be NULL. more: further JSON members without braces (`"item_id":"..."`), or NULL.
 */
void api_reply_error(struct api_request *request, int status, const char *code, const char *detail,
                     const char *more);
/* 400 INVALID_REQUEST; the detail is err's message. */
void api_reply_invalid(struct api_request *request, const struct osy_error *err);
/* 503 OVERLOADED with Retry-After: a queue is full. */
void api_reply_overloaded(struct api_request *request);
/* For a failed query: 503 DATABASE_UNAVAILABLE with Retry-After (OSY_ERR_IO, OSY_ERR_CONFLICT), else 500
 * INTERNAL_ERROR. Logs err, once, with the route; err never reaches the client. */
void api_reply_database_error(struct api_request *request, const struct osy_error *err);
