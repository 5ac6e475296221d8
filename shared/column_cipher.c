#include "shared/column_cipher.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "shared/aead.h"
#include "shared/data_key.h"
#include "shared/random.h"

#define HEAD_BYTES    2
#define KEY_NAME_MOST (OSY_KID_BYTES - 1)
#define NAME_MOST     63 /* PostgreSQL's limit for a table or column name */
#define PLAIN_MOST    (INT_MAX / 2)
/* version, key, table, column (each behind its length), row id */
#define PLACE_MOST (1 + (1 + KEY_NAME_MOST) + 2 * (1 + NAME_MOST) + OSY_UUID_BYTES)

_Static_assert(OSY_SECRET_BYTES == OSY_AEAD_SECRET_BYTES, "a key of the keyring fits the cipher");
_Static_assert(OSY_UUID_BYTES <= KEY_NAME_MOST, "a data key's name fits");

/* What a value is encrypted with; all of it borrowed. */
struct cipher_key {
    enum osy_column_version version;
    const uint8_t *secret;
    const void *name;
    size_t name_length;
};

static struct cipher_key wrapping_key(const struct osy_key *key)
{
    return (struct cipher_key){OSY_COLUMN_WRAPPED, key->secret, key->kid, strlen(key->kid)};
}

static struct cipher_key data_key(const struct osy_data_key *key)
{
    return (struct cipher_key){OSY_COLUMN_SEALED, key->secret, key->id.bytes, OSY_UUID_BYTES};
}

static size_t append_counted(uint8_t *out, const void *bytes, size_t length)
{
    out[0] = (uint8_t)length;
    memcpy(out + 1, bytes, length);
    return 1 + length;
}

/* The additional data: where the value belongs. Each name stands behind its length, so that no two
 * places have the same bytes. */
static size_t describe_place(const struct osy_column *place, const struct cipher_key *key,
                             uint8_t out[PLACE_MOST])
{
    size_t length = 0;

    assert(strlen(place->table) <= NAME_MOST && strlen(place->column) <= NAME_MOST);
    out[length++] = (uint8_t)key->version;
    length += append_counted(out + length, key->name, key->name_length);
    length += append_counted(out + length, place->table, strlen(place->table));
    length += append_counted(out + length, place->column, strlen(place->column));
    memcpy(out + length, place->row_id.bytes, OSY_UUID_BYTES);
    return length + OSY_UUID_BYTES;
}

static struct osy_aead describe_cipher(const struct cipher_key *key, const uint8_t *nonce,
                                       const uint8_t *bound, size_t bound_length)
{
    return (struct osy_aead){
        .lane = key->version == OSY_COLUMN_WRAPPED ? OSY_AEAD_WRAPPING : OSY_AEAD_DATA,
        .secret = key->secret,
        .nonce = nonce,
        .bound = bound,
        .bound_length = bound_length,
    };
}

static bool encrypt(const struct cipher_key *key, const struct osy_column *place, const void *plain,
                    size_t length, struct osy_buffer *out, struct osy_error *err)
{
    uint8_t bound[PLACE_MOST];
    uint8_t *nonce = NULL, *cipher = NULL;
    size_t start = out->length;

    assert(length <= PLAIN_MOST);
    osy_buffer_reserve(out, HEAD_BYTES + key->name_length + OSY_AEAD_NONCE_BYTES + length +
                                OSY_AEAD_TAG_BYTES);
    osy_buffer_char(out, (char)key->version);
    osy_buffer_char(out, (char)key->name_length);
    osy_buffer_append(out, key->name, key->name_length);
    nonce = (uint8_t *)out->bytes + out->length;
    cipher = nonce + OSY_AEAD_NONCE_BYTES;
    osy_random_bytes(nonce, OSY_AEAD_NONCE_BYTES);
    const struct osy_aead aead =
        describe_cipher(key, nonce, bound, describe_place(place, key, bound));
    if (!osy_aead_encrypt(&aead, plain, length, cipher, cipher + length)) {
        out->length = start;
        out->bytes[start] = '\0';
        return osy_error_set(err, OSY_ERR_IO, "cannot encrypt %s.%s", place->table, place->column);
    }
    out->length += OSY_AEAD_NONCE_BYTES + length + OSY_AEAD_TAG_BYTES;
    out->bytes[out->length] = '\0';
    return true;
}

bool osy_column_encrypt(const struct osy_keyring *keyring, const struct osy_column *place,
                        const void *plain, size_t length, struct osy_buffer *out,
                        struct osy_error *err)
{
    const struct osy_key *active = osy_keyring_active(keyring, OSY_KEY_DATA);

    assert(active);
    const struct cipher_key key = wrapping_key(active);
    return encrypt(&key, place, plain, length, out, err);
}

bool osy_column_seal(const struct osy_data_key *data, const struct osy_column *place,
                     const void *plain, size_t length, struct osy_buffer *out,
                     struct osy_error *err)
{
    const struct cipher_key key = data_key(data);
    return encrypt(&key, place, plain, length, out, err);
}

/* What the stored bytes consist of; all of it borrowed from them. */
struct stored {
    int version;
    const uint8_t *name, *nonce, *cipher, *tag;
    size_t name_length;
    size_t length; /* of cipher, and of the plain bytes */
};

static bool parse_stored(const uint8_t *bytes, size_t length, struct stored *stored)
{
    if (length < HEAD_BYTES)
        return false;
    stored->version = bytes[0];
    stored->name_length = bytes[1];
    /* All 16 bytes of the tag: OpenSSL would be content with fewer. */
    if (length < HEAD_BYTES + stored->name_length + OSY_AEAD_NONCE_BYTES + OSY_AEAD_TAG_BYTES)
        return false;
    stored->name = bytes + HEAD_BYTES;
    stored->nonce = stored->name + stored->name_length;
    stored->cipher = stored->nonce + OSY_AEAD_NONCE_BYTES;
    stored->tag = bytes + length - OSY_AEAD_TAG_BYTES;
    stored->length = (size_t)(stored->tag - stored->cipher);
    return stored->length <= PLAIN_MOST;
}

static bool refuse_foreign(const struct osy_column *place, struct osy_error *err)
{
    return osy_error_set(err, OSY_ERR_INVALID, "%s.%s is not ours to decrypt", place->table,
                         place->column);
}

static bool decrypt(const struct stored *stored, const struct cipher_key *key,
                    const struct osy_column *place, struct osy_buffer *out, struct osy_error *err)
{
    uint8_t bound[PLACE_MOST];
    const struct osy_aead aead =
        describe_cipher(key, stored->nonce, bound, describe_place(place, key, bound));
    uint8_t *plain = NULL;

    /* Straight into the room behind what out holds: nobody sees it there until the length says so, and a failure
     * wipes it. */
    osy_buffer_reserve(out, stored->length);
    plain = (uint8_t *)out->bytes + out->length;
    if (!osy_aead_decrypt(&aead, stored->cipher, stored->length, stored->tag, plain)) {
        plain[0] = '\0'; /* out ends where it did, also when there was nothing to decrypt */
        return osy_error_set(err, OSY_ERR_INVALID, "%s.%s is altered or out of its place",
                             place->table, place->column);
    }
    out->length += stored->length;
    out->bytes[out->length] = '\0';
    return true;
}

bool osy_column_decrypt(const struct osy_keyring *keyring, const struct osy_column *place,
                        const void *bytes, size_t length, struct osy_buffer *out,
                        struct osy_error *err)
{
    struct stored stored;
    const struct osy_key *found = NULL;

    if (!parse_stored(bytes, length, &stored) || stored.version != OSY_COLUMN_WRAPPED)
        return refuse_foreign(place, err);
    found = osy_keyring_find(keyring, OSY_KEY_DATA, (const char *)stored.name, stored.name_length);
    if (!found)
        return refuse_foreign(place, err);
    const struct cipher_key key = wrapping_key(found);
    return decrypt(&stored, &key, place, out, err);
}

bool osy_column_open(const struct osy_data_key *data, const struct osy_column *place,
                     const void *bytes, size_t length, struct osy_buffer *out,
                     struct osy_error *err)
{
    const struct cipher_key key = data_key(data);
    struct stored stored;

    if (!parse_stored(bytes, length, &stored) || stored.version != OSY_COLUMN_SEALED ||
        stored.name_length != key.name_length ||
        memcmp(stored.name, key.name, key.name_length) != 0)
        return refuse_foreign(place, err);
    return decrypt(&stored, &key, place, out, err);
}

int osy_column_version(const void *stored, size_t length)
{
    return length > 0 ? *(const uint8_t *)stored : 0;
}
