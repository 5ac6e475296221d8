/*
 * The store: what the hub reads from PostgreSQL, on a few threads with a connection each, so that the
 * loop never waits. Requests of one kind that have queued up are answered by one query: ten thousand
 * sockets that come back at once cost a hundred queries. Requests are made and answered on the loop
 * thread; the answer never comes inside the request.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "hub/event.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct hub_store;

struct hub_store_options {
    const char *url, *application_name; /* copied */
    size_t threads;
    size_t max_queued; /* requests; more fail with OSY_ERR_LIMIT */
};

struct hub_store *hub_store_create(uv_loop_t *loop, const struct hub_store_options *options);
/* Waits for the queries that run (they end at their own timeout) and refuses those that wait: every
 * question is answered before it returns. The memory goes when libuv has closed the handle. NULL is fine. */
void hub_store_destroy(struct hub_store *store);

/* Where a stream stands. */
struct hub_head {
    bool found; /* the restaurant exists */
    uint64_t seq;
    struct osy_uuid event_id; /* nil while seq is 0 */
    bool from_redis;          /* PostgreSQL did not answer: it may know more */
};

/* err is NULL when it went well. */
typedef void (*hub_store_head_fn)(void *context, const struct hub_head *head,
                                  const struct osy_error *err);
/* The events are borrowed; reference what is kept. */
typedef void (*hub_store_events_fn)(void *context, struct hub_event *const *events, size_t count,
                                    const struct osy_error *err);

void hub_store_find_head(struct hub_store *store, const struct osy_uuid *restaurant_id,
                         hub_store_head_fn fn, void *context);
/* Events first to last, as far as they exist, ascending. */
void hub_store_find_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                           uint64_t first, uint64_t last, hub_store_events_fn fn, void *context);
/* All events of an order of that restaurant, by version; none when there is no such order. */
void hub_store_find_order_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                                 const struct osy_uuid *order_id, hub_store_events_fn fn,
                                 void *context);
/* Whose order it is. */
struct hub_customer {
    bool found;                  /* there is such an order in that restaurant */
    struct osy_uuid customer_id; /* nil: a guest's */
};

typedef void (*hub_store_customer_fn)(void *context, const struct hub_customer *customer,
                                      const struct osy_error *err);

void hub_store_find_customer(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             const struct osy_uuid *order_id, hub_store_customer_fn fn,
                             void *context);
/* A state of a restaurant, as dashboards show it. */
struct hub_state {
    const char *json;  /* one object, with the restaurant's id first; NULL: no such restaurant */
    const char *as_of; /* RFC 3339; NULL: not told */
};

/* What state points to is borrowed. */
typedef void (*hub_store_state_fn)(void *context, const struct hub_state *state,
                                   const struct osy_error *err);

void hub_store_find_presence(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             hub_store_state_fn fn, void *context);
void hub_store_find_figures(struct hub_store *store, const struct osy_uuid *restaurant_id,
                            hub_store_state_fn fn, void *context);
/* Whether one more request would fail with OSY_ERR_LIMIT. */
bool hub_store_is_full(struct hub_store *store);
/* Whether more than half of the requests wait that may. */
bool hub_store_is_busy(struct hub_store *store);
/* Whether the last query got an answer. True before the first. */
bool hub_store_is_up(const struct hub_store *store);
