/* POST /api/v1/auth/revocations: an admin ends the tokens and sessions of a user, or of one session. */
#include <stdlib.h>

#include "api/auth/handlers.h"
#include "api/auth/revocation.h"
#include "api/auth/session.h"
#include "api/context.h"
#include "api/db/idempotency.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/text.h"
#include "shared/alloc.h"
#include "shared/json.h"
#include "shared/log.h"
#include "shared/redis_blocking_shards.h"

/* *reason is to be freed; NULL when there is none. */
static bool read_fields(json_t *root, struct osy_revocation *what, char **reason,
                        struct osy_error *err)
{
    struct osy_uuid user_id = {0}, session_id = {0};
    const char *given = NULL;
    struct api_text text;
    const struct osy_json_field fields[] = {
        {"user_id", OSY_JSON_UUID, true, 0, 0, &user_id},
        {"session_id", OSY_JSON_UUID, true, 0, 0, &session_id},
        {"reason", OSY_JSON_STRING, true, 1, API_REVOCATION_REASON_MAX, &given},
        {0},
    };
    if (!osy_json_read(root, "", fields, err))
        return false;
    bool is_user = !osy_uuid_is_nil(&user_id);
    if (is_user == !osy_uuid_is_nil(&session_id))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "one of 'user_id' and 'session_id' is needed, and not the nil UUID");
    what->kind = is_user ? OSY_REVOCATION_USER : OSY_REVOCATION_SESSION;
    what->id = is_user ? user_id : session_id;
    if (!given)
        return true;
    if (!api_text_trim("reason", given, API_TEXT_ONE_LINE, &text, err))
        return false;
    *reason = osy_strndup(text.bytes, text.length);
    return true;
}

static bool read_body(const struct api_request *request, struct osy_revocation *what, char **reason,
                      struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    json_t *root = osy_json_parse(body, length, JSON_OBJECT, err);
    bool ok = root && read_fields(root, what, reason, err);
    json_decref(root);
    return ok;
}

static void append(struct osy_buffer *body, const struct api_revocation *revocation)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&revocation->what.id, id);
    osy_buffer_printf(body, "{\"kind\":\"%s\",\"id\":\"%s\",\"revoked_at\":\"%s\"}",
                      osy_revocation_kind_name(revocation->what.kind), id, revocation->revoked_at);
}

static void announce(struct api_worker *worker, const struct api_revocation *revocation,
                     const struct api_sessions_ended *ended)
{
    struct osy_error err = {0};
    api_session_announce(worker->redis, ended);
    if (!api_revocation_announce(worker->redis, revocation, &err))
        OSY_WARN("revocation_not_announced", OSY_ERR(&err)); /* it is found in PostgreSQL */
}

/* Once for each key: a repetition would move the moment on, behind which somebody may have signed in again. */
static void revoke_once(struct api_worker *worker, struct api_request *request,
                        struct api_revocation *revocation)
{
    struct api_db_scope scope;
    struct api_idempotency once;
    struct api_sessions_ended ended;
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    api_db_scope_fill(&scope, request, NULL);
    if (!api_idempotency_begin(&once, worker, request, &scope))
        return;
    if (!api_session_revoke(worker->pg, worker->context->keyring, &scope, revocation, &ended,
                            &err)) {
        api_idempotency_fail(&once, &err);
        return;
    }
    append(&body, revocation);
    if (api_idempotency_commit(&once, 201, &body)) {
        announce(worker, revocation, &ended);
        api_reply_json(request, 201, &body);
    }
    osy_buffer_deinit(&body);
}

void api_handle_create_revocation(struct api_worker *worker, struct api_request *request)
{
    char *reason = NULL;
    struct osy_error err = {0};
    struct api_revocation revocation = {0};
    if (read_body(request, &revocation.what, &reason, &err)) {
        revocation.reason = reason;
        revoke_once(worker, request, &revocation);
    } else {
        api_reply_invalid(request, &err);
    }
    free(reason);
}
