/*
 * Owners: whose order it is, for customers who come with an access token, which names no order. PostgreSQL is asked
 * once for an order, however many sockets wait for the answer; it never changes, so it is kept (of the orders that were
 * asked for last). Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "hub/upgrade.h"
#include "shared/error.h"

struct hub_owner;
struct hub_owners;
struct hub_session;
struct hub_store;

/* Who waits for an answer; in each session. Zeroed while it does not. */
struct hub_owner_question {
    struct hub_owner *owner; /* borrowed */
    struct hub_session *session;
    struct hub_owner_question *prev, *next;
};

/* customer_id is nil for a guest's order, and where there is no such order in that restaurant. err: NULL when it is
 * known. */
typedef void (*hub_owner_fn)(struct hub_session *session, const struct osy_uuid *customer_id,
                             const struct osy_error *err);

/* store is borrowed. max_entries: orders that are remembered. */
struct hub_owners *hub_owners_create(struct hub_store *store, size_t max_entries, hub_owner_fn fn);
/* No session waits any more, and the store calls back no more. NULL is fine. */
void hub_owners_destroy(struct hub_owners *owners);
/* Calls back once, perhaps before it returns. */
void hub_owners_ask(struct hub_owners *owners, struct hub_owner_question *question,
                    struct hub_session *session, const struct hub_target *target);
/* It does not wait any more. Harmless when it never did. */
void hub_owners_forget(struct hub_owner_question *question);
