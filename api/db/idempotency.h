/*
 * Idempotency for handlers on workers: a POST with an Idempotency-Key takes effect once, and its repetitions get
 * the first one's reply for a day. (Orders have records of their own: api/orders/create_orders.sql.)
 *
 *     struct api_idempotency once;
 *     if (!api_idempotency_begin(&once, worker, request, &scope))
 *         return; // a reply was given
 *     PGresult *made = osy_pg_query(worker->pg, ...); // in one transaction, as many as it takes
 *     if (made)
 *         api_idempotency_reply(&once, 201, &body);
 *     else
 *         api_idempotency_fail(&once, &err);
 *
 * begin opens the transaction, so the reply is kept with the effect or neither is: whoever is refused
 * (api_idempotency_abandon and a reply of one's own) leaves no record. While it is open an advisory lock stands for the key:
 * the same request meanwhile is told 409 REQUEST_IN_PROGRESS, and a process that dies leaves nothing to clean up.
 * What the handler does in other scopes (api_db_enter) leaves the reply its caller's all the same: scope is entered again.
 * The reply is stored encrypted; one that holds a secret is not for this, and its handler does without. Headers that a handler sets are not repeated. Without the header all this is begin,
 * commit and reply. Thread of the worker.
 */
#pragma once
#include "api/http/idempotency_key.h"
#include "shared/buffer.h"
#include "shared/error.h"

#define API_IDEMPOTENCY_REPLY_MAX \
    65536 /* bytes; a handler whose replies are longer cannot use this */

struct api_db_scope;
struct api_request;
struct api_worker;

struct api_idempotency {
    struct api_worker *worker;   /* borrowed, */
    struct api_request *request; /* as are these */
    const struct api_db_scope *scope;
    struct api_idempotency_key key;
};

/* False: a reply was given (the stored one, 400, 409, 422 or 503), and no transaction is open. */
OSY_MUST_CHECK bool api_idempotency_begin(struct api_idempotency *once, struct api_worker *worker,
                                          struct api_request *request,
                                          const struct api_db_scope *scope);
/* Keeps the reply (status 200 to 299, JSON; body may be NULL or empty) and commits. True: the handler does what is
 * left to do after the effect, and gives that reply. False: a 5xx was given, and nothing has happened, as far as is known. */
OSY_MUST_CHECK bool api_idempotency_commit(struct api_idempotency *once, int status,
                                           const struct osy_buffer *body);
/* Both at once: commits and gives the reply. Takes body's content. */
void api_idempotency_reply(struct api_idempotency *once, int status, struct osy_buffer *body);
/* Rolls back and answers a failed query as api_reply_database_error does. */
void api_idempotency_fail(struct api_idempotency *once, const struct osy_error *err);
/* Rolls back; the reply is still owed. */
void api_idempotency_abandon(struct api_idempotency *once);
