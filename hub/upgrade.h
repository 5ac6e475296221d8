/*
 * Whether a request may become a socket, and to what. libwebsockets checks little of an upgrade itself
 * (not the method, HTTP version, WebSocket version, key or Host; Connection by prefix; two Origin
 * headers arrive joined), so everything is checked here. Pure functions over header values.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/position.h"
#include "shared/uuid.h"

#define HUB_SUBPROTOCOL "ordersync.v1"

/* What a socket watches. */
struct hub_target {
    enum osy_position_kind kind;   /* of its positions */
    bool is_dashboard;             /* watches the restaurants that it chooses */
    struct osy_uuid restaurant_id; /* nil for a dashboard */
    struct osy_uuid order_id;      /* nil for a restaurant */
};

/* A header's value; NULL when it is absent. A value that was too long to copy is "\x7f", which no rule
 * accepts. */
struct hub_upgrade {
    bool is_get;
    const char *path, *query; /* query without '?'; NULL: none */
    const char *http_version; /* "HTTP/1.1" */
    const char *host, *upgrade, *connection, *key, *version, *protocols, *origin;
    bool has_body; /* Content-Length or Transfer-Encoding */
};

/* A refusal: an HTTP status and a metric's label. */
struct hub_refusal {
    int status;
    const char *reason;
};

/* path: "/ws/restaurants/{rid}/orders" "/ws/orders/{oid}/status" with query
 * "r={rid}", or "/ws/dashboard". */
bool hub_target_parse(const char *path, const char *query, struct hub_target *target);
/* origins: exact ones, comma separated. False and a refusal, or true and the target. */
bool hub_upgrade_check(const struct hub_upgrade *request, const char *origins,
                       struct hub_target *target, struct hub_refusal *refusal);
/* The token of "Bearer <token>" (the scheme in any case); NULL when it is something else. */
const char *hub_bearer_token(const char *authorization);
/* Whether a comma separated list has exactly that token; names of fields in any case when fold. */
bool hub_list_has(const char *list, const char *token, bool fold);
