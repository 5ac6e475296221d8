#include "api/privacy/erasure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/db/scope.h"
#include "api/orders/status.h"
#include "api/privacy/account.h"
#include "api/privacy/order_cipher.h"
#include "api/privacy/statutory_record.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

#define PAGE "200"

/* Columns of find_order_to_erase.sql and find_orders_of_user.sql. */
enum {
    FOUND_ID = 0,
    FOUND_RESTAURANT,
    FOUND_CUSTOMER,
    FOUND_STATUS,
    FOUND_CREATED_AT,
    FOUND_NAME,
    FOUND_PHONE,
    FOUND_ADDRESS,
    FOUND_DATA_KEY, /* and the two behind it: see api_order_opener_init */
};

/* ---- one order ---- */

/* A column that cannot be read any more must not keep the others from being erased: null is kept of it. */
static void append_member(const struct api_order_opener *opener, const PGresult *page, int row,
                          int column, const char *name, struct osy_buffer *record)
{
    osy_buffer_texts(record, record->length > 1 ? ",\"" : "\"", name, "\":", NULL);
    if (!opener || !api_order_opener_append_json(opener, page, row, column, record, NULL))
        osy_buffer_text(record, "null");
}

/* `{"name":...,"phone":...,"address":...}` in plain text: to be wiped. */
static void write_record(const struct osy_keyring *keyring, const PGresult *page, int row,
                         const struct osy_uuid *order_id, struct osy_buffer *record)
{
    struct api_order_opener opener;
    bool is_open =
        api_order_opener_init(&opener, keyring, order_id, page, row, FOUND_DATA_KEY, NULL);
    const struct api_order_opener *readable = is_open ? &opener : NULL;
    osy_buffer_char(record, '{');
    append_member(readable, page, row, FOUND_NAME, "name", record);
    append_member(readable, page, row, FOUND_PHONE, "phone", record);
    append_member(readable, page, row, FOUND_ADDRESS, "address", record);
    osy_buffer_char(record, '}');
    api_order_opener_deinit(&opener);
}

static bool seal_record(const struct osy_keyring *keyring, const PGresult *page, int row,
                        const struct osy_uuid *order_id, struct api_statutory_seal *seal,
                        struct osy_error *err)
{
    struct osy_buffer record = OSY_BUFFER_INIT;
    write_record(keyring, page, row, order_id, &record);
    bool ok = api_statutory_seal(keyring, order_id, record.bytes, record.length, seal, err);
    osy_buffer_wipe(&record);
    return ok;
}

static bool erase_row(struct osy_pg *pg, const struct api_erasure *how, const PGresult *page,
                      int row, struct osy_error *err)
{
    struct osy_uuid order_id;
    struct api_statutory_seal seal = API_STATUTORY_SEAL_INIT;
    char days[24];
    PGresult *result = NULL;
    snprintf(days, sizeof days, "%" PRId64, how->statutory_days);
    osy_uuid_parse(PQgetvalue(page, row, FOUND_ID), OSY_UUID_TEXT_BYTES - 1, &order_id);
    if (seal_record(how->keyring, page, row, &order_id, &seal, err)) {
        const char *const values[] = {
            PQgetvalue(page, row, FOUND_ID),
            PQgetvalue(page, row, FOUND_RESTAURANT),
            PQgetisnull(page, row, FOUND_CUSTOMER) ? NULL : PQgetvalue(page, row, FOUND_CUSTOMER),
            PQgetvalue(page, row, FOUND_CREATED_AT),
            days,
            seal.data_key.bytes,
            seal.record.bytes,
        };
        result = osy_pg_query(pg, sql_erase_order, 7, values, err);
    }
    api_statutory_seal_deinit(&seal);
    PQclear(result);
    return result != NULL;
}

/* Those of the page that are not erased yet. */
static bool erase_page(struct osy_pg *pg, const struct api_erasure *how, const PGresult *page,
                       struct api_erased *erased, struct osy_error *err)
{
    for (int row = 0; row < PQntuples(page); row++) {
        if (api_order_status_is_open(PQgetvalue(page, row, FOUND_STATUS))) {
            erased->has_open_order = true;
            return osy_error_set(err, OSY_ERR_CONFLICT, "an order is still under way");
        }
        if (PQgetisnull(page, row, FOUND_NAME))
            continue;
        if (!erase_row(pg, how, page, row, err))
            return false;
        erased->orders++;
    }
    return true;
}

/* ---- all of a person ---- */

/* Until there are none: erasing a page takes a while, in which another device may have placed one. */
static bool erase_orders_of(struct osy_pg *pg, const struct api_erasure *how, const char *user_id,
                            struct api_erased *erased, struct osy_error *err)
{
    int count = 1;
    bool ok = true;
    while (ok && count > 0) {
        PGresult *page =
            osy_pg_query(pg, sql_find_orders_of_user, 2, (const char *const[]){user_id, PAGE}, err);
        count = page ? PQntuples(page) : 0;
        ok = page && erase_page(pg, how, page, erased, err);
        PQclear(page);
    }
    return ok;
}

static bool erase_replies(struct osy_pg *pg, const char *user_id, struct osy_error *err)
{
    PGresult *result = osy_pg_query(pg, sql_erase_replies, 1, (const char *const[]){user_id}, err);
    PQclear(result);
    return result != NULL;
}

static bool destroy_key(struct osy_pg *pg, const char *user_id, bool *was_there,
                        struct osy_error *err)
{
    PGresult *result =
        osy_pg_query(pg, sql_destroy_subject_key, 1, (const char *const[]){user_id}, err);
    if (!result)
        return false;
    *was_there = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return true;
}

static bool erase_account(struct osy_pg *pg, const char *user_id, struct api_erased *erased,
                          bool *was_there, struct osy_error *err)
{
    struct api_account_end end;
    if (!api_account_erase(pg, user_id, &end, err))
        return false;
    erased->is_last_owner = end.is_last_owner;
    erased->revoked_at_s = end.revoked_at_s;
    *was_there = end.was_there;
    return !end.is_last_owner ||
           osy_error_set(err, OSY_ERR_CONFLICT, "a restaurant has no other owner");
}

/*
 * The account first. Whoever holds it is waited for, and what happens meanwhile has to be seen: another device places an
 * order, which is found afterwards. Who lets staff go locks the account before the key, too: no circle. The key last,
 * because the orders are read with it.
 */
static bool erase_person(struct osy_pg *pg, const struct api_erasure *how,
                         const struct osy_uuid *user_id, struct api_erased *erased,
                         struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    bool had_key = false, had_account = false;
    osy_uuid_format(user_id, id);
    return erase_account(pg, id, erased, &had_account, err) &&
           erase_orders_of(pg, how, id, erased, err) && erase_replies(pg, id, err) &&
           destroy_key(pg, id, &had_key, err) &&
           (erased->orders > 0 || had_key || had_account ||
            osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such user"));
}

static bool erase_one(struct osy_pg *pg, const struct api_erasure *how,
                      const struct osy_uuid *order_id, struct api_erased *erased,
                      struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(order_id, id);
    PGresult *page = osy_pg_query(pg, sql_find_order_to_erase, 1, (const char *const[]){id}, err);
    bool ok = page != NULL;
    if (ok && PQntuples(page) == 0)
        ok = osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such order");
    ok = ok && erase_page(pg, how, page, erased, err);
    PQclear(page);
    return ok;
}

typedef bool (*erase_fn)(struct osy_pg *pg, const struct api_erasure *how,
                         const struct osy_uuid *id, struct api_erased *erased,
                         struct osy_error *err);

static bool in_transaction(struct osy_pg *pg, const struct api_erasure *how, erase_fn erase,
                           const struct osy_uuid *id, struct api_erased *erased,
                           struct osy_error *err)
{
    *erased = (struct api_erased){0};
    if (!api_db_begin(pg, how->scope, err))
        return false;
    if (erase(pg, how, id, erased, err))
        return api_db_commit(pg, err);
    api_db_rollback(pg);
    return false;
}

bool api_erase_user(struct osy_pg *pg, const struct api_erasure *how,
                    const struct osy_uuid *user_id, struct api_erased *erased,
                    struct osy_error *err)
{
    return in_transaction(pg, how, erase_person, user_id, erased, err);
}

bool api_erase_order(struct osy_pg *pg, const struct api_erasure *how,
                     const struct osy_uuid *order_id, struct api_erased *erased,
                     struct osy_error *err)
{
    return in_transaction(pg, how, erase_one, order_id, erased, err);
}
