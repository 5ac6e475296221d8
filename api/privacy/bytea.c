#include "api/privacy/bytea.h"

#include <stdint.h>
#include <stdlib.h>

unsigned char *api_bytea_read(const PGresult *result, int row, int column, size_t *length)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, column), length);
    if (!bytes)
        abort(); /* out of memory, as osy_alloc */
    return bytes;
}

void api_bytea_append(struct osy_buffer *out, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;
    osy_buffer_text(out, "\\x");
    for (size_t i = 0; i < length; i++) {
        osy_buffer_char(out, digits[byte[i] >> 4]);
        osy_buffer_char(out, digits[byte[i] & 15]);
    }
}
