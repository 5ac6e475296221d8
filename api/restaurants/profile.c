/* `/api/v1/restaurants/me`: what a restaurant says about itself. Its people see all but how and where its business is
 * registered, which is its owners'. */
#include <stdlib.h>

#include "api/auth/principal.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/restaurants/change.h"
#include "api/restaurants/handlers.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/json.h"
#include "shared/log.h"

enum { NAME_MAX_CHARACTERS = 200, DESCRIPTION_MAX_CHARACTERS = 2000, SECRETS_COLUMN = 2 };

/* Encrypted columns of restaurant_profiles, in the order of find_profile.sql. */
static const struct secret {
    const char *name;
    int most; /* characters */
} secrets[] = {
    {"phone", 32},
    {"address", 300},
    {"registration_number", 40},
    {"representative", 100},
};
enum { SECRET_COUNT = sizeof secrets / sizeof secrets[0] };

static struct osy_column place_of(const struct secret *secret, const struct osy_uuid *restaurant_id)
{
    return (struct osy_column){
        .table = "restaurant_profiles", .column = secret->name, .row_id = *restaurant_id};
}

/* ---- reading ---- */

/* Appends the decrypted column as a JSON string, or null. */
static bool append_secret(struct osy_buffer *out, const struct osy_keyring *keyring,
                          const PGresult *row, int column, const struct osy_column *place,
                          struct osy_error *err)
{
    struct osy_buffer plain = OSY_BUFFER_INIT;
    size_t length = 0;
    if (PQgetisnull(row, 0, column)) {
        osy_buffer_text(out, "null");
        return true;
    }
    unsigned char *stored =
        PQunescapeBytea((const unsigned char *)PQgetvalue(row, 0, column), &length);
    bool ok = stored ? osy_column_decrypt(keyring, place, stored, length, &plain, err)
                     : osy_error_set(err, OSY_ERR_IO, "out of memory");
    if (ok)
        osy_buffer_json_bytes(out, plain.bytes, plain.length);
    PQfreemem(stored);
    osy_buffer_deinit(&plain);
    return ok;
}

/* What its people see. */
static bool find_for_staff(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                           struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    PGresult *row =
        api_restaurant_find(worker, sql_find_profile, restaurant_id, value, version, err);
    PQclear(row);
    return row != NULL;
}

/* The same, and in the object's end what is its owners'. */
static bool find_for_owner(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                           struct osy_buffer *value, int64_t *version, struct osy_error *err)
{
    PGresult *row =
        api_restaurant_find(worker, sql_find_profile, restaurant_id, value, version, err);
    bool ok = row != NULL;
    if (ok)
        value->length--;
    for (int i = 0; ok && i < SECRET_COUNT; i++) {
        const struct osy_column place = place_of(&secrets[i], restaurant_id);
        osy_buffer_texts(value, ",\"", secrets[i].name, "\":", NULL);
        ok = append_secret(value, worker->context->keyring, row, SECRETS_COLUMN + i, &place, err);
    }
    osy_buffer_char(value, '}');
    PQclear(row);
    return ok;
}

void api_handle_get_profile(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid restaurant_id;
    bool is_owner = api_principal_has(api_request_principal(request), API_PERM_RESTAURANT_MANAGE);
    if (api_scope_restaurant(request, &restaurant_id))
        api_restaurant_show(worker, request, &restaurant_id,
                            is_owner ? find_for_owner : find_for_staff);
}

/* ---- writing ---- */

/* Leaves in the tree what was trimmed. */
static bool trim(json_t *root, const char *field, enum api_text_lines lines, struct osy_error *err)
{
    struct api_text text;
    const char *given = json_string_value(json_object_get(root, field));
    if (!given)
        return true;
    if (!api_text_trim(field, given, lines, &text, err))
        return false;
    json_object_set_new(root, field, json_stringn(text.bytes, text.length));
    return true;
}

static bool check_texts(json_t *root, struct osy_error *err)
{
    static const char *const wanted[] = {"name", "description"};
    for (size_t i = 0; i < 2; i++) {
        if (json_is_null(json_object_get(root, wanted[i])))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' must not be null", wanted[i]);
    }
    const char *description = json_string_value(json_object_get(root, "description"));
    bool has_description = description && *description;
    return trim(root, "name", API_TEXT_ONE_LINE, err) &&
           (!has_description || trim(root, "description", API_TEXT_MANY_LINES, err));
}

static bool check(json_t *root, struct osy_error *err)
{
    const char *texts[2 + SECRET_COUNT];
    struct osy_json_field fields[2 + SECRET_COUNT + 1] = {
        {"name", OSY_JSON_STRING, true, 1, NAME_MAX_CHARACTERS, &texts[0]},
        {"description", OSY_JSON_STRING, true, 0, DESCRIPTION_MAX_CHARACTERS, &texts[1]},
    };
    for (size_t i = 0; i < SECRET_COUNT; i++)
        fields[2 + i] = (struct osy_json_field){secrets[i].name, OSY_JSON_STRING, true, 1,
                                                secrets[i].most, &texts[2 + i]};
    if (!osy_json_read(root, "", fields, err) || !check_texts(root, err))
        return false;
    for (size_t i = 0; i < SECRET_COUNT; i++) {
        if (!trim(root, secrets[i].name, API_TEXT_ONE_LINE, err))
            return false;
    }
    return json_object_size(root) > 0 || osy_error_set(err, OSY_ERR_INVALID, "no field is named");
}

/* Puts the stored bytes into the place of the text, as PostgreSQL reads them. */
static bool encrypt_secret(json_t *root, const struct secret *secret,
                           const struct osy_keyring *keyring, const struct osy_uuid *restaurant_id,
                           struct osy_error *err)
{
    const struct osy_column place = place_of(secret, restaurant_id);
    const json_t *plain = json_object_get(root, secret->name);
    struct osy_buffer stored = OSY_BUFFER_INIT, text = OSY_BUFFER_INIT;
    if (!json_is_string(plain))
        return true;
    bool ok = osy_column_encrypt(keyring, &place, json_string_value(plain),
                                 json_string_length(plain), &stored, err);
    osy_buffer_text(&text, "\\x");
    for (size_t i = 0; i < stored.length; i++)
        osy_buffer_printf(&text, "%02x", (unsigned char)stored.bytes[i]);
    if (ok)
        json_object_set_new(root, secret->name, json_stringn(text.bytes, text.length));
    osy_buffer_deinit(&stored);
    osy_buffer_deinit(&text);
    return ok;
}

static bool encrypt(json_t *root, const struct osy_keyring *keyring,
                    const struct osy_uuid *restaurant_id, struct osy_error *err)
{
    for (size_t i = 0; i < SECRET_COUNT; i++) {
        if (!encrypt_secret(root, &secrets[i], keyring, restaurant_id, err))
            return false;
    }
    return true;
}

static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, json_t *given)
{
    struct osy_error err = {0};
    if (!encrypt(given, worker->context->keyring, restaurant_id, &err)) {
        OSY_ERROR("encryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        return;
    }
    char *text = json_dumps(given, JSON_COMPACT);
    const char *const values[] = {text};
    const struct api_restaurant_change change = {
        "restaurant.updated", find_for_owner, sql_change_profile, values, 1,
    };
    api_restaurant_change(worker, request, restaurant_id, &change);
    free(text);
}

void api_handle_patch_profile(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && check(root, &err))
        store(worker, request, &restaurant_id, root);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}
