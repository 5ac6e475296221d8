/*
 * AWS KMS as the key service of a keyring (shared/keys.h): a wrapping key lies in the folder as the CiphertextBlob that
 * GenerateDataKey gave, and Decrypt opens it when the keyring is read. So whoever copies the folder, or a backup of it, has
 * nothing; and KMS need not be there for a request.
 *
 * The encryption context names the key's kind and kid: a blob under another file's name is refused by KMS. Each call names
 * the KMS key: a blob that somebody made with a key of his own, and put into the folder, is refused, too.
 *
 * HTTPS alone, whose certificate must be right; requests are signed (AWS Signature Version 4) by libcurl, with credentials
 * that are read from their file for each try (kms_credentials.h). What may pass (no connection, no answer, 5xx, throttling)
 * is tried again after a growing random pause, until five tries or the time limit are over. Errors name KMS' error type,
 * never its text, and no secret. Blocks: for the start, commands and libuv's thread pool.
 */
#pragma once
#include <stdint.h>

#include "shared/error.h"
#include "shared/keys.h"

struct api_aws_kms_options {
    const char *url;    /* https:// */
    const char *key_id; /* id, ARN or alias */
    const char *region;
    const char *credentials_file;
    const char *ca_file; /* whom to trust instead of the system's; empty: the system's */
    int64_t timeout_ms;  /* of one key, all tries together */
};

/* Copies the options; asks nothing yet. */
struct osy_key_service *api_aws_kms_create(const struct api_aws_kms_options *options,
                                           struct osy_error *err);
