/*
 * Who we are to AWS, from a file in the form of AWS's own shared credentials file, with one profile:
 *
 *   [default]
 *   aws_access_key_id = AKIA...
 *   aws_secret_access_key = ...
 *   aws_session_token = ...       optional
 *
 * The file is read for each use, so credentials that end can be replaced at any time. Errors name the line, never what
 * is in it.
 */
#pragma once
#include "shared/error.h"

struct api_kms_credentials {
    char access_key_id[129], secret_access_key[257];
    char session_token[8193]; /* empty: none */
};

/* OSY_ERR_IO: it cannot be read now. OSY_ERR_DENIED: others may read it, or it is not of that form. */
OSY_MUST_CHECK bool api_kms_credentials_read(const char *path,
                                             struct api_kms_credentials *credentials,
                                             struct osy_error *err);
void api_kms_credentials_wipe(struct api_kms_credentials *credentials);
