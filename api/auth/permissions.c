#include "api/auth/permissions.h"

#include <stddef.h>

/* A row per permission: its name, and who has it. */
static const struct row {
    const char *name;
    bool guest, customer, staff, owner, admin;
} rows[API_PERMISSION_COUNT] = {
    /*                         name            guest  customer staff  owner  admin */
    [API_PUBLIC] = {"public", true, true, true, true, true},
    [API_PERM_ORDER_READ] = {"order:read", true, true, true, true, true},
    [API_PERM_ORDER_LIST] = {"order:list", false, false, true, true, true},
    [API_PERM_ORDER_WRITE] = {"order:write", false, false, true, true, true},
    [API_PERM_ORDER_CANCEL] = {"order:cancel", true, true, true, true, true},
    [API_PERM_ORDER_LIST_OWN] = {"order:list_own", false, true, false, false, false},
    [API_PERM_ORDER_REPEAT] = {"order:repeat", true, true, false, false, false},
    [API_PERM_ORDER_TIMELINE] = {"order:timeline", false, false, true, true, true},
    [API_PERM_SETTINGS_READ] = {"settings:read", false, false, true, true, true},
    [API_PERM_SETTINGS_WRITE] = {"settings:write", false, false, false, true, true},
    [API_PERM_DEVICE_LIST] = {"device:list", false, false, true, true, true},
    [API_PERM_RESTAURANT_OPERATE] = {"restaurant:operate", false, false, true, true, true},
    [API_PERM_STAFF_MANAGE] = {"staff:manage", false, false, false, true, true},
    [API_PERM_RESTAURANT_MANAGE] = {"restaurant:manage", false, false, false, true, true},
    [API_PERM_TOKEN_REVOKE] = {"token:revoke", false, false, false, false, true},
    [API_PERM_ACCOUNT] = {"account:manage", false, true, true, true, true},
    [API_PERM_ESCALATION_MANAGE] = {"escalation:manage", false, false, false, true, true},
    [API_PERM_MENU_READ] = {"menu:read", false, false, true, true, true},
    [API_PERM_MENU_MANAGE] = {"menu:manage", false, false, false, true, true},
    [API_PERM_MENU_STOCK] = {"menu:stock", false, false, true, true, true},
    [API_PERM_AUDIT_READ] = {"audit:read", false, false, false, true, true},
};

const char *api_permission_name(enum api_permission permission)
{
    return rows[permission].name;
}

bool api_role_has_permission(enum osy_role role, enum api_permission permission)
{
    const struct row *row = &rows[permission];
    switch (role) {
    case OSY_ROLE_CUSTOMER: return row->customer;
    case OSY_ROLE_STAFF: return row->staff;
    case OSY_ROLE_OWNER: return row->owner;
    case OSY_ROLE_ADMIN: return row->admin;
    case OSY_ROLE_NONE: break;
    }
    return permission == API_PUBLIC;
}

bool api_guest_has_permission(enum api_permission permission)
{
    return rows[permission].guest;
}
