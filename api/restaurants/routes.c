#include "api/restaurants/routes.h"

#include "api/restaurants/handlers.h"

/* clang-format off: a row each */
const struct api_route api_restaurant_routes[] = {
    {"GET", "/api/v1/restaurants/me/settings", API_PERM_SETTINGS_READ,
     .on_worker = api_handle_get_settings},
    {"PUT", "/api/v1/restaurants/me/settings", API_PERM_SETTINGS_WRITE,
     .on_worker = api_handle_put_settings},
    {"GET", "/api/v1/restaurants/me/devices", API_PERM_DEVICE_LIST,
     .on_worker = api_handle_list_devices},
    {0},
};
/* clang-format on */
