/*
 * The second factor of one's own account: POST /api/v1/auth/totp offers a secret, .../totp/confirm turns it on with the
 * first code and gives the recovery codes, .../totp/disable turns it off.
 */
#include <openssl/crypto.h>

#include "api/auth/account.h"
#include "api/auth/handlers.h"
#include "api/auth/second_factor.h"
#include "api/context.h"
#include "api/db/bytea.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/column_cipher.h"
#include "shared/json.h"
#include "shared/pg.h"

#define CODE_MAX 64

struct input {
    json_t *root; /* owned; the texts are borrowed from it */
    const char *password, *totp, *recovery_code;
    struct api_user user;
    struct api_login_attempt attempt;
};

static void deinit(struct input *input)
{
    json_decref(input->root);
    api_user_wipe(&input->user);
}

static bool parse(const struct api_request *request, struct input *input,
                  const struct osy_json_field *fields, struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    input->root = osy_json_parse(body, length, JSON_OBJECT, err);
    return input->root && osy_json_read(input->root, "", fields, err);
}

/* ---- offering ---- */

static bool encrypt_secret(const struct osy_keyring *keyring, const struct api_user *user,
                           struct osy_buffer *literal, struct osy_error *err)
{
    const struct osy_column place = {.table = "users", .column = "totp_secret", .row_id = user->id};
    struct osy_buffer stored = OSY_BUFFER_INIT;
    bool ok =
        osy_column_encrypt(keyring, &place, user->totp_secret, API_TOTP_SECRET_BYTES, &stored, err);
    api_db_bytea_append(literal, stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
    return ok;
}

static void reply_offer(struct api_request *request, const struct api_user *user)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, "{\"secret\":\"");
    api_totp_append_base32(&body, user->totp_secret);
    osy_buffer_text(&body, "\",\"uri\":\"");
    api_totp_append_uri(&body, user->totp_secret, user->email);
    osy_buffer_text(&body, "\"}");
    api_reply_json(request, 201, &body);
}

static void reply_in_use(struct api_request *request)
{
    api_reply_error(request, 409, "TWO_FACTOR_CONFLICT",
                    "The second factor is not in the state that this starts from.", NULL);
}

static bool settle(struct api_worker *worker, struct api_request *request,
                   const struct input *input)
{
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, NULL);
    if (api_account_settle(worker->pg, &scope, &input->user, &input->attempt, &err))
        return true;
    api_reply_database_error(request, &err);
    return false;
}

static void offer(struct api_worker *worker, struct api_request *request, struct api_user *user)
{
    struct api_db_scope scope;
    struct osy_buffer stored = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    char id[OSY_UUID_TEXT_BYTES];
    PGresult *row = NULL;
    api_db_scope_fill(&scope, request, NULL);
    osy_uuid_format(&user->id, id);
    api_totp_make_secret(user->totp_secret);
    if (encrypt_secret(worker->context->keyring, user, &stored, &err))
        row = api_db_query(worker->pg, &scope, sql_offer_totp, 2,
                           (const char *const[]){id, stored.bytes}, &err);
    if (!row)
        api_reply_database_error(request, &err);
    else if (PQntuples(row) == 0)
        reply_in_use(request);
    else
        reply_offer(request, user);
    PQclear(row);
    osy_buffer_deinit(&stored);
}

void api_handle_offer_totp(struct api_worker *worker, struct api_request *request)
{
    struct input input = {0};
    struct osy_error err = {0};
    const struct osy_json_field fields[] = {
        {"password", OSY_JSON_STRING, false, 1, API_PASSWORD_MAX, &input.password},
        {0},
    };
    if (!parse(request, &input, fields, &err))
        api_reply_invalid(request, &err);
    else if (api_account_prove(worker, request, input.password, &input.user, &input.attempt) &&
             settle(worker, request, &input))
        offer(worker, request, &input.user);
    deinit(&input);
}

/* ---- confirming ---- */

struct recovery_codes {
    struct osy_buffer json, digests; /* an array each: for the client, and for PostgreSQL */
};

static void make_codes(const struct osy_keyring *keyring, struct recovery_codes *codes)
{
    char code[API_RECOVERY_CODE_BYTES];
    uint8_t digest[OSY_BLIND_INDEX_BYTES];
    for (size_t i = 0; i < API_RECOVERY_CODES; i++) {
        api_recovery_code_make(code);
        api_recovery_code_digest(keyring, code, digest);
        osy_buffer_texts(&codes->json, i > 0 ? ",\"" : "\"", code, "\"", NULL);
        osy_buffer_text(&codes->digests, i > 0 ? ",\"\\" : "{\"\\");
        api_db_bytea_append(&codes->digests, digest, sizeof digest);
        osy_buffer_char(&codes->digests, '"');
    }
    osy_buffer_char(&codes->digests, '}');
    OPENSSL_cleanse(code, sizeof code);
}

#define FACTOR_OFF "{\"two_factor\":false}" /* what is recorded of it: nothing of a secret */
#define FACTOR_ON  "{\"two_factor\":true}"

static bool run_enable(struct api_worker *worker, const struct api_user *user,
                       const struct recovery_codes *codes, bool *is_enabled, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&user->id, id);
    PGresult *row = osy_pg_query(worker->pg, sql_enable_totp, 2,
                                 (const char *const[]){id, codes->digests.bytes}, err);
    *is_enabled = row && PQntuples(row) == 1;
    PQclear(row);
    return row && (!*is_enabled ||
                   api_user_record(worker->pg, worker->context->keyring, "user.two_factor_enabled",
                                   &user->id, FACTOR_OFF, FACTOR_ON, err));
}

/* Of the secret that is offered now, and stays the offered one until the transaction ends: another request may have
 * offered another. The code is used up like any other, so that it cannot sign anybody in afterwards. */
static bool judge_first_code(struct api_worker *worker, const struct api_db_scope *scope,
                             struct input *input, enum api_second_factor *outcome,
                             struct osy_error *err)
{
    const struct osy_keyring *keyring = worker->context->keyring;
    if (!api_user_lock(worker->pg, keyring, scope, &input->user, err))
        return false;
    input->user.uses_totp = input->user.has_totp_secret;
    return api_second_factor_use(worker->pg, keyring, &input->user, input->totp, NULL, outcome,
                                 err);
}

static bool enable(struct api_worker *worker, const struct api_request *request,
                   struct input *input, const struct recovery_codes *codes,
                   enum api_second_factor *outcome, bool *is_enabled, struct osy_error *err)
{
    struct api_db_scope scope;
    api_db_scope_fill(&scope, request, NULL);
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok = judge_first_code(worker, &scope, input, outcome, err) &&
              (*outcome != API_SECOND_FACTOR_GOOD ||
               (run_enable(worker, &input->user, codes, is_enabled, err) &&
                api_login_guard_return(worker->pg, &scope, &input->attempt, err)));
    if (ok && *is_enabled)
        return api_db_commit(worker->pg, err);
    api_db_rollback(worker->pg);
    return ok;
}

static void confirm(struct api_worker *worker, struct api_request *request, struct input *input)
{
    struct recovery_codes codes = {OSY_BUFFER_INIT, OSY_BUFFER_INIT};
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    enum api_second_factor outcome = API_SECOND_FACTOR_WRONG;
    bool is_enabled = false;
    make_codes(worker->context->keyring, &codes);
    if (!enable(worker, request, input, &codes, &outcome, &is_enabled, &err)) {
        api_reply_database_error(request, &err);
    } else if (outcome != API_SECOND_FACTOR_GOOD) {
        api_reply_error(request, 403, "WRONG_CODE", "That is not the code of now.", NULL);
    } else if (!is_enabled) {
        reply_in_use(request);
    } else {
        osy_buffer_texts(&body, "{\"recovery_codes\":[", codes.json.bytes, "]}", NULL);
        api_reply_json(request, 200, &body);
    }
    osy_buffer_deinit(&codes.json);
    osy_buffer_deinit(&codes.digests);
}

void api_handle_confirm_totp(struct api_worker *worker, struct api_request *request)
{
    struct input input = {0};
    struct osy_error err = {0};
    const struct osy_json_field fields[] = {
        {"totp", OSY_JSON_STRING, false, 1, CODE_MAX, &input.totp},
        {0},
    };
    if (!parse(request, &input, fields, &err))
        api_reply_invalid(request, &err);
    else if (!api_account_load(worker, request, &input.user))
        ; /* it has replied */
    else if (input.user.uses_totp || !input.user.has_totp_secret)
        reply_in_use(request);
    else if (api_account_count(worker, request, &input.user, &input.attempt))
        confirm(worker, request, &input);
    deinit(&input);
}

/* ---- turning off ---- */

static bool run_disable(struct api_worker *worker, const struct api_db_scope *scope,
                        struct input *input, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&input->user.id, id);
    PGresult *row = osy_pg_query(worker->pg, sql_disable_totp, 1, (const char *const[]){id}, err);
    bool was_on = row && PQntuples(row) == 1;
    PQclear(row);
    return row &&
           (!was_on ||
            api_user_record(worker->pg, worker->context->keyring, "user.two_factor_disabled",
                            &input->user.id, FACTOR_ON, FACTOR_OFF, err)) &&
           api_login_guard_forgive(worker->pg, scope, &input->attempt, err);
}

static bool disable(struct api_worker *worker, const struct api_request *request,
                    struct input *input, enum api_second_factor *outcome, struct osy_error *err)
{
    struct api_db_scope scope;
    api_db_scope_fill(&scope, request, NULL);
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok = api_second_factor_use(worker->pg, worker->context->keyring, &input->user, input->totp,
                                    input->recovery_code, outcome, err) &&
              (*outcome != API_SECOND_FACTOR_GOOD || run_disable(worker, &scope, input, err));
    if (ok && *outcome == API_SECOND_FACTOR_GOOD)
        return api_db_commit(worker->pg, err);
    api_db_rollback(worker->pg);
    return ok;
}

static void turn_off(struct api_worker *worker, struct api_request *request, struct input *input)
{
    struct osy_error err = {0};
    enum api_second_factor outcome = API_SECOND_FACTOR_WRONG;
    if (!input->user.uses_totp) {
        reply_in_use(request);
    } else if (!disable(worker, request, input, &outcome, &err)) {
        api_reply_database_error(request, &err);
    } else if (outcome == API_SECOND_FACTOR_GOOD) {
        api_reply_bytes(request, 204, NULL, NULL);
    } else {
        api_sign_in_record_failure(worker, request, &input->user.id, "auth.code_refused");
        api_reply_error(request, 403, "WRONG_CODE", "That is not the code of now.", NULL);
    }
}

void api_handle_disable_totp(struct api_worker *worker, struct api_request *request)
{
    struct input input = {0};
    struct osy_error err = {0};
    const struct osy_json_field fields[] = {
        {"password", OSY_JSON_STRING, false, 1, API_PASSWORD_MAX, &input.password},
        {"totp", OSY_JSON_STRING, true, 1, CODE_MAX, &input.totp},
        {"recovery_code", OSY_JSON_STRING, true, 1, CODE_MAX, &input.recovery_code},
        {0},
    };
    if (!parse(request, &input, fields, &err))
        api_reply_invalid(request, &err);
    else if (api_account_prove(worker, request, input.password, &input.user, &input.attempt))
        turn_off(worker, request, &input);
    deinit(&input);
}
