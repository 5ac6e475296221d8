/*
 * Column encryption: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce and a 16-byte tag.
 * Stored bytes: version 1 (1) | kid length (1) | kid | nonce (12) | ciphertext | tag (16).
 * The additional data binds a value to its place: version, kid, table, column and row id, so a
 * value that is moved to another row, column or table, or relabelled with another key, does not
 * decrypt. Contexts are cached per thread, by secret, so a keyring may go at any time. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

struct osy_column {
    const char *table, *column; /* "orders", "customer_name" */
    struct osy_uuid row_id;
};

/* Appends the stored bytes to out. Fails only when OpenSSL does (OSY_ERR_IO). */
OSY_MUST_CHECK bool osy_column_encrypt(const struct osy_keyring *keyring,
                                       const struct osy_column *place, const void *plain,
                                       size_t length, struct osy_buffer *out,
                                       struct osy_error *err);
/* Appends the plain bytes to out; on failure (OSY_ERR_INVALID: unknown key, altered, moved, cut)
 * out is as it was, and no plaintext is left behind in memory. */
OSY_MUST_CHECK bool osy_column_decrypt(const struct osy_keyring *keyring,
                                       const struct osy_column *place, const void *stored,
                                       size_t length, struct osy_buffer *out,
                                       struct osy_error *err);
