#include "api/privacy/subject_key.h"

#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

#define TRIES 2 /* another process may be making it in this very moment */

static PGresult *query(struct osy_pg *pg, const struct api_db_scope *scope, const char *sql,
                       int count, const char *const *values, struct osy_error *err)
{
    return scope ? api_db_query(pg, scope, sql, count, values, err)
                 : osy_pg_query(pg, sql, count, values, err);
}

/* The key that the row has, which need not be the one that was offered. */
static bool read_key(const struct osy_keyring *keyring, const PGresult *row,
                     struct osy_data_key *key, struct osy_error *err)
{
    struct osy_column place = {.table = "subject_keys", .column = "wrapped"};
    size_t length = 0;
    unsigned char *wrapped = api_db_bytea_read(row, 0, 1, &length);
    if (!wrapped)
        return osy_error_set(err, OSY_ERR_DENIED, "the account has been erased");
    osy_uuid_parse(PQgetvalue(row, 0, 0), OSY_UUID_TEXT_BYTES - 1, &place.row_id);
    bool ok = osy_data_key_unwrap(keyring, &place, wrapped, length, key, err);
    PQfreemem(wrapped);
    return ok;
}

/* Offers a new key for the case that there is none; one row with the key that counts. */
static PGresult *offer(struct osy_pg *pg, const struct api_db_scope *scope,
                       const struct osy_keyring *keyring, const char *user_id,
                       struct osy_error *err)
{
    const struct osy_column place = {
        .table = "subject_keys", .column = "wrapped", .row_id = osy_uuid_v7()};
    struct osy_buffer wrapped = OSY_BUFFER_INIT, literal = OSY_BUFFER_INIT;
    struct osy_data_key offered;
    char id[OSY_UUID_TEXT_BYTES];
    PGresult *row = NULL;
    osy_uuid_format(&place.row_id, id);
    if (osy_data_key_make(keyring, &place, &offered, &wrapped, err)) {
        osy_data_key_wipe(&offered); /* what the table says is read back */
        api_db_bytea_append(&literal, wrapped.bytes, wrapped.length);
        row = query(pg, scope, sql_ensure_subject_key, 3,
                    (const char *const[]){user_id, id, literal.bytes}, err);
    }
    osy_buffer_deinit(&wrapped);
    osy_buffer_deinit(&literal);
    return row;
}

bool api_subject_key_take(struct osy_pg *pg, const struct api_db_scope *scope,
                          const struct osy_keyring *keyring, const struct osy_uuid *user_id,
                          struct osy_data_key *key, struct osy_error *err)
{
    char user[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(user_id, user);
    PGresult *row = offer(pg, scope, keyring, user, err);
    for (int tries = 1; row && PQntuples(row) == 0 && tries < TRIES; tries++) {
        PQclear(row);
        row = offer(pg, scope, keyring, user, err);
    }
    bool ok = false;
    if (row && PQntuples(row) == 1)
        ok = read_key(keyring, row, key, err);
    else if (row)
        osy_error_set(err, OSY_ERR_IO, "the person's key is being made");
    PQclear(row);
    return ok;
}

bool api_subject_key_find(struct osy_pg *pg, const struct api_db_scope *scope,
                          const struct osy_keyring *keyring, const struct osy_uuid *user_id,
                          struct osy_data_key *key, struct osy_error *err)
{
    char user[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(user_id, user);
    PGresult *row = query(pg, scope, sql_find_subject_key, 1, (const char *const[]){user}, err);
    bool ok = false;
    if (row && PQntuples(row) == 1)
        ok = read_key(keyring, row, key, err);
    else if (row)
        osy_error_set(err, OSY_ERR_NOT_FOUND, "nobody of that id has a key");
    PQclear(row);
    return ok;
}
