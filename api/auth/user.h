/*
 * A user: a person with an account, as the database knows them, decrypted. What changes one runs in a transaction of the
 * caller's, in the user's scope. For worker threads and commands.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/email.h"
#include "api/auth/password.h"
#include "api/auth/totp.h"
#include "shared/jwt.h"
#include "shared/uuid.h"

struct api_db_scope;
struct osy_pg;

#define API_USER_NAME_MAX        100 /* characters */
#define API_USER_NAME_BYTES      (4 * API_USER_NAME_MAX + 1)
#define API_USER_RESTAURANTS_MAX 40 /* so many fit into an access token beside the permissions */

struct api_user {
    struct osy_uuid id;
    enum osy_role role;
    char email[API_EMAIL_BYTES];
    char name[API_USER_NAME_BYTES];
    char password_hash[API_PASSWORD_HASH_BYTES];
    bool is_disabled;
    bool has_totp_secret, uses_totp; /* a secret that is not in use yet has been offered only */
    uint8_t totp_secret[API_TOTP_SECRET_BYTES];
    size_t restaurant_count;
    struct osy_uuid restaurants[API_USER_RESTAURANTS_MAX];
};

/* Scope's user. OSY_ERR_NOT_FOUND; other errors as osy_pg_query's, and OSY_ERR_INVALID when a column cannot be decrypted.
 * Wipe the user afterwards. */
OSY_MUST_CHECK bool api_user_load(struct osy_pg *pg, const struct osy_keyring *keyring,
                                  const struct api_db_scope *scope, struct api_user *user,
                                  struct osy_error *err);
/* The same in the caller's transaction: until its end nobody else changes the account. */
OSY_MUST_CHECK bool api_user_lock(struct osy_pg *pg, const struct osy_keyring *keyring,
                                  const struct api_db_scope *scope, struct api_user *user,
                                  struct osy_error *err);
void api_user_wipe(struct api_user *user);

/* A new one: id, role, email, name and password_hash are set, and restaurants. In the caller's transaction, which has to
 * be rolled back when the address turns out to be taken. */
OSY_MUST_CHECK bool api_user_insert(struct osy_pg *pg, const struct osy_keyring *keyring,
                                    const struct api_user *user, bool *is_taken,
                                    struct osy_error *err);
/* In the caller's transaction. *is_set false: it is not user->password_hash any more that is stored, and stays. */
OSY_MUST_CHECK bool api_user_set_password_hash(struct osy_pg *pg, const struct api_user *user,
                                               const char *stored, bool *is_set,
                                               struct osy_error *err);
/* Puts a change of an account on record, in the caller's transaction. Values: JSON of what has changed, with nothing
 * secret in it; NULL: nothing before, or nothing after. */
OSY_MUST_CHECK bool api_user_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                                    const char *action, const struct osy_uuid *user_id,
                                    const char *old_json, const char *new_json,
                                    struct osy_error *err);
/* `{"role":...,"restaurant_ids":[...]}`: what is recorded of what the user may do. */
void api_user_append_standing(struct osy_buffer *json, const struct api_user *user);
/* As the literal of a uuid[]. */
void api_user_append_restaurants(struct osy_buffer *array, const struct api_user *user);
/* `{"id":...,"role":...,...}`: as the user sees themselves. */
void api_user_append(struct osy_buffer *out, const struct api_user *user);
