#include "api/db/idempotency.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/uuid.h"

/* Columns of find_reply.sql. */
enum { REPLY_BODY_HASH = 0, REPLY_STATUS, REPLY_BODY };

/* A parameter or column in libpq's binary format. */
enum { TEXT = 0, BINARY = 1 };

static struct osy_pg *pg_of(const struct api_idempotency *once)
{
    return once->worker->pg;
}

/* A stored reply is bound to its key: in another row it does not decrypt. */
static struct osy_column place_of(const struct api_idempotency *once)
{
    struct osy_column place = {.table = "request_replies", .column = "body"};
    memcpy(place.row_id.bytes, once->key.key_hash, OSY_UUID_BYTES);
    return place;
}

/* ---- before the effect ---- */

/* False also when a query failed: then err is filled. */
static bool claim(struct api_idempotency *once, struct osy_error *err)
{
    char lock[24];
    int64_t number;
    memcpy(&number, once->key.key_hash, sizeof number);
    snprintf(lock, sizeof lock, "%" PRId64, number);
    PGresult *row = osy_pg_query(pg_of(once), sql_claim_key, 1, (const char *const[]){lock}, err);
    bool is_ours = row && *PQgetvalue(row, 0, 0) == 't';
    PQclear(row);
    return is_ours;
}

static PGresult *find_reply(struct api_idempotency *once, struct osy_error *err)
{
    const char *const values[] = {(const char *)once->key.key_hash};
    const int lengths[] = {sizeof once->key.key_hash}, formats[] = {BINARY};
    return osy_pg_query_params(pg_of(once), sql_find_reply, 1, values, lengths, formats, TEXT, err);
}

static bool is_same_body(const struct api_idempotency *once, const PGresult *row)
{
    size_t length = 0;
    unsigned char *hash = api_db_bytea_read(row, 0, REPLY_BODY_HASH, &length);
    bool same = hash && length == sizeof once->key.body_hash &&
                memcmp(hash, once->key.body_hash, length) == 0;
    PQfreemem(hash);
    return same;
}

static void give(struct api_request *request, int status, struct osy_buffer *body)
{
    if (body && body->length > 0)
        api_reply_json(request, status, body);
    else
        api_reply_bytes(request, status, NULL, NULL);
}

static void repeat_reply(struct api_idempotency *once, const PGresult *row)
{
    const struct osy_column place = place_of(once);
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    if (api_db_bytea_decrypt(row, 0, REPLY_BODY, once->worker->context->keyring, &place, &body,
                             &err)) {
        give(once->request, atoi(PQgetvalue(row, 0, REPLY_STATUS)), &body);
    } else {
        OSY_ERROR("decryption_failed", OSY_ERR(&err));
        api_reply_error(once->request, 500, "INTERNAL_ERROR", NULL, NULL);
    }
    osy_buffer_deinit(&body);
}

static void reply_in_progress(struct api_request *request)
{
    api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, 409, "REQUEST_IN_PROGRESS",
                    "The request with this Idempotency-Key is not finished yet.", NULL);
}

/* The transaction is open. True: nobody has come with this key, and nobody will until it ends. */
static bool is_first(struct api_idempotency *once)
{
    struct osy_error err = {0};
    bool is_ours = claim(once, &err);
    PGresult *row = is_ours ? find_reply(once, &err) : NULL;
    bool is_new = row && PQntuples(row) == 0;
    if (is_new) {
        PQclear(row);
        return true;
    }
    api_db_rollback(pg_of(once));
    if (err.code != OSY_OK)
        api_reply_database_error(once->request, &err);
    else if (!row)
        reply_in_progress(once->request);
    else if (is_same_body(once, row))
        repeat_reply(once, row);
    else
        api_reply_error(once->request, 422, "IDEMPOTENCY_KEY_REUSED",
                        "This Idempotency-Key came with another request before.", NULL);
    PQclear(row);
    return false;
}

bool api_idempotency_begin(struct api_idempotency *once, struct api_worker *worker,
                           struct api_request *request, const struct api_db_scope *scope)
{
    struct osy_error err = {0};
    *once = (struct api_idempotency){.worker = worker, .request = request, .scope = scope};
    if (!api_idempotency_key_read(request, "", &once->key, &err)) {
        api_reply_invalid(request, &err);
        return false;
    }
    if (!api_db_begin(worker->pg, scope, &err)) {
        api_reply_database_error(request, &err);
        return false;
    }
    return !once->key.is_given || is_first(once);
}

/* ---- with the effect ---- */

static bool store(struct api_idempotency *once, int status, const struct osy_buffer *stored,
                  struct osy_error *err)
{
    const struct osy_uuid *user_id = once->scope->user_id;
    char user[OSY_UUID_TEXT_BYTES], status_text[12];
    if (user_id)
        osy_uuid_format(user_id, user);
    snprintf(status_text, sizeof status_text, "%d", status);
    const char *const values[] = {(const char *)once->key.key_hash,
                                  (const char *)once->key.body_hash, user_id ? user : NULL,
                                  status_text, stored->bytes};
    const int lengths[] = {sizeof once->key.key_hash, sizeof once->key.body_hash, 0, 0,
                           (int)stored->length};
    const int formats[] = {BINARY, BINARY, TEXT, TEXT, BINARY};
    PGresult *done =
        osy_pg_query_params(pg_of(once), sql_keep_reply, 5, values, lengths, formats, TEXT, err);
    PQclear(done);
    return done != NULL;
}

static bool keep(struct api_idempotency *once, int status, const struct osy_buffer *body,
                 struct osy_error *err)
{
    const struct osy_column place = place_of(once);
    struct osy_buffer stored = OSY_BUFFER_INIT;
    size_t length = body ? body->length : 0;
    if (!once->key.is_given)
        return true;
    if (length > API_IDEMPOTENCY_REPLY_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "the reply is too long to be kept");
    bool ok = osy_column_encrypt(once->worker->context->keyring, &place, length ? body->bytes : "",
                                 length, &stored, err) &&
              api_db_enter(pg_of(once), once->scope, err) && store(once, status, &stored, err);
    osy_buffer_deinit(&stored);
    return ok;
}

bool api_idempotency_commit(struct api_idempotency *once, int status, const struct osy_buffer *body)
{
    struct osy_error err = {0};
    assert(status >= 200 && status <= 299);
    if (!keep(once, status, body, &err)) {
        api_idempotency_fail(once, &err);
        return false;
    }
    if (api_db_commit(pg_of(once), &err))
        return true;
    api_reply_database_error(once->request, &err);
    return false;
}

void api_idempotency_reply(struct api_idempotency *once, int status, struct osy_buffer *body)
{
    if (api_idempotency_commit(once, status, body))
        give(once->request, status, body);
    else if (body)
        osy_buffer_deinit(body);
}

void api_idempotency_fail(struct api_idempotency *once, const struct osy_error *err)
{
    api_db_rollback(pg_of(once));
    api_reply_database_error(once->request, err);
}

void api_idempotency_abandon(struct api_idempotency *once)
{
    api_db_rollback(pg_of(once));
}
