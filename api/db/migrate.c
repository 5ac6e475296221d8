#include "api/db/migrate.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/api_core.h"
#include "embedded/migrations.h"
#include "shared/pg.h"

#define CHECKSUM_BYTES 65 /* hex and the NUL */
/* Any fixed number: whoever migrates holds this advisory lock. A migration that waits long for a table
 * lock would hold up every query behind it, so it gives up instead. */
#define TAKE_LOCK            "SELECT pg_advisory_lock(7310579826)"
#define GIVE_LOCK            "SELECT pg_advisory_unlock(7310579826)"
#define NO_STATEMENT_TIMEOUT "SET statement_timeout = 0; SET lock_timeout = '10s'"

static void checksum(const char *sql, char hex[CHECKSUM_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(sql, strlen(sql), digest, &length, EVP_sha256(), NULL);
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
}

/* The only place that runs several statements at once: the files are ours. */
static bool run_script(PGconn *connection, const char *sql, struct osy_error *err)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        osy_pg_error(connection, result, err);
    PQclear(result);
    return ok;
}

/* Row `row` of what was applied must be migration `row` of this program. */
static bool check_applied(const PGresult *applied, int row, struct osy_error *err)
{
    const char *name = PQgetvalue(applied, row, 1);
    if ((size_t)row >= api_migration_count)
        return osy_error_set(err, OSY_ERR_CONFLICT,
                             "the database has migration %s, which this program does not know",
                             name);
    const struct api_migration *migration = &api_migrations[row];
    if (strcmp(migration->name, name) != 0)
        return osy_error_set(err, OSY_ERR_CONFLICT,
                             "the database has migration %s where this program has %s", name,
                             migration->name);
    char hex[CHECKSUM_BYTES];
    checksum(migration->sql, hex);
    if (strcmp(hex, PQgetvalue(applied, row, 2)) != 0)
        return osy_error_set(
            err, OSY_ERR_CONFLICT,
            "migration %s was edited after it was applied: write a new one instead", name);
    return true;
}

static bool apply(struct osy_pg *pg, PGconn *connection, const struct api_migration *migration,
                  struct osy_error *err)
{
    char version[16], hex[CHECKSUM_BYTES];
    snprintf(version, sizeof version, "%d", migration->version);
    checksum(migration->sql, hex);
    if (!run_script(connection, "BEGIN", err) || !run_script(connection, migration->sql, err))
        goto failed;
    /* Not by osy_pg_query: it may make a new connection, and this must be in our transaction. */
    PGresult *recorded =
        PQexecParams(connection, sql_record_migration, 3, NULL,
                     (const char *const[]){version, migration->name, hex}, NULL, NULL, 0);
    bool ok = PQresultStatus(recorded) == PGRES_COMMAND_OK;
    if (!ok)
        osy_pg_error(connection, recorded, err);
    PQclear(recorded);
    if (ok && run_script(connection, "COMMIT", err))
        return true;
failed:
    osy_error_prefix(err, "migration %s", migration->name);
    osy_pg_reset(pg); /* ends the transaction */
    return false;
}

static bool apply_pending(struct osy_pg *pg, PGconn *connection, api_migration_fn on_migration,
                          void *context, size_t *applied_count, struct osy_error *err)
{
    if (!run_script(connection, sql_prepare_migrations, err))
        return false;
    PGresult *applied = osy_pg_query(pg, sql_find_migrations, 0, NULL, err);
    if (!applied)
        return false;
    int done = PQntuples(applied);
    bool ok = true;
    for (int row = 0; ok && row < done; row++) {
        ok = check_applied(applied, row, err);
        if (ok)
            on_migration(context, api_migrations[row].name, API_MIGRATION_APPLIED);
    }
    PQclear(applied);
    for (size_t i = (size_t)done; ok && i < api_migration_count; i++) {
        on_migration(context, api_migrations[i].name, API_MIGRATION_PENDING);
        ok = apply(pg, connection, &api_migrations[i], err);
        *applied_count += ok;
    }
    return ok;
}

bool api_migrate(struct osy_pg *pg, api_migration_fn on_migration, void *context, size_t *applied,
                 struct osy_error *err)
{
    *applied = 0;
    PGconn *connection = osy_pg_connection(pg, err);
    if (!connection || !run_script(connection, NO_STATEMENT_TIMEOUT, err) ||
        !run_script(connection, TAKE_LOCK, err))
        return false;
    if (!apply_pending(pg, connection, on_migration, context, applied, err)) {
        osy_pg_reset(pg); /* gives the lock back, too */
        return false;
    }
    return run_script(connection, GIVE_LOCK, err);
}

bool api_migrate_status(struct osy_pg *pg, api_migration_fn on_migration, void *context,
                        size_t *pending, struct osy_error *err)
{
    *pending = 0;
    PGresult *exists = osy_pg_query(pg, "SELECT to_regclass('schema_migrations')", 0, NULL, err);
    if (!exists)
        return false;
    bool empty = PQgetisnull(exists, 0, 0);
    PQclear(exists);
    PGresult *applied = empty ? NULL : osy_pg_query(pg, sql_find_migrations, 0, NULL, err);
    if (!empty && !applied)
        return false;
    int done = applied ? PQntuples(applied) : 0;
    bool ok = true;
    for (int row = 0; ok && row < done; row++)
        ok = check_applied(applied, row, err);
    PQclear(applied);
    for (size_t i = 0; ok && i < api_migration_count; i++) {
        bool is_applied = i < (size_t)done;
        on_migration(context, api_migrations[i].name,
                     is_applied ? API_MIGRATION_APPLIED : API_MIGRATION_PENDING);
        *pending += !is_applied;
    }
    return ok;
}
