/* POST /api/v1/auth/refresh: new tokens for a refresh token, which is spent by that. */
#include <openssl/crypto.h>

#include "api/auth/handlers.h"
#include "api/auth/sign_in.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "shared/json.h"

struct refresh {
    struct api_session session;
    struct api_user user;
    bool may_go_on; /* the user is there, and not disabled */
    struct api_db_scope scope;
    enum api_session_refreshed outcome;
    struct api_sessions_ended ended;
};

static bool parse(const struct api_request *request, struct api_session *session,
                  struct osy_error *err)
{
    const char *token = NULL;
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    const struct osy_json_field fields[] = {
        {"refresh_token", OSY_JSON_STRING, false, 1, 2 * API_SESSION_TOKEN_BYTES, &token},
        {0},
    };
    json_t *root = osy_json_parse(body, length, JSON_OBJECT, err);
    bool ok =
        root && osy_json_read(root, "", fields, err) && api_session_parse(token, session, err);
    json_decref(root);
    return ok;
}

static void reply_over(struct api_request *request)
{
    api_reply_error(request, 401, "SESSION_OVER", "The session is over: sign in again.", NULL);
}

/* A stolen token: it ends the session for whoever holds it, thief or owner. */
static bool end_family(struct api_worker *worker, struct refresh *refresh, struct osy_error *err)
{
    const struct api_session_choice choice = {.user_id = &refresh->session.user_id,
                                              .only = &refresh->session.id};
    return api_session_end(worker->pg, worker->context->keyring, &choice, "refresh token reused",
                           &refresh->ended, err) &&
           api_sign_in_record(worker->pg, "auth.token_reused", &refresh->session.user_id, err);
}

/* Role and restaurants may have changed since: the access token has what holds now. */
static bool load_user(struct api_worker *worker, struct refresh *refresh, struct osy_error *err)
{
    bool is_there =
        api_user_load(worker->pg, worker->context->keyring, &refresh->scope, &refresh->user, err);
    refresh->may_go_on = is_there && !refresh->user.is_disabled;
    return is_there || err->code == OSY_ERR_NOT_FOUND;
}

static bool use_token(struct api_worker *worker, const struct api_request *request,
                      struct refresh *refresh, struct osy_error *err)
{
    refresh->outcome = API_SESSION_OVER;
    if (!refresh->may_go_on)
        return true;
    return api_session_refresh(worker->pg, worker->context->keyring, &refresh->session,
                               api_request_client(request), &refresh->outcome, err) &&
           (refresh->outcome != API_SESSION_REUSED || end_family(worker, refresh, err));
}

/* The user first: a token whose user cannot be read now is not spent. */
static bool exchange(struct api_worker *worker, const struct api_request *request,
                     struct refresh *refresh, struct osy_error *err)
{
    if (!api_db_begin(worker->pg, &refresh->scope, err))
        return false;
    bool ok = load_user(worker, refresh, err) && use_token(worker, request, refresh, err);
    if (ok)
        return api_db_commit(worker->pg, err);
    api_db_rollback(worker->pg);
    return false;
}

static void refresh_now(struct api_worker *worker, struct api_request *request,
                        struct refresh *refresh)
{
    struct osy_error err = {0};
    if (!parse(request, &refresh->session, &err)) {
        if (err.code == OSY_ERR_DENIED)
            reply_over(request);
        else
            api_reply_invalid(request, &err);
        return;
    }
    if (api_session_is_noted_over(worker->redis, &refresh->session.id)) {
        reply_over(request);
        return;
    }
    api_sign_in_scope(&refresh->scope, request, &refresh->session.user_id);
    refresh->scope.session_id = &refresh->session.id;
    if (!exchange(worker, request, refresh, &err)) {
        api_reply_database_error(request, &err);
    } else if (refresh->outcome == API_SESSION_REFRESHED) {
        api_session_note(worker->redis, &refresh->session);
        api_sign_in_reply(worker, request, 200, &refresh->user, &refresh->session);
    } else {
        api_session_announce(worker->redis, &refresh->ended);
        reply_over(request);
    }
}

void api_handle_refresh(struct api_worker *worker, struct api_request *request)
{
    struct refresh refresh = {0};
    refresh_now(worker, request, &refresh);
    OPENSSL_cleanse(&refresh, sizeof refresh);
}
