/* One's own account and its sessions: GET /api/v1/auth/me, GET and DELETE .../sessions, POST .../logout. */
#include "api/auth/account.h"
#include "api/auth/handlers.h"
#include "api/auth/principal.h"
#include "api/context.h"
#include "api/db/bytea.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/log.h"
#include "shared/pg.h"

static void append_permissions(struct osy_buffer *body, enum osy_role role)
{
    const char *separator = "";
    for (int i = API_PUBLIC + 1; i < API_PERMISSION_COUNT; i++) {
        if (!api_role_has_permission(role, (enum api_permission)i))
            continue;
        osy_buffer_texts(body, separator, "\"", api_permission_name((enum api_permission)i), "\"",
                         NULL);
        separator = ",";
    }
}

static void append_session_id(struct osy_buffer *body, const struct osy_claims *claims)
{
    char id[OSY_UUID_TEXT_BYTES];
    if (osy_uuid_is_nil(&claims->session_id)) {
        osy_buffer_text(body, "null");
        return;
    }
    osy_uuid_format(&claims->session_id, id);
    osy_buffer_texts(body, "\"", id, "\"", NULL);
}

void api_handle_get_me(struct api_worker *worker, struct api_request *request)
{
    const struct osy_claims *claims = &api_request_principal(request)->claims;
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct api_user user = {0};
    if (api_account_load(worker, request, &user)) {
        osy_buffer_text(&body, "{\"user\":");
        api_user_append(&body, &user);
        osy_buffer_text(&body, ",\"session_id\":");
        append_session_id(&body, claims);
        osy_buffer_text(&body, ",\"permissions\":[");
        append_permissions(&body, claims->role);
        osy_buffer_text(&body, "]}");
        api_reply_json(request, 200, &body);
    }
    api_user_wipe(&user);
}

/* ---- sessions ---- */

/* Columns of list_sessions.sql. */
enum {
    SESSION_ID = 0,
    SESSION_DEVICE,
    SESSION_ADDRESS,
    SESSION_CREATED,
    SESSION_SEEN,
    SESSION_EXPIRES
};

static bool append_secret(struct osy_buffer *body, const struct osy_keyring *keyring,
                          const PGresult *rows, int row, int column, const struct osy_uuid *id,
                          struct osy_error *err)
{
    const struct osy_column place = {
        .table = "sessions", .column = PQfname(rows, column), .row_id = *id};
    struct osy_buffer plain = OSY_BUFFER_INIT;
    if (PQgetisnull(rows, row, column)) {
        osy_buffer_text(body, "null");
        return true;
    }
    bool ok = api_db_bytea_decrypt(rows, row, column, keyring, &place, &plain, err);
    if (ok)
        osy_buffer_json_bytes(body, plain.bytes, plain.length);
    osy_buffer_wipe(&plain);
    return ok;
}

static bool append_session(struct osy_buffer *body, const struct osy_keyring *keyring,
                           const PGresult *rows, int row, const struct osy_uuid *current,
                           struct osy_error *err)
{
    struct osy_uuid id;
    if (!osy_uuid_parse(PQgetvalue(rows, row, SESSION_ID),
                        (size_t)PQgetlength(rows, row, SESSION_ID), &id))
        return osy_error_set(err, OSY_ERR_INVALID, "a session's id is no UUID");
    osy_buffer_texts(body, row > 0 ? ",{\"id\":\"" : "{\"id\":\"",
                     PQgetvalue(rows, row, SESSION_ID), "\",\"device\":", NULL);
    if (!append_secret(body, keyring, rows, row, SESSION_DEVICE, &id, err))
        return false;
    osy_buffer_text(body, ",\"address\":");
    if (!append_secret(body, keyring, rows, row, SESSION_ADDRESS, &id, err))
        return false;
    osy_buffer_texts(body, ",\"created_at\":\"", PQgetvalue(rows, row, SESSION_CREATED),
                     "\",\"last_seen_at\":\"", PQgetvalue(rows, row, SESSION_SEEN),
                     "\",\"expires_at\":\"", PQgetvalue(rows, row, SESSION_EXPIRES),
                     "\",\"is_current\":", osy_uuid_equal(&id, current) ? "true}" : "false}", NULL);
    return true;
}

static void reply_sessions(struct api_worker *worker, struct api_request *request,
                           const PGresult *rows)
{
    const struct osy_claims *claims = &api_request_principal(request)->claims;
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    bool ok = true;
    osy_buffer_text(&body, "{\"sessions\":[");
    for (int i = 0; ok && i < PQntuples(rows); i++)
        ok = append_session(&body, worker->context->keyring, rows, i, &claims->session_id, &err);
    osy_buffer_text(&body, "]}");
    if (ok) {
        api_reply_json(request, 200, &body);
        return;
    }
    osy_buffer_deinit(&body);
    OSY_ERROR("decryption_failed", OSY_ERR(&err));
    api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
}

void api_handle_list_sessions(struct api_worker *worker, struct api_request *request)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    char id[OSY_UUID_TEXT_BYTES];
    api_db_scope_fill(&scope, request, NULL);
    osy_uuid_format(scope.user_id, id);
    PGresult *rows =
        api_db_query(worker->pg, &scope, sql_list_sessions, 1, (const char *const[]){id}, &err);
    if (rows)
        reply_sessions(worker, request, rows);
    else
        api_reply_database_error(request, &err);
    PQclear(rows);
}

/* Ends sessions of the caller. False: a reply was given. */
static bool end_sessions(struct api_worker *worker, struct api_request *request,
                         struct api_session_choice *choice, const char *why,
                         struct api_sessions_ended *ended)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, NULL);
    choice->user_id = scope.user_id;
    bool ok = api_db_begin(worker->pg, &scope, &err);
    if (ok && !api_session_end(worker->pg, worker->context->keyring, choice, why, ended, &err)) {
        api_db_rollback(worker->pg);
        ok = false;
    }
    if (ok && api_db_commit(worker->pg, &err)) {
        api_session_announce(worker->redis, ended);
        return true;
    }
    api_reply_database_error(request, &err);
    return false;
}

void api_handle_logout(struct api_worker *worker, struct api_request *request)
{
    const struct osy_claims *claims = &api_request_principal(request)->claims;
    struct api_session_choice choice = {.only = &claims->session_id};
    struct api_sessions_ended ended;
    if (end_sessions(worker, request, &choice, "logout", &ended))
        api_reply_bytes(request, 204, NULL, NULL);
}

void api_handle_delete_session(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid id;
    struct api_session_choice choice = {.only = &id};
    struct api_sessions_ended ended;
    if (!api_request_param_uuid(request, "id", &id, &err))
        api_reply_invalid(request, &err);
    else if (!end_sessions(worker, request, &choice, "ended by the user", &ended))
        return;
    else if (ended.count == 0)
        api_reply_error(request, 404, "SESSION_NOT_FOUND", "There is no such session.", NULL);
    else
        api_reply_bytes(request, 204, NULL, NULL);
}

/* All but the one that asks. */
void api_handle_delete_sessions(struct api_worker *worker, struct api_request *request)
{
    const struct osy_claims *claims = &api_request_principal(request)->claims;
    struct api_session_choice choice = {.except = &claims->session_id};
    struct api_sessions_ended ended;
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (!end_sessions(worker, request, &choice, "ended by the user", &ended))
        return;
    osy_buffer_printf(&body, "{\"ended\":%zu}", ended.count);
    api_reply_json(request, 200, &body);
}
