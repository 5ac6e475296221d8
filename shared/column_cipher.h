/*
 * Column encryption: AES-256-GCM (shared/aead.h) with a random nonce.
 * Stored bytes: version (1) | length of the key's name (1) | name | nonce (12) | ciphertext | tag (16).
 * Version 1 is encrypted with a wrapping key, a data key of the keyring, whose name is its kid: secrets of ours, and data
 * keys. Version 2 is encrypted with somebody's own data key (shared/data_key.h), whose name is its UUID: personal data,
 * which nobody can read any more once that key is gone.
 * The additional data binds a value to its place: version, key, table, column and row id, so a value that is moved to
 * another row, column or table, or relabelled with another key, does not decrypt. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

struct osy_data_key;

struct osy_column {
    const char *table, *column; /* "orders", "customer_name" */
    struct osy_uuid row_id;
};

enum osy_column_version { OSY_COLUMN_WRAPPED = 1, OSY_COLUMN_SEALED = 2 };

/* Version 1. Appends the stored bytes to out. Fails only when OpenSSL does (OSY_ERR_IO). */
OSY_MUST_CHECK bool osy_column_encrypt(const struct osy_keyring *keyring,
                                       const struct osy_column *place, const void *plain,
                                       size_t length, struct osy_buffer *out,
                                       struct osy_error *err);
/* Version 1. Appends the plain bytes to out; on failure (OSY_ERR_INVALID: unknown key, altered, moved, cut)
 * out is as it was, and no plaintext is left behind in memory. */
OSY_MUST_CHECK bool osy_column_decrypt(const struct osy_keyring *keyring,
                                       const struct osy_column *place, const void *stored,
                                       size_t length, struct osy_buffer *out,
                                       struct osy_error *err);
/* The same two for version 2. */
OSY_MUST_CHECK bool osy_column_seal(const struct osy_data_key *key, const struct osy_column *place,
                                    const void *plain, size_t length, struct osy_buffer *out,
                                    struct osy_error *err);
OSY_MUST_CHECK bool osy_column_open(const struct osy_data_key *key, const struct osy_column *place,
                                    const void *stored, size_t length, struct osy_buffer *out,
                                    struct osy_error *err);
/* The version that the stored bytes claim; 0 when there are none. */
int osy_column_version(const void *stored, size_t length);
