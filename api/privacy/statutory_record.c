#include "api/privacy/statutory_record.h"

#include "api/db/bytea.h"
#include "shared/column_cipher.h"
#include "shared/data_key.h"

static struct osy_column place_of(const char *column, const struct osy_uuid *order_id)
{
    return (struct osy_column){.table = "statutory_records", .column = column, .row_id = *order_id};
}

bool api_statutory_seal(const struct osy_keyring *keyring, const struct osy_uuid *order_id,
                        const char *json, size_t length, struct api_statutory_seal *seal,
                        struct osy_error *err)
{
    const struct osy_column key_place = place_of("data_key", order_id),
                            record_place = place_of("record", order_id);
    struct osy_buffer wrapped = OSY_BUFFER_INIT, stored = OSY_BUFFER_INIT;
    struct osy_data_key key;
    bool ok = osy_data_key_make(keyring, &key_place, &key, &wrapped, err) &&
              osy_column_seal(&key, &record_place, json, length, &stored, err);
    osy_data_key_wipe(&key);
    if (ok) {
        api_db_bytea_append(&seal->data_key, wrapped.bytes, wrapped.length);
        api_db_bytea_append(&seal->record, stored.bytes, stored.length);
    }
    osy_buffer_deinit(&wrapped);
    osy_buffer_deinit(&stored);
    return ok;
}

void api_statutory_seal_deinit(struct api_statutory_seal *seal)
{
    osy_buffer_deinit(&seal->data_key);
    osy_buffer_deinit(&seal->record);
}

bool api_statutory_open(const struct osy_keyring *keyring, const struct osy_uuid *order_id,
                        const PGresult *result, int row, int data_key_column, int record_column,
                        struct osy_buffer *json, struct osy_error *err)
{
    const struct osy_column key_place = place_of("data_key", order_id),
                            record_place = place_of("record", order_id);
    size_t key_length = 0, record_length = 0;
    unsigned char *wrapped = api_db_bytea_read(result, row, data_key_column, &key_length);
    unsigned char *stored = api_db_bytea_read(result, row, record_column, &record_length);
    struct osy_data_key key;
    bool ok = wrapped && stored; /* both are NOT NULL */
    ok = ok && osy_data_key_unwrap(keyring, &key_place, wrapped, key_length, &key, err) &&
         osy_column_open(&key, &record_place, stored, record_length, json, err);
    osy_data_key_wipe(&key);
    PQfreemem(wrapped);
    PQfreemem(stored);
    return ok;
}
