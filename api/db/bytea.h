/* bytea as text: what a statement's parameter needs, and what a result gives. */
#pragma once
#include <libpq-fe.h>
#include <stddef.h>

#include "shared/buffer.h"

/* Appends the literal, `\x` and hex digits. */
void api_db_bytea_append(struct osy_buffer *out, const void *bytes, size_t length);
/* Appends the bytes of a field that is not null. OSY_ERR_IO when libpq is out of memory. */
OSY_MUST_CHECK bool api_db_bytea_read(const PGresult *result, int row, int column,
                                      struct osy_buffer *out, struct osy_error *err);
