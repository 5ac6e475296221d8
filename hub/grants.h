/*
 * Grants: what a token allows. Verifying an RS256 signature costs 40 us, so verified access tokens are
 * kept, found by their SHA-256 (the tokens themselves are not stored). The cache is bounded, drops the
 * least recently used, and an entry is worth nothing once its token has expired or was revoked. Loop
 * thread only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "hub/upgrade.h"
#include "shared/error.h"
#include "shared/jwt.h"
#include "shared/keys.h"
#include "shared/revocations.h"

struct hub_grants;

/* What one token allows on one path. */
struct hub_grant {
    enum osy_role role;               /* OSY_ROLE_NONE for a tracking token */
    struct osy_credential credential; /* its subject is nil for a tracking token */
    int64_t expires_at_s;
    struct osy_uuid
        *restaurants; /* of a dashboard: those that it may show; an array that whoever asked
                                     for the grant owns. NULL elsewhere, and for admins, who see all */
    size_t restaurant_count;
};

/* keyring and revocations are borrowed. */
struct hub_grants *hub_grants_create(const struct osy_keyring *keyring,
                                     const struct osy_revocations *revocations, size_t max_entries);
void hub_grants_destroy(struct hub_grants *grants); /* NULL is fine */

/* Forgets all tokens: the keys are others, and what one that is gone has signed is worth nothing any more. */
void hub_grants_clear(struct hub_grants *grants);
size_t hub_grants_count(const struct hub_grants *grants); /* tokens that are remembered */

enum hub_grant_verdict {
    HUB_GRANT_OK = 0, /* of a customer: if the order is theirs, which the token does not say */
    HUB_GRANT_UNAUTHENTICATED, /* missing, malformed, forged or expired */
    HUB_GRANT_REVOKED,         /* was good */
    HUB_GRANT_FORBIDDEN,       /* good, but not for target */
};

/* now_s: wall time in seconds. */
enum hub_grant_verdict hub_grants_check(struct hub_grants *grants, const char *token, size_t length,
                                        const struct hub_target *target, int64_t now_s,
                                        struct hub_grant *grant);
