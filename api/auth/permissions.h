/*
 * Who may do what: one table, role by permission (permissions.c). It answers only whether a role can ever
 * do a thing; whether this restaurant or this order is theirs is the principal's scope (principal.h).
 */
#pragma once
#include <stdbool.h>

#include "shared/jwt.h"

enum api_permission {
    API_PUBLIC = 0,       /* nothing is needed */
    API_PERM_ORDER_READ,  /* one order */
    API_PERM_ORDER_LIST,  /* a restaurant's orders */
    API_PERM_ORDER_WRITE, /* accept, reject, prepare, ready, complete */
    API_PERM_ORDER_CANCEL,
    API_PERM_ORDER_LIST_OWN, /* the orders that a customer has placed */
    API_PERM_ORDER_REPEAT,   /* place an order of one's own again */
    API_PERM_ORDER_TIMELINE, /* what happened to an order, and whom it reached */
    API_PERM_SETTINGS_READ,
    API_PERM_SETTINGS_WRITE,
    API_PERM_DEVICE_LIST,
    API_PERM_TOKEN_REVOKE,      /* end the tokens of a user or a session */
    API_PERM_ESCALATION_MANAGE, /* who is told of orders that wait, and where */
    API_PERM_ACCOUNT,           /* one's own account: profile, sessions, password, second factor */
    API_PERM_MENU_READ, /* a menu as its owner has written it; what can be ordered is public */
    API_PERM_MENU_MANAGE,
    API_PERM_MENU_STOCK,         /* what is sold out, and how much there is */
    API_PERM_AUDIT_READ,         /* what is on record about a restaurant */
    API_PERM_RESTAURANT_OPERATE, /* pause it, say that it is busy */
    API_PERM_STAFF_MANAGE,       /* who works there */
    API_PERM_RESTAURANT_MANAGE,  /* its profile and hours; see how its business is registered */
    API_PERMISSION_COUNT,
};

const char *api_permission_name(enum api_permission permission); /* "order:read" */
bool api_role_has_permission(enum osy_role role, enum api_permission permission);
/* The holder of a tracking token. */
bool api_guest_has_permission(enum api_permission permission);
