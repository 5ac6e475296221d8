/*
 * Revoking: what makes access tokens worthless before they expire. PostgreSQL has it first, with its audit row;
 * then Redis tells every hub and API. When Redis cannot, they find it in PostgreSQL within seconds, so a
 * failed announcement is no failed revocation. Blocking: for worker threads and commands.
 */
#pragma once
#include <stdbool.h>

#include "shared/revocations.h"

struct osy_keyring;
struct osy_pg;
struct osy_redis_blocking_shards;

#define API_REVOCATION_REASON_MAX 200 /* characters */

struct api_revocation {
    struct osy_revocation what; /* revoked_at_s: filled by api_revocation_record */
    const char *reason;         /* NULL: none is given */
    char revoked_at[32];        /* RFC 3339; filled by api_revocation_record */
};

/* In the caller's transaction, whose scope says in whose name. */
OSY_MUST_CHECK bool api_revocation_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                                          struct api_revocation *revocation, struct osy_error *err);
OSY_MUST_CHECK bool api_revocation_announce(struct osy_redis_blocking_shards *redis,
                                            const struct api_revocation *revocation,
                                            struct osy_error *err);
