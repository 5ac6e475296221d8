#include "api/privacy/routes.h"

#include "api/privacy/handlers.h"

const struct api_route api_privacy_routes[] = {
    {"DELETE", "/api/v1/users/me", API_PERM_ACCOUNT, .on_worker = api_handle_erase_user},
    {0},
};
