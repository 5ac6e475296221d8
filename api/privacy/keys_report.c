#include "api/privacy/keys_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/config.h"
#include "api/privacy/keyring.h"
#include "api/privacy/wrapped_columns.h"
#include "shared/alloc.h"
#include "shared/keys.h"
#include "shared/pg.h"

enum { STATEMENT_TIMEOUT_MS = 3600 * 1000 }; /* counting goes through whole tables */

struct tools {
    struct osy_keyring *keyring;
    struct osy_pg *pg;
};

/* A value encrypted anew does not wait for the disk: to lose the last of them costs doing them again. */
static bool open_tools(const struct api_config *config, struct tools *tools, struct osy_error *err)
{
    tools->keyring = api_keyring_load(config, OSY_KEYS_DATA, err);
    if (!tools->keyring)
        return false;
    tools->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                       .application_name = "ordersync-api keys",
                                                       .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                                       .settings = "-c synchronous_commit=off"});
    return true;
}

static void close_tools(struct tools *tools)
{
    osy_pg_destroy(tools->pg);
    osy_keyring_destroy(tools->keyring);
}

/*
 * Sees to it that all that was committed so far is on the disk: a commit that waits for it, and with it for everything
 * before. Whoever is told that a key has nothing left deletes it, and no crash may bring a value of it back.
 */
static bool make_durable(struct osy_pg *pg, struct osy_error *err)
{
    PGresult *row = osy_pg_query(pg,
                                 "SELECT set_config('synchronous_commit', 'on', true),"
                                 " pg_logical_emit_message(true, 'ordersync', '')",
                                 0, NULL, err);
    PQclear(row);
    return row != NULL;
}

/* ---- status ---- */

struct usage {
    const struct osy_keyring *keyring;
    size_t key_count;
    int64_t *values, *fixed; /* owned; by key */
    int64_t lost;            /* values whose key is not there */
};

static void add_usage(void *context, const char *kid, int64_t values, bool is_fixed)
{
    struct usage *usage = context;
    const struct osy_key *key = NULL;
    for (size_t i = 0; i < usage->key_count; i++) {
        key = osy_keyring_at(usage->keyring, OSY_KEY_DATA, i);
        if (strcmp(key->kid, kid) != 0)
            continue;
        *(is_fixed ? &usage->fixed[i] : &usage->values[i]) += values;
        return;
    }
    usage->lost += values;
}

/* "12 d", by the moment that a kid of ours begins with. */
static void print_age(const struct osy_key *key)
{
    struct tm utc = {0};
    if (strptime(key->kid, "%Y%m%d%H%M%S", &utc))
        printf("%6" PRId64 " d", ((int64_t)time(NULL) - (int64_t)timegm(&utc)) / (24 * 3600));
    else
        printf("%8s", "?");
}

static const char *next_step(const struct usage *usage, size_t i, size_t active)
{
    if (i == active)
        return "active";
    if (usage->values[i] > 0)
        return "retired: run `ordersync-api keys rewrap`";
    if (usage->fixed[i] > 0)
        return "retired: keep it until what cannot be encrypted anew is gone";
    return "retired, not needed any more: its file may be deleted";
}

static void print_usage(const struct usage *usage)
{
    const struct osy_key *active = osy_keyring_active(usage->keyring, OSY_KEY_DATA);
    size_t active_at = 0;
    for (size_t i = 0; i < usage->key_count; i++)
        if (osy_keyring_at(usage->keyring, OSY_KEY_DATA, i) == active)
            active_at = i;
    printf("%-20s %8s %12s %12s  %s\n", "data key", "age", "values", "fixed", "next");
    for (size_t i = 0; i < usage->key_count; i++) {
        const struct osy_key *key = osy_keyring_at(usage->keyring, OSY_KEY_DATA, i);
        printf("%-20s ", key->kid);
        print_age(key);
        printf(" %12" PRId64 " %12" PRId64 "  %s\n", usage->values[i], usage->fixed[i],
               next_step(usage, i, active_at));
    }
    if (usage->lost > 0)
        printf("%" PRId64 " values are under keys that are not in the folder\n", usage->lost);
}

bool api_keys_status(const struct api_config *config, struct osy_error *err)
{
    struct tools tools = {0};
    struct usage usage = {0};
    if (!open_tools(config, &tools, err))
        return false;
    usage.keyring = tools.keyring;
    usage.key_count = osy_keyring_count(tools.keyring, OSY_KEY_DATA);
    usage.values = osy_alloc_array(usage.key_count, sizeof *usage.values);
    usage.fixed = osy_alloc_array(usage.key_count, sizeof *usage.fixed);
    bool ok =
        api_wrapped_columns_count(tools.pg, add_usage, &usage, err) && make_durable(tools.pg, err);
    if (ok)
        print_usage(&usage);
    free(usage.values);
    free(usage.fixed);
    close_tools(&tools);
    return ok;
}

/* ---- rewrap ---- */

bool api_keys_rewrap(const struct api_config *config, struct osy_error *err)
{
    struct tools tools = {0};
    struct api_rewrapped rewrapped;
    if (!open_tools(config, &tools, err))
        return false;
    bool ok = api_wrapped_columns_rewrap(tools.pg, tools.keyring, &rewrapped, err) &&
              make_durable(tools.pg, err);
    close_tools(&tools);
    if (!ok)
        return false;
    printf("encrypted anew: %" PRId64 "\n", rewrapped.done);
    return rewrapped.failed == 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "%" PRId64 " values cannot be decrypted",
                         rewrapped.failed);
}
