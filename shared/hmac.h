/*
 * HMAC-SHA256 (RFC 2104) under one of our secrets. OpenSSL's one-shot call looks its algorithms up each time and costs
 * three times as much as the HMAC itself, so each thread keeps a few contexts, each with the last secret in it. From
 * any thread.
 */
#pragma once
#include "shared/digest.h"
#include "shared/keys.h"

#define OSY_HMAC_BYTES 32

/* Of the pieces as if they were one text. */
void osy_hmac_sha256(const uint8_t secret[OSY_SECRET_BYTES], const struct osy_piece *pieces,
                     size_t count, uint8_t mac[OSY_HMAC_BYTES]);
