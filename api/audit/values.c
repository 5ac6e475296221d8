#include "api/audit/values.h"

#include <string.h>

#include "api/privacy/subject_key.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/data_key.h"
#include "shared/pg.h"

static struct osy_column find_place(const char *column, const struct osy_uuid *subject_id)
{
    return (struct osy_column){.table = "audit_logs", .column = column, .row_id = *subject_id};
}

static void write_literal(const struct osy_buffer *stored, struct osy_buffer *literal)
{
    static const char digits[] = "0123456789abcdef";
    osy_buffer_text(literal, "\\x");
    for (size_t i = 0; i < stored->length; i++) {
        uint8_t byte = (uint8_t)stored->bytes[i];
        osy_buffer_char(literal, digits[byte >> 4]);
        osy_buffer_char(literal, digits[byte & 15]);
    }
}

bool api_audit_value_seal(const struct osy_keyring *keyring, const struct osy_data_key *person,
                          const char *column, const struct osy_uuid *subject_id, const char *json,
                          struct osy_buffer *literal, struct osy_error *err)
{
    const struct osy_column place = find_place(column, subject_id);
    struct osy_buffer stored = OSY_BUFFER_INIT;
    bool ok = person ? osy_column_seal(person, &place, json, strlen(json), &stored, err)
                     : osy_column_encrypt(keyring, &place, json, strlen(json), &stored, err);
    if (ok)
        write_literal(&stored, literal);
    osy_buffer_deinit(&stored);
    return ok;
}

bool api_audit_value_open(const struct osy_keyring *keyring, const struct osy_data_key *person,
                          const char *column, const struct osy_uuid *subject_id, const void *stored,
                          size_t length, struct osy_buffer *json, struct osy_error *err)
{
    const struct osy_column place = find_place(column, subject_id);
    if (osy_column_version(stored, length) != OSY_COLUMN_SEALED)
        return osy_column_decrypt(keyring, &place, stored, length, json, err);
    return person ? osy_column_open(person, &place, stored, length, json, err)
                  : osy_error_set(err, OSY_ERR_INVALID, "the person's key is gone");
}

/* ---- recording ---- */

struct sealed {
    struct osy_buffer old_value, new_value; /* literals; empty: null */
};

static bool seal_both(const struct osy_keyring *keyring, const struct osy_data_key *person,
                      const struct api_audit_change *change, struct sealed *sealed,
                      struct osy_error *err)
{
    return (!change->old_json ||
            api_audit_value_seal(keyring, person, API_AUDIT_OLD, change->subject_id,
                                 change->old_json, &sealed->old_value, err)) &&
           (!change->new_json ||
            api_audit_value_seal(keyring, person, API_AUDIT_NEW, change->subject_id,
                                 change->new_json, &sealed->new_value, err));
}

static bool seal_change(struct osy_pg *pg, const struct osy_keyring *keyring,
                        const struct api_audit_change *change, struct sealed *sealed,
                        struct osy_error *err)
{
    struct osy_data_key person;
    struct osy_error problem = {0};
    if (!change->is_personal)
        return seal_both(keyring, NULL, change, sealed, err);
    if (!api_subject_key_take(pg, NULL, keyring, change->subject_id, &person, &problem))
        return problem.code == OSY_ERR_DENIED ||
               osy_error_set(err, problem.code, "%s", problem.message);
    bool ok = seal_both(keyring, &person, change, sealed, err);
    osy_data_key_wipe(&person);
    return ok;
}

bool api_audit_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                      const struct api_audit_change *change, struct osy_error *err)
{
    struct sealed sealed = {OSY_BUFFER_INIT, OSY_BUFFER_INIT};
    char restaurant[OSY_UUID_TEXT_BYTES], subject[OSY_UUID_TEXT_BYTES];
    PGresult *recorded = NULL;

    if (change->restaurant_id)
        osy_uuid_format(change->restaurant_id, restaurant);
    osy_uuid_format(change->subject_id, subject);
    if (seal_change(pg, keyring, change, &sealed, err)) {
        const char *const values[] = {change->action, change->restaurant_id ? restaurant : NULL,
                                      subject, sealed.old_value.bytes, sealed.new_value.bytes};
        recorded = osy_pg_query(pg, sql_record_change, 5, values, err);
    }
    PQclear(recorded);
    osy_buffer_deinit(&sealed.old_value);
    osy_buffer_deinit(&sealed.new_value);
    return recorded != NULL;
}
