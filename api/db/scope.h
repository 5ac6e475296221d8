/*
 * A scope: in whose name a statement runs. It says which restaurant's and which user's rows the statement may see
 * (row-level security refuses all others), and what audit rows record of who did it. It holds for one transaction,
 * so nothing of it can reach the next request on the same connection.
 * Blocking: for worker threads and commands. The order writer enters its own (orders/batch.c).
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>

#include "shared/error.h"
#include "shared/uuid.h"

struct api_request;
struct osy_pg;

struct api_db_scope {
    const struct osy_uuid *restaurant_id; /* NULL: no restaurant's rows */
    const struct osy_uuid *restaurants;   /* and those of so many others */
    size_t restaurant_count;
    const struct osy_uuid
        *order_id; /* the one order that may be read whose ever it is; NULL: none */
    const struct osy_uuid *user_id; /* whose own rows; NULL: nobody's */
    const char *actor_role;         /* "staff", "guest", "system", ...; NULL: "system" */
    const struct osy_uuid *actor_id, *session_id; /* NULL: none */
    const char *trace_id, *address;               /* NULL: none */
};

/* Who sent the request, on behalf of that restaurant (NULL: none). Everything in the scope is borrowed from the two. */
void api_db_scope_fill(struct api_db_scope *scope, const struct api_request *request,
                       const struct osy_uuid *restaurant_id);
/* The same, on behalf of all restaurants that are the user's by their token. */
void api_db_scope_fill_all(struct api_db_scope *scope, const struct api_request *request);
/*
 * The same for a request that reads an order, of which only the id is known: a user sees the orders of all their
 * restaurants and their own, a guest the one of the token, and an admin this one.
 */
void api_db_scope_fill_order(struct api_db_scope *scope, const struct api_request *request,
                             const struct osy_uuid *order_id);

/* One statement in a transaction of its own, in one round trip. As osy_pg_query. */
PGresult *api_db_query(struct osy_pg *pg, const struct api_db_scope *scope, const char *sql,
                       int count, const char *const *values, struct osy_error *err);

/* Begins a transaction: osy_pg_query as often as needed, then commit. After any failure, roll back. */
OSY_MUST_CHECK bool api_db_begin(struct osy_pg *pg, const struct api_db_scope *scope,
                                 struct osy_error *err);
/* From here on the open transaction runs in this scope: what it does for somebody is seldom all in one name. */
OSY_MUST_CHECK bool api_db_enter(struct osy_pg *pg, const struct api_db_scope *scope,
                                 struct osy_error *err);
/* False: nothing was done, or with OSY_ERR_IO nobody knows. */
OSY_MUST_CHECK bool api_db_commit(struct osy_pg *pg, struct osy_error *err);
void api_db_rollback(struct osy_pg *pg);
