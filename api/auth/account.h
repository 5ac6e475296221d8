/* What the handlers of one's own account share. Worker threads. */
#pragma once
#include "api/auth/sign_in.h"

/* Loads the user of the request's access token. False: a reply was given (404 USER_NOT_FOUND for a token that no account
 * stands behind). Wipe the user afterwards, either way. */
OSY_MUST_CHECK bool api_account_load(struct api_worker *worker, struct api_request *request,
                                     struct api_user *user);
/* Counts an attempt to prove or to find out something of whoever has that user's e-mail address, as one to log in. False: a
 * reply was given. */
OSY_MUST_CHECK bool api_account_count(struct api_worker *worker, struct api_request *request,
                                      const struct api_user *user,
                                      struct api_login_attempt *attempt);
/* The same as api_account_load, if password is the account's; attempts are counted as those of a login are. False: a reply was given. */
OSY_MUST_CHECK bool api_account_prove(struct api_worker *worker, struct api_request *request,
                                      const char *password, struct api_user *user,
                                      struct api_login_attempt *attempt);
/* The password was right. Alone, or within the caller's transaction. Whoever uses a second factor has not proved with it
 * who they are: the account's failures stay counted. */
OSY_MUST_CHECK bool api_account_settle(struct osy_pg *pg, const struct api_db_scope *scope,
                                       const struct api_user *user,
                                       const struct api_login_attempt *attempt,
                                       struct osy_error *err);
void api_account_refuse(struct api_worker *worker, struct api_request *request,
                        const struct api_user *user); /* 403 WRONG_PASSWORD, on record */
