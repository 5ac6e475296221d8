#include "api/auth/principal.h"

#include <stdlib.h>

const struct api_principal api_principal_none = {.kind = API_PRINCIPAL_NONE};

bool api_principal_covers_restaurant(const struct api_principal *principal,
                                     const struct osy_uuid *restaurant_id)
{
    if (principal->kind != API_PRINCIPAL_USER)
        return false;
    return principal->claims.role == OSY_ROLE_ADMIN ||
           osy_claims_cover_restaurant(&principal->claims, restaurant_id);
}

bool api_principal_covers_order(const struct api_principal *principal,
                                const struct osy_uuid *restaurant_id,
                                const struct osy_uuid *order_id, const struct osy_uuid *customer_id)
{
    if (principal->kind == API_PRINCIPAL_GUEST)
        return osy_uuid_equal(&principal->tracking.order_id, order_id) &&
               osy_uuid_equal(&principal->tracking.restaurant_id, restaurant_id);
    return api_principal_covers_restaurant(principal, restaurant_id) ||
           api_principal_is_customer(principal, customer_id);
}

bool api_principal_is_customer(const struct api_principal *principal,
                               const struct osy_uuid *customer_id)
{
    return principal->kind == API_PRINCIPAL_USER && principal->claims.role == OSY_ROLE_CUSTOMER &&
           !osy_uuid_is_nil(customer_id) && osy_uuid_equal(&principal->claims.subject, customer_id);
}

bool api_principal_has(const struct api_principal *principal, enum api_permission permission)
{
    switch (principal->kind) {
    case API_PRINCIPAL_USER: return api_role_has_permission(principal->claims.role, permission);
    case API_PRINCIPAL_GUEST: return api_guest_has_permission(permission);
    case API_PRINCIPAL_NONE: break;
    }
    return permission == API_PUBLIC;
}

const char *api_principal_role(const struct api_principal *principal)
{
    return principal->kind == API_PRINCIPAL_USER ? osy_role_name(principal->claims.role) : "guest";
}

struct api_principal *api_principal_ref(struct api_principal *principal)
{
    principal->references++;
    return principal;
}

void api_principal_unref(struct api_principal *principal)
{
    if (principal && --principal->references == 0)
        free(principal);
}
