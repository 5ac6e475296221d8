/* POST /api/v1/auth/login: e-mail address and password, and the second factor of whoever uses one. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/handlers.h"
#include "api/auth/second_factor.h"
#include "api/auth/sign_in.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "shared/json.h"
#include "shared/log.h"

#define CODE_MAX 64 /* characters that somebody types as a code, with whatever is between them */

struct login {
    json_t *root; /* owned; the texts are borrowed from it */
    char email[API_EMAIL_BYTES];
    const char *password, *totp, *recovery_code;
    char *device; /* owned; NULL: none */
    struct api_login_attempt attempt;
    struct api_user user;
    bool user_is_there;
    bool has_changed;                       /* the account, since the password was judged */
    char new_hash[API_PASSWORD_HASH_BYTES]; /* empty: the old one stays */
    struct api_session session;
    struct api_sessions_ended ended;
};

static bool parse(const struct api_request *request, struct login *login, struct osy_error *err)
{
    const char *email = NULL, *device = NULL;
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    const struct osy_json_field fields[] = {
        {"email", OSY_JSON_STRING, false, 1, API_EMAIL_MAX, &email},
        {"password", OSY_JSON_STRING, false, 1, API_PASSWORD_MAX, &login->password},
        {"totp", OSY_JSON_STRING, true, 1, CODE_MAX, &login->totp},
        {"recovery_code", OSY_JSON_STRING, true, 1, CODE_MAX, &login->recovery_code},
        {"device", OSY_JSON_STRING, true, 1, API_SESSION_DEVICE_MAX, &device},
        {0},
    };
    login->root = osy_json_parse(body, length, JSON_OBJECT, err);
    return login->root && osy_json_read(login->root, "", fields, err) &&
           api_email_parse("email", email, login->email, err) &&
           api_sign_in_device(device, &login->device, err);
}

/* An unknown person costs the same query as a known one. */
static bool load_user(struct api_worker *worker, const struct api_request *request,
                      struct login *login, struct osy_error *err)
{
    struct api_db_scope scope;
    api_sign_in_scope(&scope, request, &login->attempt.user_id); /* nil when unknown */
    login->user_is_there =
        api_user_load(worker->pg, worker->context->keyring, &scope, &login->user, err);
    return login->user_is_there || err->code == OSY_ERR_NOT_FOUND;
}

/* And the same hashing. */
static bool password_fits(const struct api_worker *worker, const struct login *login)
{
    const struct api_context *context = worker->context;
    const char *stored =
        login->user_is_there ? login->user.password_hash : context->decoy_password_hash;
    bool fits = api_password_fits(context->keyring, login->password, stored);
    return fits && login->user_is_there && !login->user.is_disabled;
}

/* Hashed before the transaction, which is not to wait for it. */
static void renew_hash(const struct api_worker *worker, struct login *login)
{
    enum api_password_method method = worker->context->password_method;
    struct osy_error err = {0};
    login->new_hash[0] = '\0';
    if (!api_password_is_outdated(worker->context->keyring, method, login->user.password_hash))
        return;
    if (!api_password_hash(worker->context->keyring, method, login->password, login->new_hash,
                           &err)) {
        OSY_WARN("password_not_rehashed", OSY_ERR(&err));
        login->new_hash[0] = '\0';
    }
}

/* In the transaction. Hashing takes long enough for somebody to change the password, or to disable the account: who signs
 * in is who the account is now. */
static bool lock_user(struct api_worker *worker, const struct api_db_scope *scope,
                      struct login *login, struct osy_error *err)
{
    struct api_user now;
    bool is_there = api_user_lock(worker->pg, worker->context->keyring, scope, &now, err);
    bool is_known = is_there || err->code == OSY_ERR_NOT_FOUND;
    login->has_changed =
        !is_there || now.is_disabled || strcmp(now.password_hash, login->user.password_hash) != 0;
    if (!login->has_changed)
        login->user = now;
    api_user_wipe(&now);
    return is_known;
}

static bool store_new_hash(struct osy_pg *pg, const struct login *login, struct osy_error *err)
{
    bool is_set = false; /* it is: the account is locked */
    return !*login->new_hash ||
           api_user_set_password_hash(pg, &login->user, login->new_hash, &is_set, err);
}

/* In the transaction; the account's count comes last, because others may wait for its row. */
static bool sign_in(struct api_worker *worker, const struct api_request *request,
                    const struct api_db_scope *scope, struct login *login, struct osy_error *err)
{
    return store_new_hash(worker->pg, login, err) &&
           api_sign_in_begin(worker, request, &login->user, login->device, &login->session,
                             &login->ended, err) &&
           api_sign_in_record(worker->pg, "auth.login", &login->user.id, err) &&
           api_login_guard_forgive(worker->pg, scope, &login->attempt, err) &&
           api_db_commit(worker->pg, err);
}

static bool prove(struct api_worker *worker, const struct api_request *request, struct login *login,
                  enum api_second_factor *outcome, struct osy_error *err)
{
    struct api_db_scope scope;
    api_sign_in_scope(&scope, request, &login->user.id);
    scope.actor_role = osy_role_name(login->user.role);
    scope.actor_id = &login->user.id;
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok = lock_user(worker, &scope, login, err) &&
              (login->has_changed ||
               api_second_factor_use(worker->pg, worker->context->keyring, &login->user,
                                     login->totp, login->recovery_code, outcome, err));
    ok = ok && (*outcome != API_SECOND_FACTOR_GOOD || sign_in(worker, request, &scope, login, err));
    if (!ok || *outcome != API_SECOND_FACTOR_GOOD)
        api_db_rollback(worker->pg);
    return ok;
}

/* Whoever has come so far knows the password, and may be told what is missing. */
static void ask_for_code(struct api_worker *worker, struct api_request *request,
                         struct login *login)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_sign_in_scope(&scope, request, NULL);
    if (!api_login_guard_return(worker->pg, &scope, &login->attempt, &err)) {
        api_reply_database_error(request, &err);
        return;
    }
    api_reply_error(request, 401, "SECOND_FACTOR_REQUIRED",
                    "'totp' or 'recovery_code' is needed as well.", NULL);
}

static void refuse(struct api_worker *worker, struct api_request *request, struct login *login,
                   const char *action)
{
    api_sign_in_record_failure(worker, request,
                               login->attempt.is_known ? &login->attempt.user_id : NULL, action);
    api_reply_bad_credentials(request);
}

static void conclude(struct api_worker *worker, struct api_request *request, struct login *login,
                     enum api_second_factor outcome)
{
    if (outcome == API_SECOND_FACTOR_MISSING) {
        ask_for_code(worker, request, login);
    } else if (outcome == API_SECOND_FACTOR_WRONG) {
        refuse(worker, request, login, "auth.code_refused");
    } else {
        api_session_note(worker->redis, &login->session);
        api_session_announce(worker->redis, &login->ended);
        api_sign_in_reply(worker, request, 200, &login->user, &login->session);
    }
}

/* Whether it is to be judged once more. */
static bool judge(struct api_worker *worker, struct api_request *request, struct login *login)
{
    enum api_second_factor outcome = API_SECOND_FACTOR_WRONG;
    struct osy_error err = {0};
    login->has_changed = false;
    if (!load_user(worker, request, login, &err)) {
        api_reply_database_error(request, &err);
        return false;
    }
    if (!password_fits(worker, login)) {
        refuse(worker, request, login, "auth.password_refused");
        return false;
    }
    renew_hash(worker, login);
    if (!prove(worker, request, login, &outcome, &err))
        api_reply_database_error(request, &err);
    else if (!login->has_changed)
        conclude(worker, request, login, outcome);
    return login->has_changed;
}

static void log_in(struct api_worker *worker, struct api_request *request, struct login *login)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_sign_in_scope(&scope, request, NULL);
    if (!parse(request, login, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (!api_login_guard_enter(worker->pg, worker->context->keyring, &scope, login->email,
                               &login->attempt, &err)) {
        api_reply_database_error(request, &err);
        return;
    }
    if (login->attempt.wait_s > 0) {
        api_reply_too_many_attempts(request, login->attempt.wait_s);
        return;
    }
    /* Another login with the same password may have hashed it anew meanwhile. */
    for (int tries = 0; tries < 2; tries++) {
        if (!judge(worker, request, login))
            return;
    }
    refuse(worker, request, login, "auth.password_refused");
}

void api_handle_login(struct api_worker *worker, struct api_request *request)
{
    struct login login = {0};
    log_in(worker, request, &login);
    json_decref(login.root);
    free(login.device);
    api_user_wipe(&login.user);
    OPENSSL_cleanse(login.session.token, sizeof login.session.token);
}
