/*
 * A change of a restaurant's own affairs: its profile, hours, settings, pauses. One transaction locks the restaurant, holds
 * its version against If-Match, writes, records who did it with the old and the new value, and tells the restaurant's
 * sockets. Every part of a restaurant counts up its one version, which is the entity tag of all of them.
 * For worker threads.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"

struct api_idempotency;
struct api_request;
struct api_worker;
struct osy_uuid;

/* Appends what there is to say about the restaurant, as the JSON of the reply, in the transaction that is open.
 * OSY_ERR_NOT_FOUND: there is no such restaurant. */
typedef bool (*api_restaurant_find_fn)(struct api_worker *worker,
                                       const struct osy_uuid *restaurant_id,
                                       struct osy_buffer *value, int64_t *version,
                                       struct osy_error *err);

struct api_restaurant_change {
    const char *action; /* type of the event, and action of the audit row: "restaurant.updated" */
    api_restaurant_find_fn find; /* the old and the new value, and the reply */
    const char *sql;             /* writes it and counts up the version; no row: nothing to do */
    const char *const *values;   /* from $2 on; $1 is the restaurant */
    int count;                   /* of values, API_RESTAURANT_VALUES_MAX at most */
};

#define API_RESTAURANT_VALUES_MAX 3

/* Does it and replies: 200 with the new state, 404 RESTAURANT_NOT_FOUND, 412 VERSION_CONFLICT, or 503. */
void api_restaurant_change(struct api_worker *worker, struct api_request *request,
                           const struct osy_uuid *restaurant_id,
                           const struct api_restaurant_change *change);
/* The two ends of that, for what is no change of the restaurant itself: in the transaction that is open, OSY_ERR_NOT_FOUND
 * when there is no such restaurant; and, instead of a commit, 404 for that error and 503 or 500 for others. */
bool api_restaurant_lock(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                         int64_t *version, struct osy_error *err);
void api_restaurant_fail(struct api_idempotency *once, const struct osy_error *err);
/* Replies with the state and its version as entity tag, or 404. */
void api_restaurant_show(struct api_worker *worker, struct api_request *request,
                         const struct osy_uuid *restaurant_id, api_restaurant_find_fn find);
/* For find functions: runs a statement of the restaurant ($1) whose first columns are value and version. The row is the
 * caller's (PQclear), NULL on failure. */
PGresult *api_restaurant_find(struct api_worker *worker, const char *sql,
                              const struct osy_uuid *restaurant_id, struct osy_buffer *value,
                              int64_t *version, struct osy_error *err);
/* A find function: what everybody may see. */
bool api_restaurant_find_public(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                                struct osy_buffer *value, int64_t *version, struct osy_error *err);
