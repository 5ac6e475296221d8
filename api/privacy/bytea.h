/* A bytea column of a result in text format, as bytes. */
#pragma once
#include <libpq-fe.h>
#include <stddef.h>

#include "shared/buffer.h"

/* PQfreemem it. NULL: SQL null. */
unsigned char *api_bytea_read(const PGresult *result, int row, int column, size_t *length);
/* Appends the literal of these bytes: "\x...". */
void api_bytea_append(struct osy_buffer *out, const void *bytes, size_t length);
