/*
 * Signing up: POST /api/v1/auth/signup makes a restaurant with its owner, POST /api/v1/users a customer. Either signs in.
 * An address that is taken is told (409), because nobody could sign up otherwise; the login guard counts that as an
 * attempt, so that addresses cannot be tried out by the thousand.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/auth/handlers.h"
#include "api/auth/sign_in.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/log.h"
#include "shared/pg.h"

#define RESTAURANT_NAME_MAX 200 /* characters */
#define TIME_ZONE_MAX       64

struct sign_up {
    json_t *root; /* owned; the texts are borrowed from it */
    const char *password;
    char *device;               /* owned; NULL: none */
    struct api_text restaurant; /* its name; bytes NULL: a customer signs up */
    const char *currency, *time_zone;
    struct api_login_attempt attempt;
    struct api_user user;
    struct api_session session;
    struct api_sessions_ended ended;
};

/* ---- what came ---- */

static bool check_currency(const char *currency, struct osy_error *err)
{
    return strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 ||
           osy_error_set(err, OSY_ERR_INVALID,
                         "'restaurant.currency' must be three capital letters, as in KRW");
}

static bool parse_restaurant(json_t *object, struct sign_up *sign_up, struct osy_error *err)
{
    const char *name = NULL;
    const struct osy_json_field fields[] = {
        {"name", OSY_JSON_STRING, false, 1, RESTAURANT_NAME_MAX, &name},
        {"currency", OSY_JSON_STRING, false, 3, 3, &sign_up->currency},
        {"time_zone", OSY_JSON_STRING, false, 1, TIME_ZONE_MAX, &sign_up->time_zone},
        {0},
    };
    return osy_json_read(object, "restaurant.", fields, err) &&
           api_text_trim("restaurant.name", name, API_TEXT_ONE_LINE, &sign_up->restaurant, err) &&
           check_currency(sign_up->currency, err);
}

static bool take_name(const char *given, struct api_user *user, struct osy_error *err)
{
    struct api_text name;
    if (!api_text_trim("name", given, API_TEXT_ONE_LINE, &name, err))
        return false;
    memcpy(user->name, name.bytes, name.length); /* API_USER_NAME_MAX characters fit */
    return true;
}

static bool parse(const struct api_request *request, bool has_restaurant, struct sign_up *sign_up,
                  struct osy_error *err)
{
    const char *email = NULL, *name = NULL, *device = NULL;
    json_t *restaurant = NULL;
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    const struct osy_json_field fields[] = {
        {"email", OSY_JSON_STRING, false, 1, API_EMAIL_MAX, &email},
        {"password", OSY_JSON_STRING, false, API_PASSWORD_MIN, API_PASSWORD_MAX,
         &sign_up->password},
        {"name", OSY_JSON_STRING, false, 1, API_USER_NAME_MAX, &name},
        {"device", OSY_JSON_STRING, true, 1, API_SESSION_DEVICE_MAX, &device},
        has_restaurant
            ? (struct osy_json_field){"restaurant", OSY_JSON_OBJECT, false, 0, 0, &restaurant}
            : (struct osy_json_field){0},
        {0},
    };
    sign_up->root = osy_json_parse(body, length, JSON_OBJECT, err);
    return sign_up->root && osy_json_read(sign_up->root, "", fields, err) &&
           api_email_parse("email", email, sign_up->user.email, err) &&
           api_sign_in_check_password("password", sign_up->password, sign_up->user.email, err) &&
           take_name(name, &sign_up->user, err) &&
           api_sign_in_device(device, &sign_up->device, err) &&
           (!has_restaurant || parse_restaurant(restaurant, sign_up, err));
}

/* ---- what is made of it ---- */

static bool record_restaurant(struct api_worker *worker, const struct sign_up *sign_up,
                              const char *name, struct osy_error *err)
{
    const struct osy_uuid *id = &sign_up->user.restaurants[0];
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_text(&json, "{\"name\":");
    osy_buffer_json_string(&json, name);
    osy_buffer_text(&json, ",\"currency\":");
    osy_buffer_json_string(&json, sign_up->currency);
    osy_buffer_text(&json, ",\"time_zone\":");
    osy_buffer_json_string(&json, sign_up->time_zone);
    osy_buffer_char(&json, '}');
    const struct api_audit_change change = {.action = "restaurant.created",
                                            .restaurant_id = id,
                                            .subject_id = id,
                                            .new_json = json.bytes};
    bool ok = api_audit_record(worker->pg, worker->context->keyring, &change, err);
    osy_buffer_deinit(&json);
    return ok;
}

/* In the transaction. OSY_ERR_NOT_FOUND: there is no such time zone. */
static bool insert_restaurant(struct api_worker *worker, const struct sign_up *sign_up,
                              struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES], name[4 * RESTAURANT_NAME_MAX + 1];
    osy_uuid_format(&sign_up->user.restaurants[0], id);
    snprintf(name, sizeof name, "%.*s", (int)sign_up->restaurant.length, sign_up->restaurant.bytes);
    PGresult *made =
        osy_pg_query(worker->pg, sql_insert_restaurant, 4,
                     (const char *const[]){id, name, sign_up->currency, sign_up->time_zone}, err);
    if (!made)
        return false;
    bool is_made = PQntuples(made) == 1;
    PQclear(made);
    if (!is_made)
        return osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such time zone");
    return record_restaurant(worker, sign_up, name, err);
}

static bool record_user(struct api_worker *worker, const struct api_user *user,
                        struct osy_error *err)
{
    struct osy_buffer standing = OSY_BUFFER_INIT;
    api_user_append_standing(&standing, user);
    bool ok = api_user_record(worker->pg, worker->context->keyring, "user.created", &user->id, NULL,
                              standing.bytes, err);
    osy_buffer_deinit(&standing);
    return ok;
}

static bool insert_all(struct api_worker *worker, const struct api_request *request,
                       const struct api_db_scope *scope, struct sign_up *sign_up, bool *is_taken,
                       struct osy_error *err)
{
    return (!sign_up->restaurant.bytes || insert_restaurant(worker, sign_up, err)) &&
           api_user_insert(worker->pg, worker->context->keyring, &sign_up->user, is_taken, err) &&
           (*is_taken || (api_sign_in_begin(worker, request, &sign_up->user, sign_up->device,
                                            &sign_up->session, &sign_up->ended, err) &&
                          record_user(worker, &sign_up->user, err) &&
                          api_login_guard_forgive(worker->pg, scope, &sign_up->attempt, err)));
}

static bool store(struct api_worker *worker, const struct api_request *request,
                  struct sign_up *sign_up, bool *is_taken, struct osy_error *err)
{
    struct api_db_scope scope;
    api_sign_in_scope(&scope, request, &sign_up->user.id);
    scope.restaurant_id = sign_up->restaurant.bytes ? &sign_up->user.restaurants[0] : NULL;
    scope.actor_role = osy_role_name(sign_up->user.role);
    scope.actor_id = &sign_up->user.id;
    if (!api_db_begin(worker->pg, &scope, err))
        return false;
    bool ok = insert_all(worker, request, &scope, sign_up, is_taken, err);
    if (ok && !*is_taken)
        return api_db_commit(worker->pg, err);
    api_db_rollback(worker->pg);
    return ok;
}

static void make_user(struct sign_up *sign_up)
{
    struct api_user *user = &sign_up->user;
    user->id = osy_uuid_v7();
    user->role = sign_up->restaurant.bytes ? OSY_ROLE_OWNER : OSY_ROLE_CUSTOMER;
    if (sign_up->restaurant.bytes)
        user->restaurants[user->restaurant_count++] = osy_uuid_v7();
}

static void reply(struct api_worker *worker, struct api_request *request, struct sign_up *sign_up)
{
    struct osy_error err = {0};
    bool is_taken = false;
    if (store(worker, request, sign_up, &is_taken, &err) && !is_taken) {
        api_session_note(worker->redis, &sign_up->session);
        api_sign_in_reply(worker, request, 201, &sign_up->user, &sign_up->session);
    } else if (is_taken) {
        api_reply_email_taken(request);
    } else if (err.code == OSY_ERR_NOT_FOUND) {
        osy_error_set(&err, OSY_ERR_INVALID,
                      "'restaurant.time_zone' must be a time zone, as in Asia/Seoul");
        api_reply_invalid(request, &err);
    } else {
        api_reply_database_error(request, &err);
    }
}

static void sign_up_now(struct api_worker *worker, struct api_request *request, bool has_restaurant,
                        struct sign_up *sign_up)
{
    const struct api_context *context = worker->context;
    struct api_db_scope scope;
    struct osy_error err = {0};
    api_sign_in_scope(&scope, request, NULL);
    if (!parse(request, has_restaurant, sign_up, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (!api_login_guard_enter(worker->pg, context->keyring, &scope, sign_up->user.email,
                               &sign_up->attempt, &err)) {
        api_reply_database_error(request, &err);
        return;
    }
    if (sign_up->attempt.wait_s > 0) {
        api_reply_too_many_attempts(request, sign_up->attempt.wait_s);
        return;
    }
    make_user(sign_up);
    if (!api_password_hash(context->keyring, context->password_method, sign_up->password,
                           sign_up->user.password_hash, &err)) {
        OSY_ERROR("password_not_hashed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        return;
    }
    reply(worker, request, sign_up);
}

static void handle(struct api_worker *worker, struct api_request *request, bool has_restaurant)
{
    struct sign_up sign_up = {0};
    sign_up_now(worker, request, has_restaurant, &sign_up);
    json_decref(sign_up.root);
    free(sign_up.device);
    api_user_wipe(&sign_up.user);
    OPENSSL_cleanse(sign_up.session.token, sizeof sign_up.session.token);
}

void api_handle_sign_up(struct api_worker *worker, struct api_request *request)
{
    handle(worker, request, true);
}

void api_handle_create_user(struct api_worker *worker, struct api_request *request)
{
    handle(worker, request, false);
}
