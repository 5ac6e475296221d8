/* `ordersync-api token`: prints signed tokens, for tests, load and the first minutes of an installation. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/command.h"
#include "api/config.h"
#include "api/main.h"
#include "embedded/api_core.h"
#include "shared/clock.h"
#include "shared/jwt.h"
#include "shared/keys.h"
#include "shared/pg.h"
#include "shared/tracking_token.h"

#define TTL_S_DEFAULT 3600
#define COUNT_MAX     1000000

static const char usage[] =
    "Usage: ordersync-api token --role ROLE [--restaurant ID]... [--subject ID] [--session ID]\n"
    "                           [--ttl SECONDS] [--count N]\n"
    "       ordersync-api token --role ROLE --each [--ttl SECONDS] < IDS\n"
    "       ordersync-api token --order ID [--restaurant ID]\n"
    "\n"
    "Prints access tokens, one per line, or the tracking token of an order.\n"
    "\n"
    "  --role ROLE      customer, staff, owner or admin\n"
    "  --restaurant ID  what staff and owners may see, repeatable; with --order: spares the look-up\n"
    "  --subject ID     the user; a random one for each token otherwise\n"
    "  --session ID     the login session, so that it can be revoked by itself; none otherwise\n"
    "  --ttl SECONDS    until the token ends (3600; at most 30 days)\n"
    "  --count N        how many tokens (1)\n"
    "  --each           a token for each line of standard input, with the restaurants that stand there\n"
    "  --order ID       the tracking token of this order; the database knows its restaurant\n"
    "\n"
    "Uses ORDERSYNC_KEYS_DIR, and for the look-up ORDERSYNC_DATABASE_URL.\n";

struct token_options {
    struct osy_claims claims; /* role, restaurants */
    bool has_subject, has_order, is_each;
    struct osy_uuid order_id;
    int64_t ttl_s, count;
};

static bool parse_uuid(const char *option, const char *text, struct osy_uuid *uuid,
                       struct osy_error *err)
{
    if (osy_uuid_parse(text, strlen(text), uuid))
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "--%s must be a UUID", option);
}

static bool parse_number(const char *option, const char *text, int64_t most, int64_t *number,
                         struct osy_error *err)
{
    char *end;
    *number = strtoll(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && *number >= 1 && *number <= most)
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "--%s must be a number from 1 to %" PRId64, option,
                         most);
}

static bool add_restaurant(struct osy_claims *claims, const char *text, struct osy_error *err)
{
    if (claims->restaurant_count == OSY_JWT_RESTAURANTS_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "at most %d restaurants",
                             OSY_JWT_RESTAURANTS_MAX);
    return parse_uuid("restaurant", text, &claims->restaurants[claims->restaurant_count++], err);
}

static bool take_option(int option, const char *value, struct token_options *options,
                        struct osy_error *err)
{
    switch (option) {
    case 'r':
        if (osy_role_parse(value, &options->claims.role))
            return true;
        return osy_error_set(err, OSY_ERR_INVALID,
                             "--role must be customer, staff, owner or admin");
    case 'R': return add_restaurant(&options->claims, value, err);
    case 's':
        options->has_subject = true;
        return parse_uuid("subject", value, &options->claims.subject, err);
    case 'S': return parse_uuid("session", value, &options->claims.session_id, err);
    case 't': return parse_number("ttl", value, OSY_JWT_LIFE_MAX_S, &options->ttl_s, err);
    case 'n': return parse_number("count", value, COUNT_MAX, &options->count, err);
    case 'e': options->is_each = true; return true;
    case 'o': options->has_order = true; return parse_uuid("order", value, &options->order_id, err);
    default: return osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api token --help");
    }
}

static bool check_options(const struct token_options *options, struct osy_error *err)
{
    const struct osy_claims *claims = &options->claims;
    bool has_role = claims->role != OSY_ROLE_NONE;

    if (has_role == options->has_order)
        return osy_error_set(err, OSY_ERR_INVALID, "either --role or --order is needed");
    if (options->has_order && claims->restaurant_count > 1)
        return osy_error_set(err, OSY_ERR_INVALID, "an order has one restaurant");
    if (options->is_each && (options->has_order || claims->restaurant_count > 0))
        return osy_error_set(err, OSY_ERR_INVALID, "--each takes restaurants from standard input");
    if ((claims->role == OSY_ROLE_STAFF || claims->role == OSY_ROLE_OWNER) &&
        claims->restaurant_count == 0 && !options->is_each)
        return osy_error_set(err, OSY_ERR_INVALID, "--restaurant is needed for this role");
    return true;
}

static bool parse_options(int argc, char **argv, struct token_options *options,
                          struct osy_error *err)
{
    static const struct option known[] = {
        {"role", required_argument, NULL, 'r'},
        {"restaurant", required_argument, NULL, 'R'},
        {"subject", required_argument, NULL, 's'},
        {"session", required_argument, NULL, 'S'},
        {"ttl", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'n'},
        {"order", required_argument, NULL, 'o'},
        {"each", no_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct token_options){.ttl_s = TTL_S_DEFAULT, .count = 1};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!take_option(option, optarg, options, err))
            return false;
    }
    if (optind < argc)
        return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[optind]);
    return check_options(options, err);
}

static bool print_access_tokens(const struct osy_keyring *keyring, struct token_options *options,
                                struct osy_error *err)
{
    struct osy_claims *claims = &options->claims;

    claims->issued_at_s = osy_clock_wall_ms() / 1000;
    claims->not_before_s = claims->issued_at_s;
    claims->expires_at_s = claims->issued_at_s + options->ttl_s;
    for (int64_t i = 0; i < options->count; i++) {
        char *token;
        if (!options->has_subject)
            claims->subject = osy_uuid_v7();
        claims->token_id = osy_uuid_v4();
        token = osy_jwt_sign(keyring, claims, err);
        if (!token)
            return false;
        puts(token);
        free(token);
    }
    return true;
}

/* Loading the keys costs more than signing with them: whoever needs thousands of tokens asks once. */
static bool print_token_of_each_line(const struct osy_keyring *keyring,
                                     struct token_options *options, struct osy_error *err)
{
    struct osy_claims *claims = &options->claims;
    char *line = NULL;
    size_t size = 0, number = 0;
    bool ok = true;

    while (ok && getline(&line, &size, stdin) >= 0) {
        char *rest = NULL;
        number++;
        claims->restaurant_count = 0;
        for (char *id = strtok_r(line, " \n", &rest); ok && id; id = strtok_r(NULL, " \n", &rest))
            ok = add_restaurant(claims, id, err);
        if (ok && claims->restaurant_count == 0)
            ok = osy_error_set(err, OSY_ERR_INVALID, "no restaurant");
        ok = ok ? print_access_tokens(keyring, options, err)
                : osy_error_prefix(err, "line %zu", number);
    }
    free(line);
    return ok;
}

static bool find_restaurant(const char *database_url, const struct osy_uuid *order_id,
                            struct osy_uuid *restaurant_id, struct osy_error *err)
{
    const struct osy_pg_options pg_options = {.url = database_url,
                                              .application_name = "ordersync-api token"};
    struct osy_pg *pg = osy_pg_create(&pg_options);
    char order_text[OSY_UUID_TEXT_BYTES];
    const char *const values[] = {order_text};
    PGresult *result;
    bool ok = false;

    osy_uuid_format(order_id, order_text);
    result = osy_pg_query(pg, sql_find_order_restaurant, 1, values, err);
    if (result && PQntuples(result) == 1)
        ok = osy_uuid_parse(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0),
                            restaurant_id);
    else if (result)
        osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no order %s", order_text);
    PQclear(result);
    osy_pg_destroy(pg);
    return ok;
}

static bool print_tracking_token(const struct osy_keyring *keyring, const char *database_url,
                                 const struct token_options *options, struct osy_error *err)
{
    char token[OSY_TRACKING_TOKEN_BYTES];
    struct osy_uuid restaurant_id = options->claims.restaurants[0];

    if (options->claims.restaurant_count == 0) {
        if (!*database_url)
            return osy_error_set(err, OSY_ERR_INVALID,
                                 "ORDERSYNC_DATABASE_URL or --restaurant is needed");
        if (!find_restaurant(database_url, &options->order_id, &restaurant_id, err))
            return false;
    }
    osy_tracking_sign(keyring, &restaurant_id, &options->order_id, token);
    puts(token);
    return true;
}

static bool run(const struct api_config *config, struct token_options *options,
                struct osy_error *err)
{
    unsigned want = options->has_order ? OSY_KEYS_TRACKING : OSY_KEYS_JWT_PRIVATE;
    struct osy_keyring *keyring = osy_keyring_load(config->keys_dir, want, err);
    bool ok;

    if (!keyring)
        return false;
    if (options->has_order)
        ok = print_tracking_token(keyring, config->database_url, options, err);
    else if (options->is_each)
        ok = print_token_of_each_line(keyring, options, err);
    else
        ok = print_access_tokens(keyring, options, err);
    osy_keyring_destroy(keyring);
    return ok;
}

int api_token_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct token_options options;
    struct osy_error err = {0};
    bool ok;

    if (api_command_helps(argc, argv, usage))
        return 0;
    ok = parse_options(argc, argv, &options, &err) &&
         api_config_load(&config, API_CONFIG_KEYS, &err) && run(&config, &options, &err);
    api_config_deinit(&config);
    return api_command_end("token", ok, &err);
}
