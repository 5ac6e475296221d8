#include "api/escalation/routes.h"

#include "api/escalation/handlers.h"

/* clang-format off: a row each */
const struct api_route api_escalation_routes[] = {
    {"GET", "/api/v1/restaurants/me/webhook", API_PERM_ESCALATION_MANAGE,
     .on_worker = api_handle_get_webhook},
    {"PUT", "/api/v1/restaurants/me/webhook", API_PERM_ESCALATION_MANAGE,
     .on_worker = api_handle_put_webhook},
    {"DELETE", "/api/v1/restaurants/me/webhook", API_PERM_ESCALATION_MANAGE,
     .on_worker = api_handle_delete_webhook},
    {"GET", "/api/v1/restaurants/me/escalation", API_PERM_ESCALATION_MANAGE,
     .on_worker = api_handle_get_ladder},
    {"PUT", "/api/v1/restaurants/me/escalation", API_PERM_ESCALATION_MANAGE,
     .on_worker = api_handle_put_ladder},
    {0},
};
/* clang-format on */
