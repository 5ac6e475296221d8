#include "shared/data_key.h"

#include <openssl/crypto.h>
#include <string.h>

#include "shared/random.h"

bool osy_data_key_make(const struct osy_keyring *keyring, const struct osy_column *place,
                       struct osy_data_key *key, struct osy_buffer *wrapped, struct osy_error *err)
{
    key->id = place->row_id;
    osy_random_bytes(key->secret, sizeof key->secret);
    if (osy_column_encrypt(keyring, place, key->secret, sizeof key->secret, wrapped, err))
        return true;
    osy_data_key_wipe(key);
    return false;
}

bool osy_data_key_unwrap(const struct osy_keyring *keyring, const struct osy_column *place,
                         const void *wrapped, size_t length, struct osy_data_key *key,
                         struct osy_error *err)
{
    struct osy_buffer plain = OSY_BUFFER_INIT;
    bool ok = osy_column_decrypt(keyring, place, wrapped, length, &plain, err);

    if (ok && plain.length != sizeof key->secret)
        ok = osy_error_set(err, OSY_ERR_INVALID, "%s.%s is not a data key", place->table,
                           place->column);
    if (ok) {
        key->id = place->row_id;
        memcpy(key->secret, plain.bytes, sizeof key->secret);
    }
    osy_buffer_wipe(&plain);
    return ok;
}

void osy_data_key_wipe(struct osy_data_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}
