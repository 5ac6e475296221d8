#include "api/orders/routes.h"

#include "api/orders/handlers.h"

const struct api_route api_order_routes[] = {
    {"POST", "/api/v1/orders", API_PUBLIC, .on_loop = api_handle_create_order},
    {"GET", "/api/v1/orders/mine", API_PERM_ORDER_LIST_OWN,
     .on_worker = api_handle_list_own_orders},
    {"GET", "/api/v1/orders/:id", API_PERM_ORDER_READ, .on_worker = api_handle_get_order},
    {"GET", "/api/v1/orders/:id/timeline", API_PERM_ORDER_TIMELINE,
     .on_worker = api_handle_get_timeline},
    {"POST", "/api/v1/orders/:id/cancel", API_PERM_ORDER_CANCEL,
     .on_loop = api_handle_cancel_order},
    {"POST", "/api/v1/orders/:id/reorder", API_PERM_ORDER_REPEAT, .on_loop = api_handle_reorder},
    {"GET", "/api/v1/restaurants/me/orders", API_PERM_ORDER_LIST,
     .on_worker = api_handle_list_orders},
    {"POST", "/api/v1/restaurants/me/orders/search", API_PERM_ORDER_LIST,
     .on_worker = api_handle_search_orders},
    {"POST", "/api/v1/restaurants/me/orders/:id/:step", API_PERM_ORDER_WRITE,
     .on_loop = api_handle_change_order},
    {0},
};
