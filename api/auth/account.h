/* What the handlers of one's own account share. Worker threads. */
#pragma once
#include "api/auth/sign_in.h"

/* Loads the user of the request's access token. False: a reply was given (404 USER_NOT_FOUND for a token that no account
 * stands behind). Wipe the user afterwards, either way. */
OSY_MUST_CHECK bool api_account_load(struct api_worker *worker, struct api_request *request,
                                     struct api_user *user);
/* The same, if password is the account's; attempts are counted as those of a login are. False: a reply was given. */
OSY_MUST_CHECK bool api_account_prove(struct api_worker *worker, struct api_request *request,
                                      const char *password, struct api_user *user,
                                      struct api_login_attempt *attempt);
void api_account_refuse(struct api_worker *worker, struct api_request *request,
                        const struct api_user *user); /* 403 WRONG_PASSWORD, on record */
