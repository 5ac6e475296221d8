/*
 * A principal: who sent a request, as its token proves. Immutable and counted, because the token cache and
 * every request that showed the same token share one. The count is the loop thread's; a worker only reads.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "api/auth/permissions.h"
#include "shared/jwt.h"
#include "shared/tracking_token.h"
#include "shared/uuid.h"

enum api_principal_kind {
    API_PRINCIPAL_NONE = 0, /* no token */
    API_PRINCIPAL_USER,     /* access token */
    API_PRINCIPAL_GUEST,    /* tracking token: one order */
};

struct api_principal {
    uint32_t references;
    enum api_principal_kind kind;
    int64_t expires_at_s;
    struct osy_claims claims;     /* USER */
    struct osy_tracking tracking; /* GUEST */
};

extern const struct api_principal api_principal_none;

/* Whether restaurant lies in the principal's scope: a user's restaurants, any for an admin. False for guests. */
bool api_principal_covers_restaurant(const struct api_principal *principal,
                                     const struct osy_uuid *restaurant_id);
/* Whether this order does: as above, or it is the one order of a guest, or a customer's own. customer_id: who placed
 * it with an account; nil: a guest. */
bool api_principal_covers_order(const struct api_principal *principal,
                                const struct osy_uuid *restaurant_id,
                                const struct osy_uuid *order_id,
                                const struct osy_uuid *customer_id);
/* Whether it is a customer's own: its personal data are theirs. */
bool api_principal_is_customer(const struct api_principal *principal,
                               const struct osy_uuid *customer_id);
bool api_principal_has(const struct api_principal *principal, enum api_permission permission);
/* "staff", "owner", ...; "guest" for GUEST and NONE: what audit and `changed_by` record. */
const char *api_principal_role(const struct api_principal *principal);

struct api_principal *api_principal_ref(struct api_principal *principal);
void api_principal_unref(struct api_principal *principal); /* NULL is fine */
