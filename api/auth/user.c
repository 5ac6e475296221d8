#include "api/auth/user.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/pg.h"

/* Columns of find_user.sql. */
enum {
    USER_ROLE = 0,
    USER_EMAIL,
    USER_NAME,
    USER_PASSWORD_HASH,
    USER_TOTP_SECRET,
    USER_USES_TOTP,
    USER_IS_DISABLED,
    USER_RESTAURANTS,
};

/* The plain bytes of an encrypted column, NUL-terminated; at most size - 1 of them. */
static bool read_secret(const struct osy_keyring *keyring, const PGresult *row, int column,
                        const struct osy_uuid *user_id, void *out, size_t size, size_t *length,
                        struct osy_error *err)
{
    const struct osy_column place = {
        .table = "users", .column = PQfname(row, column), .row_id = *user_id};
    struct osy_buffer plain = OSY_BUFFER_INIT;
    bool ok = api_db_bytea_decrypt(row, 0, column, keyring, &place, &plain, err) &&
              (plain.length < size || osy_error_set(err, OSY_ERR_INVALID, "column '%s' is too long",
                                                    PQfname(row, column)));
    if (ok) {
        memcpy(out, plain.bytes, plain.length);
        ((char *)out)[plain.length] = '\0';
        *length = plain.length;
    }
    osy_buffer_wipe(&plain);
    return ok;
}

static bool read_totp(const struct osy_keyring *keyring, const PGresult *row, struct api_user *user,
                      struct osy_error *err)
{
    char secret[API_TOTP_SECRET_BYTES + 1];
    size_t length = 0;
    if (PQgetisnull(row, 0, USER_TOTP_SECRET))
        return true;
    bool ok = read_secret(keyring, row, USER_TOTP_SECRET, &user->id, secret, sizeof secret, &length,
                          err) &&
              (length == API_TOTP_SECRET_BYTES ||
               osy_error_set(err, OSY_ERR_INVALID, "column 'totp_secret' is too short"));
    if (ok)
        memcpy(user->totp_secret, secret, sizeof user->totp_secret);
    user->has_totp_secret = ok;
    user->uses_totp = ok && *PQgetvalue(row, 0, USER_USES_TOTP) == 't';
    OPENSSL_cleanse(secret, sizeof secret);
    return ok;
}

/* Ids with a blank between them. */
static bool read_restaurants(const char *ids, struct api_user *user, struct osy_error *err)
{
    for (user->restaurant_count = 0; *ids; ids += strspn(ids, " ")) {
        size_t length = strcspn(ids, " ");
        if (user->restaurant_count == API_USER_RESTAURANTS_MAX ||
            !osy_uuid_parse(ids, length, &user->restaurants[user->restaurant_count++]))
            return osy_error_set(err, OSY_ERR_INVALID, "a user has more than %d restaurants",
                                 API_USER_RESTAURANTS_MAX);
        ids += length;
    }
    return true;
}

static bool read_user(const struct osy_keyring *keyring, const PGresult *row, struct api_user *user,
                      struct osy_error *err)
{
    size_t length = 0;
    if (!osy_role_parse(PQgetvalue(row, 0, USER_ROLE), &user->role))
        return osy_error_set(err, OSY_ERR_INVALID, "a user has an unknown role");
    user->is_disabled = *PQgetvalue(row, 0, USER_IS_DISABLED) == 't';
    snprintf(user->password_hash, sizeof user->password_hash, "%s",
             PQgetvalue(row, 0, USER_PASSWORD_HASH));
    return read_secret(keyring, row, USER_EMAIL, &user->id, user->email, sizeof user->email,
                       &length, err) &&
           read_secret(keyring, row, USER_NAME, &user->id, user->name, sizeof user->name, &length,
                       err) &&
           read_totp(keyring, row, user, err) &&
           read_restaurants(PQgetvalue(row, 0, USER_RESTAURANTS), user, err);
}

bool api_user_load(struct osy_pg *pg, const struct osy_keyring *keyring,
                   const struct api_db_scope *scope, struct api_user *user, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    *user = (struct api_user){.id = *scope->user_id};
    osy_uuid_format(&user->id, id);
    PGresult *row = api_db_query(pg, scope, sql_find_user, 1, (const char *const[]){id}, err);
    if (!row)
        return false;
    bool ok = PQntuples(row) == 1 ? read_user(keyring, row, user, err)
                                  : osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such user");
    PQclear(row);
    return ok;
}

/* Two statements: what the first one has waited for only the second one sees whole. */
bool api_user_lock(struct osy_pg *pg, const struct osy_keyring *keyring,
                   const struct api_db_scope *scope, struct api_user *user, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(scope->user_id, id);
    PGresult *locked = osy_pg_query(pg, sql_lock_user, 1, (const char *const[]){id}, err);
    PQclear(locked);
    return locked && api_user_load(pg, keyring, scope, user, err);
}

void api_user_wipe(struct api_user *user)
{
    OPENSSL_cleanse(user, sizeof *user);
}

static bool encrypt(const struct osy_keyring *keyring, const char *column,
                    const struct osy_uuid *user_id, const char *text, struct osy_buffer *literal,
                    struct osy_error *err)
{
    const struct osy_column place = {.table = "users", .column = column, .row_id = *user_id};
    struct osy_buffer stored = OSY_BUFFER_INIT;
    bool ok = osy_column_encrypt(keyring, &place, text, strlen(text), &stored, err);
    api_db_bytea_append(literal, stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
    return ok;
}

void api_user_append_restaurants(struct osy_buffer *array, const struct api_user *user)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_buffer_char(array, '{');
    for (size_t i = 0; i < user->restaurant_count; i++) {
        osy_uuid_format(&user->restaurants[i], id);
        osy_buffer_texts(array, i > 0 ? "," : "", id, NULL);
    }
    osy_buffer_char(array, '}');
}

static bool insert(struct osy_pg *pg, const char *const values[7], bool *is_taken,
                   struct osy_error *err)
{
    PGresult *row = osy_pg_query(pg, sql_insert_user, 7, values, err);
    if (row)
        *is_taken = *PQgetvalue(row, 0, 0) != 't';
    PQclear(row);
    return row != NULL;
}

bool api_user_insert(struct osy_pg *pg, const struct osy_keyring *keyring,
                     const struct api_user *user, bool *is_taken, struct osy_error *err)
{
    struct osy_buffer email = OSY_BUFFER_INIT, index = OSY_BUFFER_INIT, name = OSY_BUFFER_INIT,
                      restaurants = OSY_BUFFER_INIT;
    uint8_t digest[OSY_BLIND_INDEX_BYTES];
    char id[OSY_UUID_TEXT_BYTES];
    bool ok = encrypt(keyring, "email", &user->id, user->email, &email, err) &&
              encrypt(keyring, "name", &user->id, user->name, &name, err);
    if (!ok)
        goto done;
    api_email_index(keyring, user->email, digest);
    api_db_bytea_append(&index, digest, sizeof digest);
    api_user_append_restaurants(&restaurants, user);
    osy_uuid_format(&user->id, id);
    ok = insert(pg,
                (const char *const[]){id, osy_role_name(user->role), email.bytes, index.bytes,
                                      name.bytes, user->password_hash, restaurants.bytes},
                is_taken, err);
done:
    osy_buffer_deinit(&email);
    osy_buffer_deinit(&index);
    osy_buffer_deinit(&name);
    osy_buffer_deinit(&restaurants);
    return ok;
}

bool api_user_set_password_hash(struct osy_pg *pg, const struct api_user *user, const char *stored,
                                bool *is_set, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&user->id, id);
    PGresult *row = osy_pg_query(pg, sql_set_password_hash, 3,
                                 (const char *const[]){id, stored, user->password_hash}, err);
    *is_set = row && PQntuples(row) == 1;
    PQclear(row);
    return row != NULL;
}

bool api_user_record(struct osy_pg *pg, const struct osy_keyring *keyring, const char *action,
                     const struct osy_uuid *user_id, const char *old_json, const char *new_json,
                     struct osy_error *err)
{
    const struct api_audit_change change = {
        .action = action, .subject_id = user_id, .old_json = old_json, .new_json = new_json};
    return api_audit_record(pg, keyring, &change, err);
}

static void append_restaurant_ids(struct osy_buffer *json, const struct api_user *user)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_buffer_text(json, "\"restaurant_ids\":[");
    for (size_t i = 0; i < user->restaurant_count; i++) {
        osy_uuid_format(&user->restaurants[i], id);
        osy_buffer_texts(json, i > 0 ? ",\"" : "\"", id, "\"", NULL);
    }
    osy_buffer_char(json, ']');
}

void api_user_append_standing(struct osy_buffer *json, const struct api_user *user)
{
    osy_buffer_texts(json, "{\"role\":\"", osy_role_name(user->role), "\",", NULL);
    append_restaurant_ids(json, user);
    osy_buffer_char(json, '}');
}

void api_user_append(struct osy_buffer *out, const struct api_user *user)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&user->id, id);
    osy_buffer_texts(out, "{\"id\":\"", id, "\",\"role\":\"", osy_role_name(user->role),
                     "\",\"email\":", NULL);
    osy_buffer_json_string(out, user->email);
    osy_buffer_text(out, ",\"name\":");
    osy_buffer_json_string(out, user->name);
    osy_buffer_texts(out, ",\"two_factor\":", user->uses_totp ? "true" : "false", ",", NULL);
    append_restaurant_ids(out, user);
    osy_buffer_char(out, '}');
}
