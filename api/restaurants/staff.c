/*
 * `/api/v1/restaurants/me/staff`: who works in a restaurant. Its owner gives somebody an account with a first password, and
 * takes the place away again, which ends that person's sessions at once: tokens name restaurants. An address that has an
 * account already is refused: nobody is made a member, or shown to an owner by name, without having been asked. The login
 * guard counts that as an attempt, as of who signs up, so that addresses cannot be tried out by the thousand.
 */
#include <stdio.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/auth/account.h"
#include "api/auth/principal.h"
#include "api/auth/revocation.h"
#include "api/auth/sign_in.h"
#include "api/context.h"
#include "api/db/idempotency.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/restaurants/change.h"
#include "api/restaurants/handlers.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/log.h"
#include "shared/pg.h"

#define WHY "left the restaurant"

enum { MEMBER_USER = 0, MEMBER_SINCE };

static void append_member(struct osy_buffer *out, const struct api_user *user, const char *since)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&user->id, id);
    osy_buffer_texts(out, "{\"user_id\":\"", id, "\",\"role\":\"", osy_role_name(user->role),
                     "\",\"name\":", NULL);
    osy_buffer_json_string(out, user->name);
    osy_buffer_text(out, ",\"email\":");
    osy_buffer_json_string(out, user->email);
    if (since)
        osy_buffer_texts(out, ",\"since\":\"", since, "\"", NULL);
    osy_buffer_char(out, '}');
}

/* ---- list ---- */

/* Each person's row is their own, so each is read in their scope. */
static bool append_row(struct api_worker *worker, const struct api_db_scope *scope,
                       const PGresult *rows, int row, struct osy_buffer *body,
                       struct osy_error *err)
{
    struct api_user user = {0};
    struct osy_uuid user_id;
    if (!osy_uuid_parse(PQgetvalue(rows, row, MEMBER_USER), OSY_UUID_TEXT_BYTES - 1, &user_id))
        return osy_error_set(err, OSY_ERR_INVALID, "memberships has a row with a bad id");
    struct api_db_scope own = *scope;
    own.user_id = &user_id;
    bool ok = api_user_load(worker->pg, worker->context->keyring, &own, &user, err);
    if (ok) {
        osy_buffer_text(body, row > 0 ? "," : "");
        append_member(body, &user, PQgetvalue(rows, row, MEMBER_SINCE));
    }
    api_user_wipe(&user);
    return ok;
}

static bool append_staff(struct api_worker *worker, struct api_db_scope *scope, const char *id,
                         struct osy_buffer *body, struct osy_error *err)
{
    PGresult *rows =
        api_db_query(worker->pg, scope, sql_list_staff, 1, (const char *const[]){id}, err);
    bool ok = rows != NULL;
    for (int row = 0; ok && row < PQntuples(rows); row++)
        ok = append_row(worker, scope, rows, row, body, err);
    PQclear(rows);
    return ok;
}

void api_handle_list_staff(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    struct osy_buffer body = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    osy_uuid_format(&restaurant_id, id);
    api_db_scope_fill(&scope, request, &restaurant_id);
    osy_buffer_texts(&body, "{\"restaurant_id\":\"", id, "\",\"staff\":[", NULL);
    if (append_staff(worker, &scope, id, &body, &err)) {
        osy_buffer_text(&body, "]}");
        api_reply_json(request, 200, &body);
    } else {
        api_reply_database_error(request, &err);
    }
    osy_buffer_deinit(&body);
}

/* ---- add ---- */

static bool read_fields(json_t *root, struct api_user *user, const char **password,
                        struct osy_error *err)
{
    const char *email = NULL, *name = NULL;
    struct api_text trimmed;
    const struct osy_json_field fields[] = {
        {"email", OSY_JSON_STRING, false, 1, API_EMAIL_MAX, &email},
        {"name", OSY_JSON_STRING, false, 1, API_USER_NAME_MAX, &name},
        {"password", OSY_JSON_STRING, false, API_PASSWORD_MIN, API_PASSWORD_MAX, password},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) ||
        !api_email_parse("email", email, user->email, err) ||
        !api_text_trim("name", name, API_TEXT_ONE_LINE, &trimmed, err))
        return false;
    memcpy(user->name, trimmed.bytes, trimmed.length); /* API_USER_NAME_MAX characters fit */
    return api_sign_in_check_password("password", *password, user->email, err);
}

/* In the transaction. The account is the new person's own, so it is made in that scope. OSY_ERR_NOT_FOUND: no such
 * restaurant; an administrator may name any. */
static bool insert(struct api_worker *worker, const struct api_db_scope *scope,
                   const struct api_user *user, const struct api_login_attempt *attempt,
                   bool *is_taken, struct osy_error *err)
{
    const struct osy_keyring *keyring = worker->context->keyring;
    struct api_db_scope own = *scope;
    struct osy_buffer value = OSY_BUFFER_INIT;
    int64_t version;
    own.user_id = &user->id;
    append_member(&value, user, NULL);
    const struct api_audit_change change = {
        .action = "staff.added",
        .restaurant_id = &user->restaurants[0],
        .subject_id = &user->id,
        .new_json = value.bytes,
        .is_personal = true,
    };
    bool ok = api_restaurant_lock(worker, change.restaurant_id, &version, err) &&
              api_db_enter(worker->pg, &own, err) &&
              api_user_insert(worker->pg, keyring, user, is_taken, err) &&
              (*is_taken || (api_audit_record(worker->pg, keyring, &change, err) &&
                             api_login_guard_forgive(worker->pg, &own, attempt, err)));
    osy_buffer_deinit(&value);
    return ok;
}

/* Nothing was found out: another request has answered, or nobody could. */
static void give_back(struct api_worker *worker, const struct api_db_scope *scope,
                      const struct api_login_attempt *attempt)
{
    struct osy_error err = {0};
    if (!api_login_guard_return(worker->pg, scope, attempt, &err))
        OSY_WARN("attempt_not_returned", OSY_ERR(&err)); /* it counts for an hour */
}

static void reply_added(struct api_worker *worker, struct api_request *request,
                        const struct api_db_scope *scope, const struct api_user *user,
                        const struct api_login_attempt *attempt)
{
    struct osy_error err = {0};
    struct api_idempotency once;
    struct osy_buffer body = OSY_BUFFER_INIT;
    bool is_taken = false;
    if (!api_idempotency_begin(&once, worker, request, scope)) {
        give_back(worker, scope, attempt);
        return;
    }
    if (!insert(worker, scope, user, attempt, &is_taken, &err)) {
        api_restaurant_fail(&once, &err);
        give_back(worker, scope, attempt);
    } else if (is_taken) {
        api_idempotency_abandon(&once);
        api_reply_email_taken(request);
    } else {
        append_member(&body, user, NULL);
        api_idempotency_reply(&once, 201, &body);
    }
}

/* A repetition finds nothing out either, so it is answered before attempts are counted. True: a reply was given. */
static bool was_answered(struct api_worker *worker, struct api_request *request,
                         const struct api_db_scope *scope)
{
    struct api_idempotency once;
    if (!api_idempotency_begin(&once, worker, request, scope))
        return true;
    api_idempotency_abandon(&once); /* a password takes long to hash: not in a transaction */
    return false;
}

static void add(struct api_worker *worker, struct api_request *request, struct api_user *user,
                const char *password)
{
    const struct api_context *context = worker->context;
    struct api_login_attempt attempt;
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, &user->restaurants[0]);
    if (was_answered(worker, request, &scope) ||
        !api_account_count(worker, request, user, &attempt))
        return;
    user->id = osy_uuid_v7();
    user->role = OSY_ROLE_STAFF;
    user->restaurant_count = 1;
    if (api_password_hash(context->keyring, context->password_method, password, user->password_hash,
                          &err)) {
        reply_added(worker, request, &scope, user, &attempt);
        return;
    }
    give_back(worker, &scope, &attempt);
    OSY_ERROR("password_not_hashed", OSY_ERR(&err));
    api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
}

void api_handle_add_staff(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct api_user user = {0};
    const char *password = NULL;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &user.restaurants[0]))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (root && read_fields(root, &user, &password, &err))
        add(worker, request, &user, password);
    else
        api_reply_invalid(request, &err);
    api_user_wipe(&user);
    json_decref(root);
}

/* ---- remove ---- */

struct removal {
    struct api_db_scope scope; /* of who removes, and of whom */
    struct osy_uuid restaurant_id;
    struct api_user user;
    struct api_sessions_ended ended;
    struct api_revocation revocation;
};

/* Which restaurants somebody has is in that person's tokens, so all of them end. */
static bool end_sessions(struct api_worker *worker, struct removal *removal, struct osy_error *err)
{
    const struct api_session_choice all = {.user_id = &removal->user.id};
    const struct osy_keyring *keyring = worker->context->keyring;
    return api_session_end(worker->pg, keyring, &all, WHY, &removal->ended, err) &&
           api_revocation_record(worker->pg, keyring, &removal->revocation, err);
}

static bool record(struct api_worker *worker, const struct removal *removal, struct osy_error *err)
{
    struct osy_buffer value = OSY_BUFFER_INIT;
    append_member(&value, &removal->user, NULL);
    const struct api_audit_change change = {
        .action = "staff.removed",
        .restaurant_id = &removal->restaurant_id,
        .subject_id = &removal->user.id,
        .old_json = value.bytes,
        .is_personal = true,
    };
    bool ok = api_audit_record(worker->pg, worker->context->keyring, &change, err);
    osy_buffer_deinit(&value);
    return ok;
}

/* OSY_ERR_NOT_FOUND: somebody else was faster. */
static bool remove_membership(struct api_worker *worker, const struct removal *removal,
                              struct osy_error *err)
{
    char restaurant[OSY_UUID_TEXT_BYTES], user[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&removal->restaurant_id, restaurant);
    osy_uuid_format(&removal->user.id, user);
    PGresult *removed = osy_pg_query(worker->pg, sql_remove_membership, 2,
                                     (const char *const[]){restaurant, user}, err);
    bool ok = removed &&
              (PQntuples(removed) == 1 || osy_error_set(err, OSY_ERR_NOT_FOUND, "no such member"));
    PQclear(removed);
    return ok;
}

/* Under the lock: somebody may be made an owner in this very moment. OSY_ERR_DENIED: an owner. */
static bool check_is_staff(const struct api_user *user, struct osy_error *err)
{
    return user->role == OSY_ROLE_STAFF ||
           osy_error_set(err, OSY_ERR_DENIED, "owners are not staff");
}

/* Who is signing in has locked the account: it is waited for, so that the session is there to be ended. */
static bool remove_member(struct api_worker *worker, struct removal *removal, struct osy_error *err)
{
    if (api_db_begin(worker->pg, &removal->scope, err) &&
        api_user_lock(worker->pg, worker->context->keyring, &removal->scope, &removal->user, err) &&
        check_is_staff(&removal->user, err) && remove_membership(worker, removal, err) &&
        end_sessions(worker, removal, err) && record(worker, removal, err) &&
        api_db_commit(worker->pg, err))
        return true;
    api_db_rollback(worker->pg);
    return false;
}

static void announce(struct api_worker *worker, const struct removal *removal)
{
    struct osy_error err = {0};
    api_session_announce(worker->redis, &removal->ended);
    if (!api_revocation_announce(worker->redis, &removal->revocation, &err))
        OSY_WARN("revocation_not_announced", OSY_ERR(&err)); /* it is found in PostgreSQL */
}

static bool is_member(const struct removal *removal)
{
    for (size_t i = 0; i < removal->user.restaurant_count; i++) {
        if (osy_uuid_equal(&removal->user.restaurants[i], &removal->restaurant_id))
            return true;
    }
    return false;
}

static void reply_not_found(struct api_request *request)
{
    api_reply_error(request, 404, "STAFF_NOT_FOUND", "Nobody of that id works here.", NULL);
}

static void reply_removed(struct api_worker *worker, struct api_request *request,
                          struct removal *removal)
{
    struct osy_error err = {0};
    if (remove_member(worker, removal, &err)) {
        announce(worker, removal);
        api_reply_json(request, 204, NULL);
    } else if (err.code == OSY_ERR_DENIED) {
        api_reply_error(request, 409, "OWNER_STAYS", "Owners are not staff.", NULL);
    } else if (err.code == OSY_ERR_NOT_FOUND) {
        reply_not_found(request);
    } else {
        api_reply_database_error(request, &err);
    }
}

void api_handle_remove_staff(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid user_id;
    struct removal removal = {0};
    if (!api_scope_restaurant(request, &removal.restaurant_id))
        return;
    if (!api_request_param_uuid(request, "id", &user_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    api_db_scope_fill(&removal.scope, request, &removal.restaurant_id);
    removal.scope.user_id = &user_id;
    removal.revocation = (struct api_revocation){
        .what = {OSY_REVOCATION_USER, user_id, 0},
        .reason = WHY,
    };
    if (api_user_load(worker->pg, worker->context->keyring, &removal.scope, &removal.user, &err) &&
        is_member(&removal))
        reply_removed(worker, request, &removal);
    else if (err.code == OSY_OK || err.code == OSY_ERR_NOT_FOUND)
        reply_not_found(request);
    else
        api_reply_database_error(request, &err);
    api_user_wipe(&removal.user);
}
