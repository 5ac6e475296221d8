#include "api/orders/record.h"

#include <stdlib.h>

#include "api/db/scope.h"
#include "api/privacy/order_cipher.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

/* Columns of find_order.sql. */
enum {
    ORDER_RESTAURANT = 0,
    ORDER_CUSTOMER,
    ORDER_VERSION,
    ORDER_LAST_EVENT,
    ORDER_DATA,
    ORDER_NAME,
    ORDER_PHONE,
    ORDER_ADDRESS,
    ORDER_NOTE,
    ORDER_LINE_NOTES,
    ORDER_DATA_KEY, /* and the two behind it: see api_order_opener_init */
};

/* NULL reads as nil. */
static struct osy_uuid read_uuid(const PGresult *row, int column)
{
    struct osy_uuid uuid = {{0}};
    osy_uuid_parse(PQgetvalue(row, 0, column), (size_t)PQgetlength(row, 0, column), &uuid);
    return uuid;
}

bool api_order_record_find(struct api_order_record *record, struct osy_pg *pg,
                           const struct api_db_scope *scope, const struct osy_uuid *order_id,
                           struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(order_id, id);
    PGresult *row = api_db_query(pg, scope, sql_find_order, 1, (const char *const[]){id}, err);
    if (!row)
        return false;
    if (PQntuples(row) == 0) {
        PQclear(row);
        return osy_error_set(err, OSY_ERR_NOT_FOUND, "no such order");
    }
    *record = (struct api_order_record){
        .row = row,
        .order_id = *order_id,
        .restaurant_id = read_uuid(row, ORDER_RESTAURANT),
        .last_event_id = read_uuid(row, ORDER_LAST_EVENT),
        .customer_id = read_uuid(row, ORDER_CUSTOMER),
        .version = strtoull(PQgetvalue(row, 0, ORDER_VERSION), NULL, 10),
        .data = PQgetvalue(row, 0, ORDER_DATA),
        .data_length = (size_t)PQgetlength(row, 0, ORDER_DATA),
    };
    return true;
}

/* The notes of the lines are a JSON array already; an empty one when there are none. */
static bool append_line_notes(const struct api_order_opener *opener, const PGresult *row,
                              struct osy_buffer *out, struct osy_error *err)
{
    bool is_there = false;
    if (!api_order_opener_read(opener, row, 0, ORDER_LINE_NOTES, out, &is_there, err))
        return false;
    if (!is_there)
        osy_buffer_text(out, "[]");
    return true;
}

bool api_order_record_append_personal(const struct api_order_record *record,
                                      const struct osy_keyring *keyring, struct osy_buffer *out,
                                      struct osy_error *err)
{
    static const struct {
        const char *text;
        int column;
    } members[] = {{"\"customer\":{\"name\":", ORDER_NAME},
                   {",\"phone\":", ORDER_PHONE},
                   {",\"address\":", ORDER_ADDRESS},
                   {"},\"note\":", ORDER_NOTE}};
    struct api_order_opener opener;
    bool ok = api_order_opener_init(&opener, keyring, &record->order_id, record->row, 0,
                                    ORDER_DATA_KEY, err);
    if (!ok)
        return false;
    for (size_t i = 0; ok && i < sizeof members / sizeof members[0]; i++) {
        osy_buffer_text(out, members[i].text);
        ok = api_order_opener_append_json(&opener, record->row, 0, members[i].column, out, err);
    }
    osy_buffer_text(out, ",\"line_notes\":");
    ok = ok && append_line_notes(&opener, record->row, out, err);
    api_order_opener_deinit(&opener);
    return ok;
}

void api_order_record_deinit(struct api_order_record *record)
{
    PQclear(record->row);
    record->row = NULL;
}
