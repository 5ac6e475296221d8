#include "api/auth/sign_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/auth/permissions.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/pg.h"

void api_sign_in_scope(struct api_db_scope *scope, const struct api_request *request,
                       const struct osy_uuid *user_id)
{
    api_db_scope_fill(scope, request, NULL);
    scope->user_id = user_id;
}

bool api_sign_in_begin(struct api_worker *worker, const struct api_request *request,
                       const struct api_user *user, const char *device, struct api_session *session,
                       struct api_sessions_ended *ended, struct osy_error *err)
{
    const struct api_session_choice surplus = {.user_id = &user->id, .keep = API_SESSIONS_OF_USER};
    session->user_id = user->id;
    return api_session_begin(worker->pg, worker->context->keyring, session, device,
                             api_request_client(request), err) &&
           api_session_end(worker->pg, worker->context->keyring, &surplus, "too many", ended, err);
}

/* ---- replies ---- */

/* The names of what the role may do, for the client's eyes: the API decides by its own table. */
static size_t list_permissions(enum osy_role role, const char *names[API_PERMISSION_COUNT + 1])
{
    size_t count = 0;
    for (int i = API_PUBLIC + 1; i < API_PERMISSION_COUNT; i++) {
        if (api_role_has_permission(role, (enum api_permission)i))
            names[count++] = api_permission_name((enum api_permission)i);
    }
    names[count] = NULL;
    return count;
}

static char *sign_access_token(const struct osy_keyring *keyring, const struct api_user *user,
                               const struct osy_uuid *session_id, struct osy_error *err)
{
    const char *permissions[API_PERMISSION_COUNT + 1];
    int64_t now_s = osy_clock_wall_ms() / 1000;
    struct osy_claims claims = {.subject = user->id,
                                .token_id = osy_uuid_v4(),
                                .session_id = *session_id,
                                .role = user->role,
                                .permissions = permissions,
                                .issued_at_s = now_s,
                                .not_before_s = now_s,
                                .expires_at_s = now_s + API_ACCESS_TOKEN_S,
                                .restaurant_count = user->restaurant_count};
    list_permissions(user->role, permissions);
    memcpy(claims.restaurants, user->restaurants,
           user->restaurant_count * sizeof claims.restaurants[0]);
    return osy_jwt_sign(keyring, &claims, err);
}

void api_sign_in_reply(struct api_worker *worker, struct api_request *request, int status,
                       const struct api_user *user, const struct api_session *session)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    char id[OSY_UUID_TEXT_BYTES];
    char *access_token = sign_access_token(worker->context->keyring, user, &session->id, &err);
    if (!access_token) {
        OSY_ERROR("token_not_signed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        return;
    }
    osy_uuid_format(&session->id, id);
    osy_buffer_texts(&body, "{\"access_token\":\"", access_token, "\",\"token_type\":\"Bearer\"",
                     NULL);
    osy_buffer_printf(&body, ",\"expires_in\":%d,\"refresh_token\":\"%s\"", API_ACCESS_TOKEN_S,
                      session->token);
    osy_buffer_texts(&body, ",\"session_id\":\"", id, "\",\"user\":", NULL);
    api_user_append(&body, user);
    osy_buffer_char(&body, '}');
    api_reply_json(request, status, &body);
    free(access_token);
}

bool api_sign_in_record(struct osy_pg *pg, const char *action, const struct osy_uuid *user_id,
                        struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(user_id, id);
    PGresult *done = osy_pg_query(pg, sql_record_event, 2, (const char *const[]){action, id}, err);
    PQclear(done);
    return done != NULL;
}

void api_sign_in_record_failure(struct api_worker *worker, const struct api_request *request,
                                const struct osy_uuid *user_id, const char *action)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(user_id ? user_id : &(struct osy_uuid){{0}}, id);
    api_sign_in_scope(&scope, request, user_id);
    PGresult *done = api_db_query(worker->pg, &scope, sql_record_event, 2,
                                  (const char *const[]){action, id}, &err);
    if (!done)
        OSY_WARN("failure_not_recorded", OSY_ERR(&err));
    PQclear(done);
}

void api_reply_bad_credentials(struct api_request *request)
{
    api_reply_error(request, 401, "INVALID_CREDENTIALS",
                    "The e-mail address, the password or the code is not right.", NULL);
}

void api_reply_too_many_attempts(struct api_request *request, int64_t wait_s)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, wait_s);
    api_reply_header(request, "Retry-After", text);
    api_reply_error(request, 429, "TOO_MANY_ATTEMPTS", "Too many attempts. Wait a moment.", NULL);
}

void api_reply_email_taken(struct api_request *request)
{
    api_reply_error(request, 409, "EMAIL_TAKEN", "There is an account with this address.", NULL);
}

/* ---- what is typed ---- */

bool api_sign_in_device(const char *given, char **device, struct osy_error *err)
{
    struct api_text text;
    if (!given)
        return true;
    if (!api_text_trim("device", given, API_TEXT_ONE_LINE, &text, err))
        return false;
    *device = osy_strndup(text.bytes, text.length);
    return true;
}

bool api_sign_in_check_password(const char *field, const char *password, const char *email,
                                struct osy_error *err)
{
    return strcasecmp(password, email) != 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' must not be the e-mail address", field);
}
