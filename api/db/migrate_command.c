/* `ordersync-api migrate`: brings the database's schema up to date, or tells what is missing. */
#include <stdio.h>
#include <string.h>

#include "api/command.h"
#include "api/config.h"
#include "api/db/migrate.h"
#include "api/main.h"
#include "shared/pg.h"

static const char usage[] =
    "Usage: ordersync-api migrate [--status]\n\n"
    "Applies the migrations that ORDERSYNC_DATABASE_URL lacks, each in a transaction.\n"
    "  --status  change nothing: list all; exit 1 when some are pending\n"
    "  --help    this text\n";

static void print_applied(void *context, const char *name, enum api_migration_state state)
{
    (void)context;
    if (state == API_MIGRATION_PENDING)
        printf("applying %s\n", name);
    fflush(stdout);
}

static void print_state(void *context, const char *name, enum api_migration_state state)
{
    (void)context;
    printf("%-8s %s\n", state == API_MIGRATION_APPLIED ? "applied" : "pending", name);
}

static int run(struct osy_pg *pg, bool status_only)
{
    struct osy_error err = {0};
    size_t count = 0;
    bool ok = status_only ? api_migrate_status(pg, print_state, NULL, &count, &err)
                          : api_migrate(pg, print_applied, NULL, &count, &err);
    if (!ok) {
        fprintf(stderr, "ordersync-api migrate: %s\n", err.message);
        return 1;
    }
    if (status_only)
        return count > 0;
    printf("%zu applied; the schema is up to date\n", count);
    return 0;
}

int api_migrate_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    bool status_only = argc == 2 && strcmp(argv[1], "--status") == 0;
    if (api_command_helps(argc, argv, usage))
        return 0;
    if (argc > 1 && !status_only) {
        fputs(usage, stderr);
        return 2;
    }
    if (!api_config_load(&config, API_CONFIG_DATABASE, &err)) {
        fprintf(stderr, "ordersync-api migrate: %s\n", err.message);
        return 2;
    }
    struct osy_pg *pg = osy_pg_create(&(struct osy_pg_options){
        .url = config.database_url, .application_name = "ordersync-migrate"});
    int exit_code = run(pg, status_only);
    osy_pg_destroy(pg);
    api_config_deinit(&config);
    return exit_code;
}
