/*
 * Erasure: what becomes of a person's data when the person wants it gone (PIPA article 21, GDPR article 17).
 *
 * Of each order the law wants the contract kept (five years, ORDERSYNC_STATUTORY_DAYS): who ordered, and where it went.
 * That is decrypted one last time and goes into statutory_records, under a key of its own, where only an administrator
 * finds it; the note does not. Then the order's personal columns and its phone index are emptied and its data key, or the
 * customer's, is destroyed: copies of the columns elsewhere, in backups too, have become noise. With the customer go the
 * account and everything that hangs on it, and the replies that were stored for repeated requests; what the audit log says of
 * the person was under the same key. A revocation of the user ends all tokens, in every process.
 *
 * It is one transaction: nothing of it has happened, or all. Orders are locked without waiting, because order writers
 * hold a restaurant's stream before they touch its orders and this does not: whoever waited could wait in a circle.
 * What may have to wait (for the account) comes before them, so an order that was placed meanwhile is not overlooked.
 * An order that somebody still works on is not erased: OSY_ERR_CONFLICT, as for what another transaction holds just now.
 * Blocking: for worker threads and commands.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

struct api_db_scope;
struct osy_pg;

struct api_erasure {
    const struct osy_keyring *keyring;
    const struct api_db_scope *scope; /* in whose name */
    int64_t statutory_days;
};

struct api_erased {
    size_t orders;        /* that were erased */
    bool has_open_order;  /* why not: CONFLICT; */
    bool is_last_owner;   /* a restaurant would have nobody any more */
    int64_t revoked_at_s; /* of a user: to be announced, once this has returned */
};

/* OSY_ERR_NOT_FOUND: nobody is known by that id, neither by an account nor by an order. */
OSY_MUST_CHECK bool api_erase_user(struct osy_pg *pg, const struct api_erasure *how,
                                   const struct osy_uuid *user_id, struct api_erased *erased,
                                   struct osy_error *err);
/* A guest's, or one of a customer's. OSY_ERR_NOT_FOUND: there is none. One that is erased already is left as it is. */
OSY_MUST_CHECK bool api_erase_order(struct osy_pg *pg, const struct api_erasure *how,
                                    const struct osy_uuid *order_id, struct api_erased *erased,
                                    struct osy_error *err);
