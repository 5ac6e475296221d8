/* `ordersync-api privacy`: erases people and orders, and looks after what is kept of them (api/privacy/erasure.h). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/revocation.h"
#include "api/command.h"
#include "api/config.h"
#include "api/db/scope.h"
#include "api/main.h"
#include "api/privacy/erasure.h"
#include "api/privacy/keyring.h"
#include "api/privacy/statutory_record.h"
#include "embedded/api_core.h"
#include "shared/keys.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

#define REDIS_TIMEOUT_MS 2000
#define PURGE_CHUNK      1000
#define PURGE_CHUNK_TEXT "1000"

static const char usage[] =
    "Usage: ordersync-api privacy erase --user ID --yes    erase a customer: account, orders, key\n"
    "       ordersync-api privacy erase --order ID --yes   erase one order, a guest's or a customer's\n"
    "       ordersync-api privacy record --order ID        print what is kept of an erased order\n"
    "       ordersync-api privacy purge                    end the records whose time is over\n"
    "\n"
    "Erasing cannot be undone: the key is destroyed, and backups do not bring it back to life but with the row that\n"
    "had it. Who ordered and where it went is kept for ORDERSYNC_STATUTORY_DAYS, for administrators alone, and looking\n"
    "at it is recorded. Orders that somebody still works on are not erased. The worker purges, too.\n"
    "\n"
    "Uses ORDERSYNC_DATABASE_URL, ORDERSYNC_KEYS_DIR, and ORDERSYNC_REDIS_URL or ORDERSYNC_REDIS_URLS.\n";

struct privacy_options {
    const char *verb;
    bool is_user, is_order, is_sure;
    struct osy_uuid id;
};

struct tools {
    const struct api_config *config;
    struct osy_keyring *keyring;
    struct osy_pg *pg;
    struct api_db_scope scope;
};

/* ---- the command line ---- */

static bool take_id(const char *name, const char *text, bool *is_it,
                    struct privacy_options *options, struct osy_error *err)
{
    if (options->is_user || options->is_order)
        return osy_error_set(err, OSY_ERR_INVALID, "only one of --user and --order, once");
    *is_it = true;
    return osy_uuid_parse(text, strlen(text), &options->id) ||
           osy_error_set(err, OSY_ERR_INVALID, "--%s must be a UUID", name);
}

static bool check_options(const struct privacy_options *options, struct osy_error *err)
{
    bool has_id = options->is_user || options->is_order;
    if (strcmp(options->verb, "purge") == 0)
        return !has_id || osy_error_set(err, OSY_ERR_INVALID, "purge takes no --user or --order");
    if (strcmp(options->verb, "record") == 0)
        return options->is_order || osy_error_set(err, OSY_ERR_INVALID, "--order is needed");
    if (strcmp(options->verb, "erase") != 0)
        return osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api privacy --help");
    if (!has_id)
        return osy_error_set(err, OSY_ERR_INVALID, "--user or --order is needed");
    return options->is_sure ||
           osy_error_set(err, OSY_ERR_INVALID, "it cannot be undone: say --yes as well");
}

static bool parse_options(int argc, char **argv, struct privacy_options *options,
                          struct osy_error *err)
{
    static const struct option known[] = {
        {"user", required_argument, NULL, 'u'},
        {"order", required_argument, NULL, 'o'},
        {"yes", no_argument, NULL, 'y'},
        {NULL, 0, NULL, 0},
    };
    int option;
    *options = (struct privacy_options){.verb = argc > 1 ? argv[1] : ""};
    opterr = 0;
    while ((option = getopt_long(argc - 1, argv + 1, "", known, NULL)) != -1) {
        bool ok = option == 'y';
        if (option == 'y')
            options->is_sure = true;
        else if (option == 'u')
            ok = take_id("user", optarg, &options->is_user, options, err);
        else if (option == 'o')
            ok = take_id("order", optarg, &options->is_order, options, err);
        else
            osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api privacy --help");
        if (!ok)
            return false;
    }
    if (optind + 1 < argc)
        return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[optind + 1]);
    return check_options(options, err);
}

/* ---- the verbs ---- */

/* It holds without the announcement: that costs seconds. */
static void announce(const char *servers, const struct osy_uuid *user_id,
                     const struct api_erased *erased)
{
    const struct api_revocation revocation = {
        .what = {OSY_REVOCATION_USER, *user_id, erased->revoked_at_s}};
    struct osy_error err = {0};
    struct osy_redis_blocking_shards *redis =
        osy_redis_blocking_shards_create(servers, REDIS_TIMEOUT_MS, &err);
    if (!redis || !api_revocation_announce(redis, &revocation, &err))
        fprintf(stderr,
                "ordersync-api privacy: erased, but not announced (%s): tokens end within seconds "
                "instead of at once\n",
                err.message);
    osy_redis_blocking_shards_destroy(redis);
}

static bool run_erase(const struct tools *tools, const struct privacy_options *options,
                      struct osy_error *err)
{
    const struct api_erasure how = {.keyring = tools->keyring,
                                    .scope = &tools->scope,
                                    .statutory_days = tools->config->statutory_days};
    struct api_erased erased;
    bool ok = options->is_user ? api_erase_user(tools->pg, &how, &options->id, &erased, err)
                               : api_erase_order(tools->pg, &how, &options->id, &erased, err);
    if (!ok)
        return false;
    printf("erased: %zu order%s\n", erased.orders, erased.orders == 1 ? "" : "s");
    if (options->is_user)
        announce(tools->config->redis, &options->id, &erased);
    return true;
}

static bool print_record(const struct tools *tools, const struct osy_uuid *order_id,
                         const PGresult *row, struct osy_error *err)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    bool ok = api_statutory_open(tools->keyring, order_id, row, 0, 4, 5, &json, err);
    if (ok)
        printf("{\"restaurant_id\":\"%s\",\"user_id\":%s%s%s,\"ordered_at\":\"%s\","
               "\"keep_until\":\"%s\",\"customer\":%s}\n",
               PQgetvalue(row, 0, 0), PQgetisnull(row, 0, 1) ? "null" : "\"", PQgetvalue(row, 0, 1),
               PQgetisnull(row, 0, 1) ? "" : "\"", PQgetvalue(row, 0, 2), PQgetvalue(row, 0, 3),
               json.bytes);
    osy_buffer_wipe(&json);
    return ok;
}

static bool run_record(const struct tools *tools, const struct privacy_options *options,
                       struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&options->id, id);
    PGresult *row =
        api_db_query(tools->pg, &tools->scope, sql_find_record, 1, (const char *const[]){id}, err);
    bool ok = row != NULL;
    if (ok && PQntuples(row) == 0)
        ok = osy_error_set(err, OSY_ERR_NOT_FOUND, "nothing is kept of such an order");
    ok = ok && print_record(tools, &options->id, row, err);
    PQclear(row);
    return ok;
}

static bool run_purge(const struct tools *tools, struct osy_error *err)
{
    long ended = 0, count = PURGE_CHUNK;
    while (count == PURGE_CHUNK) {
        PGresult *result = api_db_query(tools->pg, &tools->scope, sql_delete_old_records, 1,
                                        (const char *const[]){PURGE_CHUNK_TEXT}, err);
        if (!result)
            return false;
        count = strtol(PQcmdTuples(result), NULL, 10);
        ended += count;
        PQclear(result);
    }
    printf("ended: %ld record%s\n", ended, ended == 1 ? "" : "s");
    return true;
}

static bool run(const struct api_config *config, const struct privacy_options *options,
                struct osy_error *err)
{
    struct tools tools = {.config = config, .scope = {.actor_role = "operator"}};
    bool ok = false;
    tools.keyring = api_keyring_load(config, OSY_KEYS_DATA, err);
    if (!tools.keyring)
        return false;
    tools.pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                      .application_name = "ordersync-api privacy"});
    if (strcmp(options->verb, "erase") == 0)
        ok = run_erase(&tools, options, err);
    else if (strcmp(options->verb, "record") == 0)
        ok = run_record(&tools, options, err);
    else
        ok = run_purge(&tools, err);
    osy_pg_destroy(tools.pg);
    osy_keyring_destroy(tools.keyring);
    return ok;
}

int api_privacy_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct privacy_options options;
    struct osy_error err = {0};
    bool ok;

    if (api_command_helps(argc, argv, usage))
        return 0;
    ok = parse_options(argc, argv, &options, &err) &&
         api_config_load(&config, API_CONFIG_DATABASE | API_CONFIG_REDIS | API_CONFIG_KEYS, &err) &&
         run(&config, &options, &err);
    api_config_deinit(&config);
    return api_command_end("privacy", ok, &err);
}
