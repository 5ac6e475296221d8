/* POST /api/v1/auth/password: another password, upon which all other sessions of the account end. */
#include <stdio.h>

#include "api/auth/account.h"
#include "api/auth/handlers.h"
#include "api/auth/principal.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "shared/json.h"
#include "shared/log.h"

struct change {
    json_t *root; /* owned; the texts are borrowed from it */
    const char *present, *wanted;
    struct api_user user;
    struct api_login_attempt attempt;
    char hash[API_PASSWORD_HASH_BYTES];
    bool is_set; /* false: somebody else has changed it since it was judged */
    struct api_sessions_ended ended;
};

static bool parse(const struct api_request *request, struct change *change, struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    const struct osy_json_field fields[] = {
        {"password", OSY_JSON_STRING, false, 1, API_PASSWORD_MAX, &change->present},
        {"new_password", OSY_JSON_STRING, false, API_PASSWORD_MIN, API_PASSWORD_MAX,
         &change->wanted},
        {0},
    };
    change->root = osy_json_parse(body, length, JSON_OBJECT, err);
    return change->root && osy_json_read(change->root, "", fields, err);
}

/* Of the password there is nothing to tell but that it is another one. */
static bool record(struct api_worker *worker, const struct change *change, struct osy_error *err)
{
    char ended[48];
    snprintf(ended, sizeof ended, "{\"sessions_ended\":%zu}", change->ended.count);
    return api_user_record(worker->pg, worker->context->keyring, "user.password_changed",
                           &change->user.id, NULL, ended, err);
}

static bool end_others(struct api_worker *worker, const struct api_request *request,
                       const struct api_db_scope *scope, struct change *change,
                       struct osy_error *err)
{
    const struct api_session_choice others = {
        .user_id = &change->user.id, .except = &api_request_principal(request)->claims.session_id};
    return api_session_end(worker->pg, worker->context->keyring, &others, "password changed",
                           &change->ended, err) &&
           record(worker, change, err) &&
           api_account_settle(worker->pg, scope, &change->user, &change->attempt, err);
}

static bool store(struct api_worker *worker, const struct api_request *request,
                  struct change *change, struct osy_error *err)
{
    struct api_db_scope scope;
    api_db_scope_fill(&scope, request, NULL);
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok =
        api_user_set_password_hash(worker->pg, &change->user, change->hash, &change->is_set, err);
    if (ok && change->is_set && end_others(worker, request, &scope, change, err))
        return api_db_commit(worker->pg, err);
    api_db_rollback(worker->pg);
    return ok && !change->is_set;
}

static void hash_and_store(struct api_worker *worker, struct api_request *request,
                           struct change *change)
{
    struct osy_error err = {0};
    if (!api_sign_in_check_password("new_password", change->wanted, change->user.email, &err)) {
        api_reply_invalid(request, &err);
    } else if (!api_password_hash(worker->context->keyring, worker->context->password_method,
                                  change->wanted, change->hash, &err)) {
        OSY_ERROR("password_not_hashed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
    } else if (!store(worker, request, change, &err)) {
        api_reply_database_error(request, &err);
    } else if (!change->is_set) {
        api_account_refuse(worker, request, &change->user);
    } else {
        api_session_announce(worker->redis, &change->ended);
        api_reply_bytes(request, 204, NULL, NULL);
    }
}

void api_handle_change_password(struct api_worker *worker, struct api_request *request)
{
    struct change change = {0};
    struct osy_error err = {0};
    if (!parse(request, &change, &err))
        api_reply_invalid(request, &err);
    else if (api_account_prove(worker, request, change.present, &change.user, &change.attempt))
        hash_and_store(worker, request, &change);
    json_decref(change.root);
    api_user_wipe(&change.user);
}
