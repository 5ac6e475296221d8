/* bytea as text: what a statement's parameter needs, and what a result gives. */
#pragma once
#include <libpq-fe.h>
#include <stddef.h>

#include "shared/buffer.h"
#include "shared/column_cipher.h"

/* Appends the literal, `\x` and hex digits. */
void api_db_bytea_append(struct osy_buffer *out, const void *bytes, size_t length);
/* The bytes of a field, for PQfreemem; NULL: SQL null. Ends the process when there is no memory, as osy_alloc does. */
unsigned char *api_db_bytea_read(const PGresult *result, int row, int column, size_t *length);
/* Appends what a field that is not null holds encrypted for `place` (osy_column_decrypt, and its errors). Whoever has
 * `plain` wipes it. */
OSY_MUST_CHECK bool api_db_bytea_decrypt(const PGresult *result, int row, int column,
                                         const struct osy_keyring *keyring,
                                         const struct osy_column *place, struct osy_buffer *plain,
                                         struct osy_error *err);
