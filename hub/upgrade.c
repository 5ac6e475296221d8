#include "hub/upgrade.h"

#include <string.h>
#include <strings.h>

static bool take_prefix(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool take_uuid(const char **text, struct osy_uuid *uuid)
{
    size_t length = OSY_UUID_TEXT_BYTES - 1;
    if (strnlen(*text, length) < length || !osy_uuid_parse(*text, length, uuid))
        return false;
    *text += length;
    return true;
}

static bool parse_restaurant_path(const char *path, const char *query, struct hub_target *target)
{
    return !query && take_prefix(&path, "/ws/restaurants/") &&
           take_uuid(&path, &target->restaurant_id) && strcmp(path, "/orders") == 0;
}

static bool parse_order_path(const char *path, const char *query, struct hub_target *target)
{
    return query && take_prefix(&path, "/ws/orders/") && take_uuid(&path, &target->order_id) &&
           strcmp(path, "/status") == 0 && take_prefix(&query, "r=") &&
           take_uuid(&query, &target->restaurant_id) && *query == '\0';
}

bool hub_target_parse(const char *path, const char *query, struct hub_target *target)
{
    *target = (struct hub_target){0};
    if (!query && strcmp(path, "/ws/dashboard") == 0) {
        target->kind = OSY_POSITION_RESTAURANT;
        target->is_dashboard = true;
        return true;
    }
    if (parse_restaurant_path(path, query, target)) {
        target->kind = OSY_POSITION_RESTAURANT;
        return true;
    }
    if (parse_order_path(path, query, target)) {
        target->kind = OSY_POSITION_ORDER;
        return true;
    }
    return false;
}

bool hub_list_has(const char *list, const char *token, bool fold)
{
    size_t token_length = strlen(token);
    while (*list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, ",");
        size_t trimmed = length;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        bool same = trimmed == token_length && (fold ? strncasecmp(list, token, token_length) == 0
                                                     : memcmp(list, token, token_length) == 0);
        if (same)
            return true;
        list += length;
    }
    return false;
}

/* 16 random bytes in base64: 24 characters, the last two '='. */
static bool is_websocket_key(const char *key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == 24 && strspn(key, alphabet) == 22 && strcmp(key + 22, "==") == 0;
}

/* An origin with a comma is two headers that libwebsockets joined, and matches no single entry. */
static bool is_allowed_origin(const char *origin, const char *origins)
{
    return *origin != '\0' && !strchr(origin, ',') && hub_list_has(origins, origin, false);
}

static bool refuse(struct hub_refusal *refusal, int status, const char *reason)
{
    *refusal = (struct hub_refusal){status, reason};
    return false;
}

bool hub_upgrade_check(const struct hub_upgrade *request, const char *origins,
                       struct hub_target *target, struct hub_refusal *refusal)
{
    if (!request->is_get)
        return refuse(refusal, 405, "method");
    if (!request->path || !hub_target_parse(request->path, request->query, target))
        return refuse(refusal, 404, "path");
    if (!request->upgrade || strcasecmp(request->upgrade, "websocket") != 0)
        return refuse(refusal, 426, "no_upgrade");
    if (!request->version || strcmp(request->version, "13") != 0)
        return refuse(refusal, 426, "version");
    bool malformed = !request->http_version || strcmp(request->http_version, "HTTP/1.1") != 0 ||
                     !request->host || *request->host == '\0' || strchr(request->host, ',') ||
                     !request->key || !is_websocket_key(request->key) || !request->connection ||
                     !hub_list_has(request->connection, "upgrade", true) || request->has_body;
    if (malformed)
        return refuse(refusal, 400, "malformed");
    if (!request->protocols || !hub_list_has(request->protocols, HUB_SUBPROTOCOL, false))
        return refuse(refusal, 400, "subprotocol");
    if (request->origin && !is_allowed_origin(request->origin, origins))
        return refuse(refusal, 403, "origin");
    return true;
}

const char *hub_bearer_token(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *token = authorization + sizeof scheme - 1;
    return token + strspn(token, " ");
}
