#include "api/auth/account.h"

#include "api/auth/principal.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"

bool api_account_load(struct api_worker *worker, struct api_request *request, struct api_user *user)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, NULL);
    if (api_user_load(worker->pg, worker->context->keyring, &scope, user, &err))
        return true;
    if (err.code == OSY_ERR_NOT_FOUND)
        api_reply_error(request, 404, "USER_NOT_FOUND", "No account stands behind this token.",
                        NULL);
    else
        api_reply_database_error(request, &err);
    return false;
}

void api_account_refuse(struct api_worker *worker, struct api_request *request,
                        const struct api_user *user)
{
    api_sign_in_record_failure(worker, request, &user->id, "auth.password_refused");
    api_reply_error(request, 403, "WRONG_PASSWORD", "That is not the account's password.", NULL);
}

bool api_account_count(struct api_worker *worker, struct api_request *request,
                       const struct api_user *user, struct api_login_attempt *attempt)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, NULL);
    if (!api_login_guard_enter(worker->pg, worker->context->keyring, &scope, user->email, attempt,
                               &err))
        api_reply_database_error(request, &err);
    else if (attempt->wait_s > 0)
        api_reply_too_many_attempts(request, attempt->wait_s);
    else
        return true;
    return false;
}

/* The token is good, but whoever holds it need not be the one who knows the password. */
static bool check_password(struct api_worker *worker, struct api_request *request,
                           const char *password, const struct api_user *user,
                           struct api_login_attempt *attempt)
{
    if (!api_account_count(worker, request, user, attempt))
        return false;
    if (api_password_fits(worker->context->keyring, password, user->password_hash))
        return true;
    api_account_refuse(worker, request, user);
    return false;
}

bool api_account_prove(struct api_worker *worker, struct api_request *request, const char *password,
                       struct api_user *user, struct api_login_attempt *attempt)
{
    return api_account_load(worker, request, user) &&
           check_password(worker, request, password, user, attempt);
}

bool api_account_settle(struct osy_pg *pg, const struct api_db_scope *scope,
                        const struct api_user *user, const struct api_login_attempt *attempt,
                        struct osy_error *err)
{
    return user->uses_totp ? api_login_guard_return(pg, scope, attempt, err)
                           : api_login_guard_forgive(pg, scope, attempt, err);
}
