/*
 * The second factor of a user: a code of their authenticator app, or one of the recovery codes. Either is good once, which
 * one UPDATE or DELETE decides, so that of two requests with the same code one gets in. Worker threads.
 */
#pragma once
#include "api/auth/user.h"

enum api_second_factor {
    API_SECOND_FACTOR_GOOD = 0,
    API_SECOND_FACTOR_MISSING, /* neither was given */
    API_SECOND_FACTOR_WRONG,
};

/* Uses the code up, in the caller's transaction and scope. totp and recovery_code may be NULL. */
OSY_MUST_CHECK bool api_second_factor_use(struct osy_pg *pg, const struct osy_keyring *keyring,
                                          const struct api_user *user, const char *totp,
                                          const char *recovery_code,
                                          enum api_second_factor *outcome, struct osy_error *err);
/* What is stored of a recovery code. */
void api_recovery_code_digest(const struct osy_keyring *keyring, const char *code,
                              uint8_t digest[OSY_BLIND_INDEX_BYTES]);
