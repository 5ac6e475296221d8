#include "api/privacy/wrapped_columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/db/bytea.h"
#include "shared/buffer.h"
#include "shared/column_cipher.h"
#include "shared/keys.h"
#include "shared/pg.h"

#define PAGE     1000
#define FIRST_ID "00000000-0000-0000-0000-000000000000"

/* A page of the table by its id, with those values that have another key; a value's place is table, column and id. */
#define FIND_SQL(table, id, column)                                                  \
    "SELECT " id ", CASE WHEN wrapping_key_of(" column ") <> $2 THEN " column " END" \
    "  FROM " table " WHERE " id " > $1::uuid ORDER BY " id " LIMIT 1000"
#define STORE_SQL(table, id, column) \
    "UPDATE " table " SET " column " = $3::bytea WHERE " id " = $1::uuid AND " column " = $2::bytea"
#define COUNT_SQL(table, column)                                                                \
    "SELECT wrapping_key_of(" column "), count(*) FROM " table " WHERE wrapping_key_of(" column \
    ") IS NOT NULL GROUP BY 1"

#define COLUMN(table, id, column)                                             \
    {                                                                         \
        table, column, COUNT_SQL(table, column), FIND_SQL(table, id, column), \
            STORE_SQL(table, id, column)                                      \
    }
#define FIXED(table, column)                                \
    {                                                       \
        table, column, COUNT_SQL(table, column), NULL, NULL \
    }

/* A row each. What is encrypted with data keys (version 2) is not among them. */
static const struct wrapped_column {
    const char *table, *column, *count_sql, *find_sql, *store_sql; /* the last two NULL: fixed */
} columns[] = {
    COLUMN("subject_keys", "id", "wrapped"), COLUMN("orders", "id", "data_key"),
    COLUMN("statutory_records", "order_id", "data_key"),
    COLUMN("webhooks", "restaurant_id", "secret"),
    COLUMN("restaurant_profiles", "restaurant_id", "phone"),
    COLUMN("restaurant_profiles", "restaurant_id", "address"),
    COLUMN("restaurant_profiles", "restaurant_id", "registration_number"),
    COLUMN("restaurant_profiles", "restaurant_id", "representative"),
    COLUMN("users", "id", "email"), COLUMN("users", "id", "name"),
    COLUMN("users", "id", "totp_secret"), COLUMN("sessions", "id", "device"),
    COLUMN("sessions", "id", "address"),
    /* of orders from before they had data keys */
    COLUMN("orders", "id", "customer_name"), COLUMN("orders", "id", "customer_phone"),
    COLUMN("orders", "id", "customer_address"), COLUMN("orders", "id", "note"),
    COLUMN("orders", "id", "line_notes"),
    FIXED("audit_logs", "old_value"), /* until their partition is dropped */
    FIXED("audit_logs", "new_value"), FIXED("request_replies", "body"), /* for a day */
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

/* ---- counting ---- */

bool api_wrapped_columns_count(struct osy_pg *pg, api_wrapped_count_fn on_count, void *context,
                               struct osy_error *err)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        PGresult *counts = osy_pg_query(pg, columns[i].count_sql, 0, NULL, err);
        if (!counts)
            return osy_error_prefix(err, "%s.%s", columns[i].table, columns[i].column);
        for (int row = 0; row < PQntuples(counts); row++)
            on_count(context, PQgetvalue(counts, row, 0),
                     strtoll(PQgetvalue(counts, row, 1), NULL, 10), columns[i].find_sql == NULL);
        PQclear(counts);
    }
    return true;
}

/* ---- encrypting anew ---- */

/* What is to be stored instead, as a bytea literal; false: the value cannot be decrypted. */
static bool encrypt_anew(const struct osy_keyring *keyring, const struct osy_column *place,
                         const PGresult *page, int row, struct osy_buffer *literal)
{
    struct osy_buffer plain = OSY_BUFFER_INIT, stored = OSY_BUFFER_INIT;
    bool ok = api_db_bytea_decrypt(page, row, 1, keyring, place, &plain, NULL) &&
              osy_column_encrypt(keyring, place, plain.bytes, plain.length, &stored, NULL);
    if (ok)
        api_db_bytea_append(literal, stored.bytes, stored.length);
    osy_buffer_wipe(&plain);
    osy_buffer_deinit(&stored);
    return ok;
}

static bool rewrap_value(struct osy_pg *pg, const struct osy_keyring *keyring,
                         const struct wrapped_column *column, const PGresult *page, int row,
                         struct api_rewrapped *rewrapped, struct osy_error *err)
{
    struct osy_column place = {.table = column->table, .column = column->column};
    struct osy_buffer literal = OSY_BUFFER_INIT;
    PGresult *result = NULL;
    const char *id = PQgetvalue(page, row, 0);
    osy_uuid_parse(id, OSY_UUID_TEXT_BYTES - 1, &place.row_id);
    if (!encrypt_anew(keyring, &place, page, row, &literal)) {
        rewrapped->failed++;
        osy_buffer_deinit(&literal);
        return true;
    }
    result = osy_pg_query(pg, column->store_sql, 3,
                          (const char *const[]){id, PQgetvalue(page, row, 1), literal.bytes}, err);
    if (result)
        rewrapped->done += strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    osy_buffer_deinit(&literal);
    return result != NULL;
}

static bool rewrap_page(struct osy_pg *pg, const struct osy_keyring *keyring,
                        const struct wrapped_column *column, const PGresult *page,
                        struct api_rewrapped *rewrapped, struct osy_error *err)
{
    for (int row = 0; row < PQntuples(page); row++)
        if (!PQgetisnull(page, row, 1) &&
            !rewrap_value(pg, keyring, column, page, row, rewrapped, err))
            return false;
    return true;
}

static bool rewrap_column(struct osy_pg *pg, const struct osy_keyring *keyring,
                          const struct wrapped_column *column, struct api_rewrapped *rewrapped,
                          struct osy_error *err)
{
    char after[OSY_UUID_TEXT_BYTES] = FIRST_ID;
    int rows = PAGE;
    bool ok = true;
    while (ok && rows == PAGE) {
        const char *kid = osy_keyring_active(keyring, OSY_KEY_DATA)->kid;
        PGresult *page =
            osy_pg_query(pg, column->find_sql, 2, (const char *const[]){after, kid}, err);
        rows = page ? PQntuples(page) : 0;
        ok = page && rewrap_page(pg, keyring, column, page, rewrapped, err);
        if (rows > 0)
            memcpy(after, PQgetvalue(page, rows - 1, 0), sizeof after);
        PQclear(page);
    }
    return ok || osy_error_prefix(err, "%s.%s", column->table, column->column);
}

bool api_wrapped_columns_rewrap(struct osy_pg *pg, const struct osy_keyring *keyring,
                                struct api_rewrapped *rewrapped, struct osy_error *err)
{
    *rewrapped = (struct api_rewrapped){0};
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (columns[i].find_sql && !rewrap_column(pg, keyring, &columns[i], rewrapped, err))
            return false;
    return true;
}
