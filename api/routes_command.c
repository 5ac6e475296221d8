/* `ordersync-api routes`: which routes there are, and what each needs: for people, and for the test that asks them all. */
#include <stdio.h>
#include <string.h>

#include "api/command.h"
#include "api/main.h"
#include "api/routes.h"
#include "shared/buffer.h"

static const char usage[] =
    "Usage: ordersync-api routes [--json]\n\n"
    "Prints each route with the permission that it needs and the roles that have it.\n"
    "  --json  as JSON: {\"routes\":[{\"method\":...,\"path\":...,\"permission\":...,\"roles\":[...]},...]}\n"
    "  --help  this text\n";

/* Calls each with the name of a role that has the permission; a guest is the holder of a tracking token. */
static void append_roles(struct osy_buffer *out, enum api_permission permission, const char *quote,
                         const char *separator)
{
    const char *between = "";
    for (enum osy_role role = OSY_ROLE_CUSTOMER; role <= OSY_ROLE_ADMIN; role++) {
        if (!api_role_has_permission(role, permission))
            continue;
        osy_buffer_texts(out, between, quote, osy_role_name(role), quote, NULL);
        between = separator;
    }
    if (api_guest_has_permission(permission))
        osy_buffer_texts(out, between, quote, "guest", quote, NULL);
}

static void append_json(struct osy_buffer *out, const struct api_route *route)
{
    osy_buffer_texts(out, out->length > 0 ? "," : "", "{\"method\":\"", route->method,
                     "\",\"path\":\"", route->path, "\",\"permission\":\"",
                     api_permission_name(route->needs), "\",\"roles\":[", NULL);
    append_roles(out, route->needs, "\"", ",");
    osy_buffer_text(out, "]}");
}

static void append_line(struct osy_buffer *out, const struct api_route *route)
{
    osy_buffer_printf(out, "%-6s %-50s %-20s ", route->method, route->path,
                      api_permission_name(route->needs));
    append_roles(out, route->needs, "", " ");
    osy_buffer_char(out, '\n');
}

int api_routes_main(int argc, char **argv)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (api_command_helps(argc, argv, usage))
        return 0;
    if (argc > 1 && !is_json) {
        fputs(usage, stderr);
        return 2;
    }
    for (size_t i = 0; api_route_tables[i]; i++) {
        for (const struct api_route *route = api_route_tables[i]; route->path; route++)
            is_json ? append_json(&out, route) : append_line(&out, route);
    }
    printf(is_json ? "{\"routes\":[%s]}\n" : "%s", out.bytes);
    osy_buffer_deinit(&out);
    return 0;
}
