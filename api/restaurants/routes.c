#include "api/restaurants/routes.h"

#include "api/restaurants/handlers.h"

/* clang-format off: a row each */
const struct api_route api_restaurant_routes[] = {
    {"GET", "/api/v1/restaurants/:id", API_PUBLIC, .on_worker = api_handle_get_restaurant},
    {"GET", "/api/v1/restaurants/me", API_PERM_SETTINGS_READ, .on_worker = api_handle_get_profile},
    {"PATCH", "/api/v1/restaurants/me", API_PERM_RESTAURANT_MANAGE,
     .on_worker = api_handle_patch_profile},
    {"GET", "/api/v1/restaurants/me/hours", API_PERM_SETTINGS_READ,
     .on_worker = api_handle_get_hours},
    {"PUT", "/api/v1/restaurants/me/hours", API_PERM_RESTAURANT_MANAGE,
     .on_worker = api_handle_put_hours},
    {"POST", "/api/v1/restaurants/me/pause", API_PERM_RESTAURANT_OPERATE,
     .on_worker = api_handle_pause},
    {"POST", "/api/v1/restaurants/me/resume", API_PERM_RESTAURANT_OPERATE,
     .on_worker = api_handle_resume},
    {"POST", "/api/v1/restaurants/me/busy", API_PERM_RESTAURANT_OPERATE,
     .on_worker = api_handle_start_busy},
    {"DELETE", "/api/v1/restaurants/me/busy", API_PERM_RESTAURANT_OPERATE,
     .on_worker = api_handle_end_busy},
    {"GET", "/api/v1/restaurants/me/settings", API_PERM_SETTINGS_READ,
     .on_worker = api_handle_get_settings},
    {"PUT", "/api/v1/restaurants/me/settings", API_PERM_SETTINGS_WRITE,
     .on_worker = api_handle_put_settings},
    {"PATCH", "/api/v1/restaurants/me/settings", API_PERM_SETTINGS_WRITE,
     .on_worker = api_handle_patch_settings},
    {"GET", "/api/v1/restaurants/me/staff", API_PERM_STAFF_MANAGE,
     .on_worker = api_handle_list_staff},
    {"POST", "/api/v1/restaurants/me/staff", API_PERM_STAFF_MANAGE,
     .on_worker = api_handle_add_staff, .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"DELETE", "/api/v1/restaurants/me/staff/:id", API_PERM_STAFF_MANAGE,
     .on_worker = api_handle_remove_staff},
    {"GET", "/api/v1/restaurants/me/devices", API_PERM_DEVICE_LIST,
     .on_worker = api_handle_list_devices},
    {0},
};
/* clang-format on */
