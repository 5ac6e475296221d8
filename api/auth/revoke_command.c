/* `ordersync-api revoke`: ends the sessions and access tokens of a user, or one session. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/revocation.h"
#include "api/auth/session.h"
#include "api/command.h"
#include "api/config.h"
#include "api/db/scope.h"
#include "api/main.h"
#include "api/privacy/keyring.h"
#include "api/text.h"
#include "shared/alloc.h"
#include "shared/json.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

#define REDIS_TIMEOUT_MS 2000

static const char usage[] =
    "Usage: ordersync-api revoke --user ID | --session ID [--reason TEXT]\n"
    "\n"
    "Ends the user's sessions and the access tokens issued until now, or one session with all its tokens: hubs\n"
    "close their sockets, APIs answer 401, and nothing of it can be refreshed. Prints the moment. The user may\n"
    "sign in again a second later.\n"
    "\n"
    "  --user ID      the tokens' `sub`\n"
    "  --session ID   the tokens' `sid`\n"
    "  --reason TEXT  kept with the revocation, at most 200 characters\n"
    "\n"
    "Uses ORDERSYNC_DATABASE_URL, ORDERSYNC_KEYS_DIR and ORDERSYNC_REDIS_URL or ORDERSYNC_REDIS_URLS.\n";

struct revoke_options {
    struct osy_revocation what;
    bool has_target;
    const char *reason; /* borrowed from argv */
};

static bool take_target(enum osy_revocation_kind kind, const char *text,
                        struct revoke_options *options, struct osy_error *err)
{
    if (options->has_target)
        return osy_error_set(err, OSY_ERR_INVALID, "only one of --user and --session, once");
    options->has_target = true;
    options->what.kind = kind;
    return (osy_uuid_parse(text, strlen(text), &options->what.id) &&
            !osy_uuid_is_nil(&options->what.id)) ||
           osy_error_set(err, OSY_ERR_INVALID, "--%s must be a UUID, and not the nil one",
                         osy_revocation_kind_name(kind));
}

static bool parse_options(int argc, char **argv, struct revoke_options *options,
                          struct osy_error *err)
{
    static const struct option known[] = {
        {"user", required_argument, NULL, 'u'},
        {"session", required_argument, NULL, 's'},
        {"reason", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct revoke_options){0};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'r')
            options->reason = optarg;
        else if (option != 'u' && option != 's')
            return osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api revoke --help");
        else if (!take_target(option == 'u' ? OSY_REVOCATION_USER : OSY_REVOCATION_SESSION, optarg,
                              options, err))
            return false;
    }
    if (optind < argc)
        return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[optind]);
    return options->has_target ||
           osy_error_set(err, OSY_ERR_INVALID, "--user or --session is needed");
}

/* The rules for text are those of the API, and so is the code: the reason goes through it as JSON would.
 * *reason is to be freed; NULL when none was given. */
static bool read_reason(const char *given, char **reason, struct osy_error *err)
{
    const char *checked = NULL;
    struct api_text text;
    const struct osy_json_field fields[] = {
        {"--reason", OSY_JSON_STRING, false, 1, API_REVOCATION_REASON_MAX, &checked},
        {0},
    };
    if (!given)
        return true;
    json_t *root = json_pack("{s:s}", "--reason", given);
    if (!root)
        return osy_error_set(err, OSY_ERR_INVALID, "--reason must be valid UTF-8");
    bool ok = osy_json_read(root, "", fields, err) &&
              api_text_trim("--reason", checked, API_TEXT_ONE_LINE, &text, err);
    if (ok)
        *reason = osy_strndup(text.bytes, text.length);
    json_decref(root);
    return ok;
}

/* It holds without the announcement: that costs seconds. */
static void announce(const char *servers, const struct api_revocation *revocation,
                     const struct api_sessions_ended *ended)
{
    struct osy_error err = {0};
    struct osy_redis_blocking_shards *redis =
        osy_redis_blocking_shards_create(servers, REDIS_TIMEOUT_MS, &err);
    if (!redis || !api_revocation_announce(redis, revocation, &err))
        fprintf(stderr,
                "ordersync-api revoke: recorded, but not announced (%s): it takes effect within "
                "seconds instead of at once\n",
                err.message);
    else
        api_session_announce(redis, ended);
    osy_redis_blocking_shards_destroy(redis);
}

static bool run(const struct api_config *config, const struct revoke_options *options,
                struct osy_error *err)
{
    struct api_revocation revocation = {.what = options->what};
    char *reason = NULL;
    if (!read_reason(options->reason, &reason, err))
        return false;
    struct osy_keyring *keyring = api_keyring_load(config, OSY_KEYS_DATA, err); /* for the record */
    if (!keyring) {
        free(reason);
        return false;
    }
    revocation.reason = reason;
    struct osy_pg *pg = osy_pg_create(&(struct osy_pg_options){
        .url = config->database_url, .application_name = "ordersync-api revoke"});
    const struct api_db_scope scope = {.actor_role = "operator"};
    struct api_sessions_ended ended;
    bool ok = api_db_begin(pg, &scope, err) &&
              api_session_revoke(pg, keyring, &scope, &revocation, &ended, err) &&
              api_db_commit(pg, err);
    osy_pg_destroy(pg);
    osy_keyring_destroy(keyring);
    free(reason);
    if (!ok)
        return false;
    puts(revocation.revoked_at);
    announce(config->redis, &revocation, &ended);
    return true;
}

int api_revoke_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct revoke_options options;
    struct osy_error err = {0};
    bool ok;

    if (api_command_helps(argc, argv, usage))
        return 0;
    ok = parse_options(argc, argv, &options, &err) &&
         api_config_load(&config, API_CONFIG_DATABASE | API_CONFIG_KEYS | API_CONFIG_REDIS, &err) &&
         run(&config, &options, &err);
    api_config_deinit(&config);
    return api_command_end("revoke", ok, &err);
}
