/*
 * The login guard: how often somebody may try. Attempts are counted in PostgreSQL, which all processes share, by account
 * and by client address (of IPv6 its /64), and before they are made: a thousand at once cannot all be the first. Five
 * for an account and thirty for an address cost nothing; each further one doubles the wait, from 15 s to 15 min. An hour
 * without attempts forgives all. The account is known by a digest of the e-mail address that was typed, registered or
 * not, so a lock tells nothing about who is a customer here. Worker threads.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "api/auth/email.h"
#include "shared/uuid.h"

struct api_db_scope;
struct osy_pg;

struct api_login_attempt {
    uint8_t account[OSY_BLIND_INDEX_BYTES], address[OSY_BLIND_INDEX_BYTES];
    int64_t wait_s;          /* > 0: it must not be made for so long */
    bool is_known;           /* there is such a user: */
    struct osy_uuid user_id; /* that one */
};

/* Counts an attempt from the scope's address, and looks the user up. False: a failed query, as with the others. */
OSY_MUST_CHECK bool api_login_guard_enter(struct osy_pg *pg, const struct osy_keyring *keyring,
                                          const struct api_db_scope *scope, const char *email,
                                          struct api_login_attempt *attempt, struct osy_error *err);
/* The attempt was good: the account's count is forgotten, and the address gets its attempt back. Within the transaction that
 * signs in, or alone. */
OSY_MUST_CHECK bool api_login_guard_forgive(struct osy_pg *pg, const struct api_db_scope *scope,
                                            const struct api_login_attempt *attempt,
                                            struct osy_error *err);
/* The attempt was neither good nor bad (the second factor is still to come): both get it back, and no more. */
OSY_MUST_CHECK bool api_login_guard_return(struct osy_pg *pg, const struct api_db_scope *scope,
                                           const struct api_login_attempt *attempt,
                                           struct osy_error *err);
