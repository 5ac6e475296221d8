#include "api/privacy/order_cipher.h"

#include "api/db/bytea.h"
#include "api/orders/new_order.h"
#include "shared/column_cipher.h"

/* ---- sealing ---- */

static bool seal(const struct osy_data_key *key, const struct osy_uuid *order_id,
                 const char *column, const struct api_text *plain, struct osy_buffer *out,
                 struct osy_error *err)
{
    const struct osy_column place = {.table = "orders", .column = column, .row_id = *order_id};
    return osy_column_seal(key, &place, plain->bytes, plain->length, out, err);
}

static bool seal_all(const struct osy_data_key *key, const struct api_new_order *order,
                     struct api_order_command *command, struct osy_error *err)
{
    const struct osy_uuid *id = &command->order_id;
    struct api_order_draft *draft = &command->draft;
    const struct api_text line_notes = {order->line_notes.bytes, order->line_notes.length};
    return seal(key, id, "customer_name", &order->name, &draft->name, err) &&
           seal(key, id, "customer_phone", &order->phone, &draft->phone, err) &&
           seal(key, id, "customer_address", &order->address, &draft->address, err) &&
           (order->note.length == 0 || seal(key, id, "note", &order->note, &draft->note, err)) &&
           (line_notes.length == 0 ||
            seal(key, id, "line_notes", &line_notes, &draft->line_notes, err));
}

static struct osy_column key_place(const struct osy_uuid *order_id)
{
    return (struct osy_column){.table = "orders", .column = "data_key", .row_id = *order_id};
}

bool api_order_seal(const struct osy_keyring *keyring, const char *phone_country,
                    const struct osy_data_key *customer, const struct api_new_order *order,
                    struct api_order_command *command, struct osy_error *err)
{
    struct osy_data_key own;
    const struct osy_column place = key_place(&command->order_id);
    osy_blind_index_phone(keyring, phone_country, &command->restaurant_id, order->phone.bytes,
                          order->phone.length, command->draft.phone_index);
    command->draft.has_phone_index = true;
    if (customer)
        return seal_all(customer, order, command, err);
    if (!osy_data_key_make(keyring, &place, &own, &command->draft.data_key, err))
        return false;
    bool ok = seal_all(&own, order, command, err);
    osy_data_key_wipe(&own);
    return ok;
}

/* ---- opening ---- */

enum { KEY_OWN = 0, KEY_CUSTOMER_ID, KEY_CUSTOMER };

/* Fills *key from the wrapped one in that column; has_key stays false when there is none. */
static bool unwrap(struct api_order_opener *opener, const struct osy_column *place,
                   const PGresult *result, int row, int column, struct osy_error *err)
{
    size_t length = 0;
    unsigned char *wrapped = api_db_bytea_read(result, row, column, &length);
    if (!wrapped)
        return true;
    opener->has_key =
        osy_data_key_unwrap(opener->keyring, place, wrapped, length, &opener->key, err);
    PQfreemem(wrapped);
    return opener->has_key;
}

bool api_order_opener_init(struct api_order_opener *opener, const struct osy_keyring *keyring,
                           const struct osy_uuid *order_id, const PGresult *result, int row,
                           int column, struct osy_error *err)
{
    const struct osy_column own = key_place(order_id);
    struct osy_column customers = {.table = "subject_keys", .column = "wrapped"};
    *opener = (struct api_order_opener){.keyring = keyring, .order_id = *order_id};
    if (!PQgetisnull(result, row, column + KEY_OWN))
        return unwrap(opener, &own, result, row, column + KEY_OWN, err);
    if (PQgetisnull(result, row, column + KEY_CUSTOMER_ID))
        return true;
    osy_uuid_parse(PQgetvalue(result, row, column + KEY_CUSTOMER_ID), OSY_UUID_TEXT_BYTES - 1,
                   &customers.row_id);
    return unwrap(opener, &customers, result, row, column + KEY_CUSTOMER, err);
}

void api_order_opener_deinit(struct api_order_opener *opener)
{
    osy_data_key_wipe(&opener->key);
}

bool api_order_opener_read(const struct api_order_opener *opener, const PGresult *result, int row,
                           int column, struct osy_buffer *out, bool *is_there,
                           struct osy_error *err)
{
    const struct osy_column place = {
        .table = "orders", .column = PQfname(result, column), .row_id = opener->order_id};
    size_t length = 0;
    unsigned char *stored = api_db_bytea_read(result, row, column, &length);
    bool ok = true;
    *is_there = false;
    if (!stored)
        return true;
    bool is_sealed = osy_column_version(stored, length) == OSY_COLUMN_SEALED;
    *is_there = !is_sealed || opener->has_key;
    if (!is_sealed)
        ok = osy_column_decrypt(opener->keyring, &place, stored, length, out, err);
    else if (opener->has_key)
        ok = osy_column_open(&opener->key, &place, stored, length, out, err);
    PQfreemem(stored);
    return ok;
}

bool api_order_opener_append_json(const struct api_order_opener *opener, const PGresult *result,
                                  int row, int column, struct osy_buffer *out,
                                  struct osy_error *err)
{
    struct osy_buffer plain = OSY_BUFFER_INIT;
    bool is_there = false;
    bool ok = api_order_opener_read(opener, result, row, column, &plain, &is_there, err);
    if (ok && is_there)
        osy_buffer_json_bytes(out, plain.bytes, plain.length);
    else if (ok)
        osy_buffer_text(out, "null");
    osy_buffer_wipe(&plain);
    return ok;
}
