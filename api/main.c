/* ordersync-api: finds the subcommand. argv[0] of a subcommand is its own name. */
#include "api/main.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shared/bug.h"
#include "shared/failpoint.h"

static int list_failpoints(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    osy_failpoints_print(stdout);
    osy_bugs_print(stdout);
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", api_serve_main, "answer HTTP requests"},
    {"work", api_work_main, "run background work: reconciler, partitions, expiry"},
    {"migrate", api_migrate_main, "bring the database's schema up to date"},
    {"seed", api_seed_main, "add the demo restaurant, or many for load tests"},
    {"token", api_token_main, "print signed tokens"},
    {"revoke", api_revoke_main, "end the tokens of a user or a session"},
    {"users", api_users_main, "make, list and change accounts"},
    {"routes", api_routes_main, "print the table of routes"},
    {"audit", api_audit_main, "verify the audit log"},
    {"keys", api_keys_main, "make and list keys"},
    {"privacy", api_privacy_main, "erase people and orders, and what is kept of them in time"},
    {"failpoints", list_failpoints, "list the places where tests can make it fail"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: ordersync-api COMMAND [--help]\n"
                 "       ordersync-api --help | --version\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s  %s\n", commands[i].name, commands[i].help);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("ordersync-api %s\n", ORDERSYNC_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (*name)
        fprintf(stderr, "ordersync-api: unknown command '%s'\n\n", name);
    print_usage(stderr);
    return 2;
}
