/*
 * A service: what happens to a request between its last byte and its reply. handle() in service.c is
 * the middleware: one function that calls each step in the order in which it runs.
 *   request id and trace -> route -> authentication -> rate limits -> permission -> body's type -> handler
 *   and with the reply: metrics, access log (debug)
 */
#pragma once
#include "api/http/router.h"
#include "api/http/server.h"

struct api_authenticator;
struct api_context;
struct api_cors;
struct api_limiter;
struct api_service;
struct api_workers;
struct osy_metrics;

struct api_service_options {
    const struct api_route *const *tables;   /* end with NULL; outlive the service */
    struct api_context *context;             /* given to the handlers; borrowed */
    struct api_authenticator *authenticator; /* NULL: no route may need a permission */
    struct api_limiter *limiter;             /* NULL: no request is counted */
    const struct api_cors *cors;             /* NULL: no other origin may read replies */
    struct api_workers
        *workers[API_POOL_COUNT]; /* NULL: no route may have a worker handler on that pool */
    uint32_t worker_ms; /* for a worker handler, its wait for a worker included; 0: no limit */
    struct osy_metrics *metrics;
};

struct api_service *api_service_create(const struct api_service_options *options);
/* Only once no request is in flight any more. NULL is fine. */
void api_service_destroy(struct api_service *service);
/* An api_request_fn: give it to a server with the service as its context. */
void api_service_on_request(void *context, struct api_request *request);
