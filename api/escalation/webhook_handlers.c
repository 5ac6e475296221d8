/* Where a restaurant wants to be told of orders that wait: one URL, and the secret that signs what we send. */
#include <openssl/crypto.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/config.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/escalation/handlers.h"
#include "api/escalation/webhook_client.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/json.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/random.h"

static void reply_no_webhook(struct api_request *request)
{
    api_reply_error(request, 404, "WEBHOOK_NOT_FOUND", "The restaurant has no webhook.", NULL);
}

void api_handle_get_webhook(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    osy_uuid_format(&restaurant_id, id);
    api_db_scope_fill(&scope, request, &restaurant_id);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_webhook, 1, (const char *const[]){id}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(row) == 0) {
        reply_no_webhook(request);
    } else {
        osy_buffer_text(&body, "{\"url\":");
        osy_buffer_json_string(&body, PQgetvalue(row, 0, 0));
        osy_buffer_printf(&body, ",\"created_at\":\"%s\"}", PQgetvalue(row, 0, 1));
        api_reply_json(request, 200, &body);
    }
    PQclear(row);
}

static void write_hex(const void *bytes, size_t length, struct osy_buffer *out)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < length; i++)
        osy_buffer_printf(out, "%02x", byte[i]);
}

/* Appends the secret as a bytea literal of what is stored. */
static bool write_stored(const struct api_worker *worker, const struct osy_uuid *restaurant_id,
                         const uint8_t secret[API_WEBHOOK_SECRET_BYTES], struct osy_buffer *out,
                         struct osy_error *err)
{
    const struct osy_column place = {
        .table = "webhooks", .column = "secret", .row_id = *restaurant_id};
    struct osy_buffer stored = OSY_BUFFER_INIT;
    bool ok = osy_column_encrypt(worker->context->keyring, &place, secret, API_WEBHOOK_SECRET_BYTES,
                                 &stored, err);
    osy_buffer_text(out, "\\x");
    write_hex(stored.bytes, stored.length, out);
    osy_buffer_deinit(&stored);
    return ok;
}

static void reply_stored(struct api_request *request, const PGresult *row, const char *url,
                         const uint8_t secret[API_WEBHOOK_SECRET_BYTES])
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, "{\"url\":");
    osy_buffer_json_string(&body, url);
    osy_buffer_text(&body, ",\"secret\":\"");
    write_hex(secret, API_WEBHOOK_SECRET_BYTES, &body);
    osy_buffer_printf(&body, "\",\"created_at\":\"%s\"}", PQgetvalue(row, 0, 0));
    api_reply_json(request, 200, &body);
}

/* What audit keeps of a webhook; NULL when there is none. */
static const char *write_value(const char *url, struct osy_buffer *json)
{
    if (!url)
        return NULL;
    osy_buffer_text(json, "{\"url\":");
    osy_buffer_json_string(json, url);
    osy_buffer_char(json, '}');
    return json->bytes;
}

/* In the transaction that makes the change. url NULL: none before, or none any more. */
static bool record(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                   const char *action, const char *old_url, const char *new_url,
                   struct osy_error *err)
{
    struct osy_buffer old_json = OSY_BUFFER_INIT, new_json = OSY_BUFFER_INIT;
    const struct api_audit_change change = {
        .action = action,
        .restaurant_id = restaurant_id,
        .subject_id = restaurant_id,
        .old_json = write_value(old_url, &old_json),
        .new_json = write_value(new_url, &new_json),
    };
    bool ok = api_audit_record(worker->pg, worker->context->keyring, &change, err);
    osy_buffer_deinit(&old_json);
    osy_buffer_deinit(&new_json);
    return ok;
}

/* What put_webhook.sql says, with no row for a restaurant that does not exist; NULL: it failed, and nothing was done.
 * values: of put_webhook.sql. */
static PGresult *replace(struct api_worker *worker, const struct api_db_scope *scope,
                         const char *const *values, struct osy_error *err)
{
    PGresult *lock = NULL, *old = NULL, *row = NULL;
    bool ok = api_db_begin(worker->pg, scope, err) &&
              (lock = osy_pg_query(worker->pg, sql_lock_ladder, 1, values, err)) &&
              (old = osy_pg_query(worker->pg, sql_find_webhook, 1, values, err)) &&
              (row = osy_pg_query(worker->pg, sql_put_webhook, 3, values, err));
    if (ok && PQntuples(row) > 0)
        ok = record(worker, scope->restaurant_id, "webhook.set",
                    PQntuples(old) > 0 ? PQgetvalue(old, 0, 0) : NULL, values[1], err);
    ok = ok && api_db_commit(worker->pg, err);
    PQclear(lock);
    PQclear(old);
    if (ok)
        return row;
    api_db_rollback(worker->pg);
    PQclear(row);
    return NULL;
}

/* Each time with a new secret: that is how it is renewed, and there is no way to read an old one. */
static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, const char *url)
{
    struct osy_error err = {0};
    struct osy_buffer stored = OSY_BUFFER_INIT;
    struct api_db_scope scope;
    uint8_t secret[API_WEBHOOK_SECRET_BYTES];
    char id[OSY_UUID_TEXT_BYTES];
    PGresult *row = NULL;
    osy_uuid_format(restaurant_id, id);
    api_db_scope_fill(&scope, request, restaurant_id);
    osy_random_bytes(secret, sizeof secret);
    if (!write_stored(worker, restaurant_id, secret, &stored, &err)) {
        OSY_ERROR("encryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        goto done;
    }
    row = replace(worker, &scope, (const char *const[]){id, url, stored.bytes}, &err);
    if (!row)
        api_reply_database_error(request, &err);
    else if (PQntuples(row) == 0)
        api_reply_error(request, 404, "RESTAURANT_NOT_FOUND", "There is no such restaurant.", NULL);
    else
        reply_stored(request, row, url, secret);
done:
    PQclear(row);
    OPENSSL_cleanse(secret, sizeof secret);
    osy_buffer_deinit(&stored);
}

/* url is borrowed from the tree. */
static bool read_url(json_t *root, bool allow_private, const char **url, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        {"url", OSY_JSON_STRING, false, 1, API_WEBHOOK_URL_MAX, url},
        {0},
    };
    return root && osy_json_read(root, "", fields, err) &&
           api_webhook_check_url(*url, allow_private, err);
}

void api_handle_put_webhook(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    size_t length = 0;
    const char *url = NULL, *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (read_url(root, worker->context->config->webhook_allow_private, &url, &err))
        store(worker, request, &restaurant_id, url);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}

/* As replace. No row: there was nothing to delete. */
static PGresult *remove_webhook(struct api_worker *worker, const struct api_db_scope *scope,
                                const char *id, struct osy_error *err)
{
    PGresult *row = NULL;
    bool ok = api_db_begin(worker->pg, scope, err) &&
              (row = osy_pg_query(worker->pg, sql_delete_webhook, 1, &id, err));
    if (ok && PQntuples(row) > 0)
        ok = record(worker, scope->restaurant_id, "webhook.deleted", PQgetvalue(row, 0, 0), NULL,
                    err);
    if (ok && api_db_commit(worker->pg, err))
        return row;
    api_db_rollback(worker->pg);
    PQclear(row);
    return NULL;
}

void api_handle_delete_webhook(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    osy_uuid_format(&restaurant_id, id);
    api_db_scope_fill(&scope, request, &restaurant_id);
    PGresult *row = remove_webhook(worker, &scope, id, &err);
    if (!row)
        api_reply_database_error(request, &err);
    else if (PQntuples(row) == 0)
        reply_no_webhook(request);
    else
        api_reply_bytes(request, 204, NULL, NULL);
    PQclear(row);
}
