/*
 * `DELETE /api/v1/users/me`: whoever asks is erased (api/privacy/erasure.h). Nothing brings it back, so an access token is
 * not enough, which may be a device's that was left open: its session has to have begun a moment ago, with password and
 * second factor. Else the reply asks for a new login as RFC 9470 has it.
 */
#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/auth/revocation.h"
#include "api/config.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/privacy/erasure.h"
#include "api/privacy/handlers.h"
#include "embedded/api_core.h"
#include "shared/log.h"
#include "shared/pg.h"

#define TRIES       3   /* another transaction may hold one of the orders for a moment */
#define PROOF_AGE_S 300 /* so long a login proves who somebody is */

static bool find_proof(struct api_worker *worker, const struct api_request *request,
                       bool *is_proved, struct osy_error *err)
{
    const struct osy_claims *claims = &api_request_principal(request)->claims;
    char user_id[OSY_UUID_TEXT_BYTES], session_id[OSY_UUID_TEXT_BYTES], age_s[12];
    struct api_db_scope scope;
    api_db_scope_fill(&scope, request, NULL);
    osy_uuid_format(&claims->subject, user_id);
    osy_uuid_format(&claims->session_id, session_id);
    snprintf(age_s, sizeof age_s, "%d", PROOF_AGE_S);
    PGresult *row = api_db_query(worker->pg, &scope, sql_find_proof, 3,
                                 (const char *const[]){user_id, session_id, age_s}, err);
    *is_proved = row && strcmp(PQgetvalue(row, 0, 0), "t") == 0;
    PQclear(row);
    return row != NULL;
}

static void ask_for_login(struct api_request *request)
{
    char challenge[96];
    snprintf(challenge, sizeof challenge,
             "Bearer error=\"insufficient_user_authentication\", max_age=\"%d\"", PROOF_AGE_S);
    api_reply_header(request, "WWW-Authenticate", challenge);
    api_reply_error(request, 401, "LOGIN_TOO_OLD",
                    "Log in again, and repeat this with the new token within five minutes.", NULL);
}

static bool erase(struct api_worker *worker, const struct api_request *request,
                  const struct osy_uuid *user_id, struct api_erased *erased, struct osy_error *err)
{
    const struct api_context *context = worker->context;
    struct api_db_scope scope;
    const struct api_erasure how = {.keyring = context->keyring,
                                    .scope = &scope,
                                    .statutory_days = context->config->statutory_days};
    bool ok = false;
    api_db_scope_fill_all(&scope, request); /* an owner may be the last one of a restaurant */
    for (int tries = 0; !ok && tries < TRIES; tries++) {
        ok = api_erase_user(worker->pg, &how, user_id, erased, err);
        if (err->code != OSY_ERR_CONFLICT || erased->has_open_order || erased->is_last_owner)
            break;
    }
    return ok;
}

/* Every process forgets the customer's key with the news; without Redis it is found in PostgreSQL in seconds. */
static void announce(struct api_worker *worker, const struct osy_uuid *user_id,
                     const struct api_erased *erased)
{
    const struct api_revocation revocation = {
        .what = {OSY_REVOCATION_USER, *user_id, erased->revoked_at_s}};
    struct osy_error err = {0};
    if (!api_revocation_announce(worker->redis, &revocation, &err))
        OSY_WARN("revocation_not_announced", OSY_ERR(&err));
}

static void refuse(struct api_request *request, const struct api_erased *erased,
                   const struct osy_error *err)
{
    if (erased->has_open_order)
        api_reply_error(request, 409, "ORDER_UNDER_WAY",
                        "An order of yours is still under way. Try again when it has ended.", NULL);
    else if (erased->is_last_owner)
        api_reply_error(request, 409, "LAST_OWNER",
                        "A restaurant of yours has no other owner. Give it one first.", NULL);
    else if (err->code == OSY_ERR_NOT_FOUND)
        api_reply_error(request, 404, "USER_NOT_FOUND", "There is nothing to erase.", NULL);
    else
        api_reply_database_error(request, err);
}

void api_handle_erase_user(struct api_worker *worker, struct api_request *request)
{
    const struct osy_uuid *user_id = &api_request_principal(request)->claims.subject;
    struct api_erased erased = {0};
    struct osy_error err = {0};
    bool is_proved = false;
    if (!find_proof(worker, request, &is_proved, &err)) {
        api_reply_database_error(request, &err);
        return;
    }
    if (!is_proved) {
        ask_for_login(request);
        return;
    }
    if (!erase(worker, request, user_id, &erased, &err)) {
        refuse(request, &erased, &err);
        return;
    }
    announce(worker, user_id, &erased);
    api_reply_bytes(request, 204, NULL, NULL);
}
