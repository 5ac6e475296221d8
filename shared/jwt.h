/*
 * Access tokens: JWT (RFC 7519) signed with RS256 (RFC 7515), after the advice of RFC 8725: the
 * algorithm is fixed by our key and must equal the header's; kid looks up memory only; jku, jwk,
 * x5u and the like are ignored and crit is refused; iss, aud, exp, iat, jti must be there;
 * base64url must be canonical; at most 4 KiB and 30 days. No HMAC path exists. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

#define OSY_JWT_MAX      4096
#define OSY_JWT_ISSUER   "ordersync"
#define OSY_JWT_AUDIENCE "ordersync"
#define OSY_JWT_RESTAURANTS_MAX \
    56 /* so many fit into OSY_JWT_MAX, without permissions and with RSA of up to 4096 bits */
#define OSY_JWT_LEEWAY_S \
    30 /* for nbf and iat alone: clocks differ, but an expired token has expired */
#define OSY_JWT_LIFE_MAX_S \
    (30 * 24 * 3600) /* from iat to exp: so long a revocation must be remembered */

enum osy_role {
    OSY_ROLE_NONE = 0,
    OSY_ROLE_CUSTOMER,
    OSY_ROLE_STAFF,
    OSY_ROLE_OWNER,
    OSY_ROLE_ADMIN
};

const char *osy_role_name(enum osy_role role); /* "staff" */
bool osy_role_parse(const char *text, enum osy_role *role);

struct osy_claims {
    struct osy_uuid subject;    /* user id */
    struct osy_uuid token_id;   /* jti */
    struct osy_uuid session_id; /* sid; nil when absent */
    enum osy_role role;
    /* What the role may do, for those who read a token: NULL-terminated, borrowed; NULL: not said. Only for signing:
     * whoever verifies decides by their own table. */
    const char *const *permissions;
    int64_t issued_at_s, not_before_s, expires_at_s; /* not_before_s 0 when absent */
    size_t restaurant_count;
    struct osy_uuid
        restaurants[OSY_JWT_RESTAURANTS_MAX]; /* restaurant_ids; empty for admin, customer */
};

bool osy_claims_cover_restaurant(const struct osy_claims *claims,
                                 const struct osy_uuid *restaurant_id);
/* The compact token, NUL-terminated, to be freed. Signs with the active key; 1.1 ms. */
char *osy_jwt_sign(const struct osy_keyring *keyring, const struct osy_claims *claims,
                   struct osy_error *err);
/* OSY_ERR_DENIED with a reason that tells nothing of the key. now_s: wall time in seconds. ~40 us.
 */
OSY_MUST_CHECK bool osy_jwt_verify(const struct osy_keyring *keyring, const char *token,
                                   size_t length, int64_t now_s, struct osy_claims *claims,
                                   struct osy_error *err);
/* The public keys as a JWK Set (RFC 7517), NUL-terminated, to be freed. */
char *osy_jwt_key_set(const struct osy_keyring *keyring);
