/*
 * RS256 (RFC 7518 section 3.3): RSASSA-PKCS1-v1_5 with SHA-256. What is signed with it: shared/jwt.h. Which keys are
 * good enough is decided where they are loaded: shared/keys.h. Thread-safe.
 */
#pragma once
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSY_RS256_SIGNATURE_MAX 1024 /* RSA of 8192 bits */

/* False only when OpenSSL fails. */
bool osy_rs256_sign(EVP_PKEY *key, const void *text, size_t length,
                    uint8_t signature[OSY_RS256_SIGNATURE_MAX], size_t *signature_length);
/* A text has one signature: of exactly the modulus' length, over the one encoding of the digest in DER. */
bool osy_rs256_verify(EVP_PKEY *key, const void *text, size_t length, const uint8_t *signature,
                      size_t signature_length);
