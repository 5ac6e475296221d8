#include "api/audit/routes.h"

#include "api/audit/handlers.h"

const struct api_route api_audit_routes[] = {
    {"GET", "/api/v1/audit", API_PERM_AUDIT_READ, .on_worker = api_handle_list_audit},
    {0},
};
