/* The account of somebody who is erased, and the end of all that it was signed in with. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

struct osy_pg;

struct api_account_end {
    bool was_there;
    bool is_last_owner; /* then nothing was done: a restaurant would have nobody any more */
    int64_t revoked_at_s;
};

/* In the caller's transaction: deletes the user with whatever hangs on it, revokes all tokens, and records it. */
OSY_MUST_CHECK bool api_account_erase(struct osy_pg *pg, const char *user_id,
                                      struct api_account_end *end, struct osy_error *err);
