#include "api/menus/routes.h"

#include "api/menus/handlers.h"

#define ME "/api/v1/restaurants/me/menu"

/* The endpoints of one kind (kind.h): ME "/items", ME "/items/:id". */
#define KIND(path)                                                                             \
    {"POST", path, API_PERM_MENU_MANAGE, .on_worker = api_handle_create_menu_part},            \
        {"GET", path "/:id", API_PERM_MENU_READ, .on_worker = api_handle_get_menu_part},       \
        {"PUT", path "/:id", API_PERM_MENU_MANAGE, .on_worker = api_handle_put_menu_part},     \
        {"PATCH", path "/:id", API_PERM_MENU_MANAGE, .on_worker = api_handle_patch_menu_part}, \
    {                                                                                          \
        "DELETE", path "/:id", API_PERM_MENU_MANAGE, .on_worker = api_handle_delete_menu_part  \
    }

/* clang-format off: a row each */
const struct api_route api_menu_routes[] = {
    {"GET", "/api/v1/restaurants/:id/menu", API_PUBLIC, .on_worker = api_handle_get_menu},
    {"GET", "/api/v1/restaurants/:id/popular", API_PUBLIC, .on_worker = api_handle_get_popular},
    {"GET", ME, API_PERM_MENU_READ, .on_worker = api_handle_get_own_menu},
    KIND(ME "/categories"),
    KIND(ME "/items"),
    KIND(ME "/option-groups"),
    KIND(ME "/options"),
    KIND(ME "/price-rules"),
    {"POST", ME "/sold-out", API_PERM_MENU_STOCK, .on_worker = api_handle_set_sold_out},
    {"PUT", ME "/items/:id/stock", API_PERM_MENU_STOCK, .on_worker = api_handle_set_stock},
    {0},
};
/* clang-format on */
