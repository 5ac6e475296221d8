/*
 * A request for an upgrade, its headers one a line: whatever is accepted is what RFC 6455 section 4.2.1
 * demands, for an allowed origin.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hub/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The next line; NULL (the header is absent) when it is empty or there is none. */
static const char *next_line(char **rest)
{
    char *line = strsep(rest, "\n");
    return line && *line ? line : NULL;
}

static void check(const struct hub_upgrade *request, const struct hub_target *target)
{
    bool is_proper = strcasecmp(request->upgrade, "websocket") == 0 &&
                     strcmp(request->version, "13") == 0 && strlen(request->key) == 24 &&
                     strcasestr(request->connection, "upgrade") &&
                     strstr(request->protocols, HUB_SUBPROTOCOL) && !request->has_body;
    bool is_allowed = !request->origin || strcmp(request->origin, "https://a") == 0 ||
                      strcmp(request->origin, "https://b") == 0;
    bool is_order = target->kind == OSY_POSITION_ORDER;
    if (!is_proper || !is_allowed || is_order != (strncmp(request->path, "/ws/orders/", 11) == 0))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);
    if (!text)
        return 0;
    memcpy(text, bytes, length);
    text[length] = '\0';
    char *rest = text;
    struct hub_upgrade request = {.is_get = true};
    request.path = next_line(&rest);
    request.query = next_line(&rest);
    request.http_version = next_line(&rest);
    request.host = next_line(&rest);
    request.upgrade = next_line(&rest);
    request.connection = next_line(&rest);
    request.key = next_line(&rest);
    request.version = next_line(&rest);
    request.protocols = next_line(&rest);
    request.origin = next_line(&rest);
    const char *authorization = next_line(&rest);

    struct hub_target target;
    struct hub_refusal refusal = {0};
    if (hub_upgrade_check(&request, "https://a,https://b", &target, &refusal))
        check(&request, &target);
    else if (refusal.status < 400 || !refusal.reason)
        __builtin_trap();
    if (authorization)
        (void)hub_bearer_token(authorization);
    free(text);
    return 0;
}
