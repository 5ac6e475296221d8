/*
 * The router: route tables compiled at start into a tree of path segments. A literal segment wins over a
 * parameter; nothing is a pattern beyond that. Immutable after creation.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/permissions.h"
#include "shared/error.h"

struct api_context;
struct api_request;
struct api_router;
struct api_worker;

#define API_ROUTE_PARAMS_MAX 4

/* Runs on the loop and must not block; it may reply later. */
typedef void (*api_loop_handler_fn)(struct api_context *context, struct api_request *request);
/* Runs on a worker thread and may block; it replies before it returns. */
typedef void (*api_worker_handler_fn)(struct api_worker *worker, struct api_request *request);

/* Which threads a worker handler runs on. */
enum api_pool {
    API_POOL_WORKERS = 0,
    API_POOL_PASSWORDS, /* hashing a password takes 20 ms and more: nobody else is to wait behind that */
};
enum { API_POOL_COUNT = 2 };

/* A row of a domain's table; the table ends with a zeroed row. Exactly one handler is set:
 *   {"GET", "/api/v1/orders/:id", API_PERM_ORDER_READ, .on_worker = handle_get_order}, */
struct api_route {
    const char *method; /* GET (serves HEAD too), POST, PUT, PATCH, DELETE */
    const char *path;   /* "/api/v1/orders/:id"; also the label in metrics */
    enum api_permission
        needs; /* API_PUBLIC: anyone; a token that is shown must be good all the same */
    api_loop_handler_fn on_loop;
    api_worker_handler_fn on_worker;
    enum api_pool pool; /* of on_worker */
    uint8_t cost; /* of a request, in its client's budget (http/limiter.h); 0: API_COST_USUAL */
};

#define API_COST_USUAL    1
#define API_COST_PASSWORD 10        /* a password is hashed */
#define API_COST_FREE     UINT8_MAX /* it is not counted: for who watches us */

enum api_match { API_MATCH_FOUND = 0, API_MATCH_NO_PATH, API_MATCH_NO_METHOD };

struct api_route_match {
    const struct api_route *route; /* FOUND: as in the caller's table */
    size_t index;      /* FOUND: 0 to api_router_count - 1, the same for the same route */
    const char *allow; /* NO_METHOD: "GET, HEAD, POST"; lives as long as the router */
    size_t param_count;
    struct {
        const char *name, *value; /* value points into path, as it came */
        size_t name_length, value_length;
    } params[API_ROUTE_PARAMS_MAX];
};

/* tables: arrays of rows that outlive the router; ends with NULL. A table that contradicts itself is our
 * own mistake (assert). */
struct api_router *api_router_create(const struct api_route *const *tables);
void api_router_destroy(struct api_router *router); /* NULL is fine */
size_t api_router_count(const struct api_router *router);
enum api_match api_router_match(const struct api_router *router, const char *method,
                                const char *path, size_t path_length,
                                struct api_route_match *match);
