/*
 * What the law wants kept of an erased order (statutory_records): a JSON text, encrypted under a data key of its own, which
 * stands beside it, wrapped, and ends with it.
 */
#pragma once
#include <libpq-fe.h>
#include <stddef.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/keys.h"
#include "shared/uuid.h"

/* As they are stored: bytea literals. */
struct api_statutory_seal {
    struct osy_buffer data_key, record;
};
/* clang-format off */
#define API_STATUTORY_SEAL_INIT {OSY_BUFFER_INIT, OSY_BUFFER_INIT}
/* clang-format on */

OSY_MUST_CHECK bool api_statutory_seal(const struct osy_keyring *keyring,
                                       const struct osy_uuid *order_id, const char *json,
                                       size_t length, struct api_statutory_seal *seal,
                                       struct osy_error *err);
void api_statutory_seal_deinit(struct api_statutory_seal *seal);

/* Appends the JSON of a row whose columns data_key and record are these two: to be wiped. */
OSY_MUST_CHECK bool api_statutory_open(const struct osy_keyring *keyring,
                                       const struct osy_uuid *order_id, const PGresult *result,
                                       int row, int data_key_column, int record_column,
                                       struct osy_buffer *json, struct osy_error *err);
