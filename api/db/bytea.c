#include "api/db/bytea.h"

#include <openssl/crypto.h>

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

bool api_db_bytea_read(const PGresult *result, int row, int column, struct osy_buffer *out,
                       struct osy_error *err)
{
    size_t length = 0;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, column), &length);
    if (!bytes)
        return osy_error_set(err, OSY_ERR_IO, "out of memory");
    osy_buffer_append(out, bytes, length);
    OPENSSL_cleanse(bytes, length);
    PQfreemem(bytes);
    return true;
}
