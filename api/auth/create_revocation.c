/* POST /api/v1/auth/revocations: an admin ends the tokens and sessions of a user, or of one session. */
#include <stdlib.h>

#include "api/auth/handlers.h"
#include "api/auth/principal.h"
#include "api/auth/revocation.h"
#include "api/auth/session.h"
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

static void reply(struct api_request *request, const struct api_revocation *revocation)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&revocation->what.id, id);
    osy_buffer_printf(&body, "{\"kind\":\"%s\",\"id\":\"%s\",\"revoked_at\":\"%s\"}",
                      osy_revocation_kind_name(revocation->what.kind), id, revocation->revoked_at);
    api_reply_json(request, 201, &body);
}

void api_handle_create_revocation(struct api_worker *worker, struct api_request *request)
{
    const struct api_principal *principal = api_request_principal(request);
    char *reason = NULL;
    struct api_db_scope scope;
    struct api_sessions_ended ended;
    struct osy_error err = {0};
    struct api_revocation revocation = {
        .actor_role = api_principal_role(principal),
        .actor_id = &principal->claims.subject,
        .trace_id = api_request_trace(request)->trace_id,
    };
    if (!read_body(request, &revocation.what, &reason, &err)) {
        api_reply_invalid(request, &err);
        goto done;
    }
    revocation.reason = reason;
    api_db_scope_fill(&scope, request, NULL);
    if (!api_session_revoke(worker->pg, &scope, &revocation, &ended, &err)) {
        api_reply_database_error(request, &err);
        goto done;
    }
    api_session_announce(worker->redis, &ended);
    if (!api_revocation_announce(worker->redis, &revocation, &err))
        OSY_WARN("revocation_not_announced", OSY_ERR(&err)); /* it is found in PostgreSQL */
    reply(request, &revocation);
done:
    free(reason);
}
