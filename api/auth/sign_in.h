/*
 * Signing in: what every way to get tokens has in common, and every refusal. A client gets an access token of 15 minutes
 * and a refresh token (session.h). Worker threads.
 */
#pragma once
#include "api/auth/login_guard.h"
#include "api/auth/session.h"
#include "api/auth/user.h"
#include "api/db/scope.h"

struct api_request;
struct api_worker;

#define API_ACCESS_TOKEN_S (15 * 60)

/* The scope of somebody who is about to prove who they are: sees that user's rows, acts as a guest. user_id is
 * borrowed. */
void api_sign_in_scope(struct api_db_scope *scope, const struct api_request *request,
                       const struct osy_uuid *user_id);

/* Begins session and ends what is too many. In the caller's transaction. device: NULL, or as api_sign_in_device gave it. */
OSY_MUST_CHECK bool api_sign_in_begin(struct api_worker *worker, const struct api_request *request,
                                      const struct api_user *user, const char *device,
                                      struct api_session *session, struct api_sessions_ended *ended,
                                      struct osy_error *err);
/* Answers with the tokens of a session, once the transaction is committed. */
void api_sign_in_reply(struct api_worker *worker, struct api_request *request, int status,
                       const struct api_user *user, const struct api_session *session);

/* Puts something that concerns this user on record, in the caller's transaction. */
OSY_MUST_CHECK bool api_sign_in_record(struct osy_pg *pg, const char *action,
                                       const struct osy_uuid *user_id, struct osy_error *err);
/* Records that somebody failed to prove who they are. user_id NULL: an unknown person. */
void api_sign_in_record_failure(struct api_worker *worker, const struct api_request *request,
                                const struct osy_uuid *user_id, const char *action);
/* 401 INVALID_CREDENTIALS: the same for all reasons. */
void api_reply_bad_credentials(struct api_request *request);
/* 429 TOO_MANY_ATTEMPTS. */
void api_reply_too_many_attempts(struct api_request *request, int64_t wait_s);
void api_reply_email_taken(struct api_request *request); /* 409 EMAIL_TAKEN */

/* The client's name for the device, trimmed, to be freed; *device stays NULL when given is. */
OSY_MUST_CHECK bool api_sign_in_device(const char *given, char **device, struct osy_error *err);
/* What a new password must be: OSY_ERR_INVALID, naming field. */
OSY_MUST_CHECK bool api_sign_in_check_password(const char *field, const char *password,
                                               const char *email, struct osy_error *err);
