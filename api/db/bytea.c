#include "api/db/bytea.h"

#include <stdlib.h>

void api_db_bytea_append(struct osy_buffer *out, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    osy_buffer_reserve(out, 2 + 2 * length + 1);
    osy_buffer_text(out, "\\x");
    for (size_t i = 0; i < length; i++) {
        osy_buffer_char(out, digits[at[i] >> 4]);
        osy_buffer_char(out, digits[at[i] & 15]);
    }
}

unsigned char *api_db_bytea_read(const PGresult *result, int row, int column, size_t *length)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, column), length);
    if (!bytes)
        abort(); /* out of memory */
    return bytes;
}

bool api_db_bytea_decrypt(const PGresult *result, int row, int column,
                          const struct osy_keyring *keyring, const struct osy_column *place,
                          struct osy_buffer *plain, struct osy_error *err)
{
    size_t length = 0;
    unsigned char *stored = api_db_bytea_read(result, row, column, &length);
    bool ok = osy_column_decrypt(keyring, place, stored, length, plain, err);
    PQfreemem(stored);
    return ok;
}
