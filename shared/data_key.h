/*
 * Data keys: the keys that personal data is encrypted with (shared/column_cipher.h, version 2), one for each person or,
 * where nobody has an account, for each order. A data key is stored wrapped, that is, encrypted with the active wrapping
 * key (a version 1 column): when the wrapping key changes, 32 bytes are encrypted anew instead of everything; and when
 * the wrapped key is deleted, what it encrypted is unreadable everywhere, in backups of later days, too.
 * A data key is named by the id of the row that has it. Making or unwrapping one costs one encryption, so it needs no
 * worker. From any thread; whoever has one in memory wipes it.
 */
#pragma once
#include "shared/buffer.h"
#include "shared/column_cipher.h"
#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

struct osy_data_key {
    struct osy_uuid id;
    uint8_t secret[OSY_SECRET_BYTES];
};

/* A new random key, named by place's row; its wrapped form, for place, is appended. Fails only when OpenSSL does. */
OSY_MUST_CHECK bool osy_data_key_make(const struct osy_keyring *keyring,
                                      const struct osy_column *place, struct osy_data_key *key,
                                      struct osy_buffer *wrapped, struct osy_error *err);
/* OSY_ERR_INVALID: not wrapped for this place, altered, or the wrapping key is not there. */
OSY_MUST_CHECK bool osy_data_key_unwrap(const struct osy_keyring *keyring,
                                        const struct osy_column *place, const void *wrapped,
                                        size_t length, struct osy_data_key *key,
                                        struct osy_error *err);
void osy_data_key_wipe(struct osy_data_key *key);
