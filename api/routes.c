#include "api/routes.h"

#include "api/audit/routes.h"
#include "api/auth/routes.h"
#include "api/escalation/routes.h"
#include "api/health/health.h"
#include "api/menus/routes.h"
#include "api/orders/routes.h"
#include "api/privacy/routes.h"
#include "api/restaurants/routes.h"

const struct api_route *const api_route_tables[] = {
    api_health_routes,     api_auth_routes,    api_order_routes,
    api_restaurant_routes, api_menu_routes,    api_escalation_routes,
    api_audit_routes,      api_privacy_routes, NULL,
};
