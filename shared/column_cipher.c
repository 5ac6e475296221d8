#include "shared/column_cipher.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/random.h"

#define VERSION     1
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define NAME_MOST   63 /* PostgreSQL's limit for a table or column name */
#define PLAIN_MOST  (INT_MAX / 2)
/* version, kid, table, column (each behind its length), row id */
#define PLACE_MOST (1 + (1 + OSY_KID_BYTES - 1) + 2 * (1 + NAME_MOST) + OSY_UUID_BYTES)

/*
 * Setting a key costs three times as much as encrypting a name with it, so each thread keeps a
 * context for either direction with the last key in it. The secret itself is compared, not the
 * key's address: a keyring may come and go, and another may take its place in memory.
 */
struct direction {
    EVP_CIPHER_CTX *context; /* owned; NULL until first used */
    uint8_t secret[OSY_SECRET_BYTES];
    bool keyed;
};

struct thread_cache {
    struct direction encrypt, decrypt;
};

static EVP_CIPHER *aes_256_gcm; /* fetched once, for the life of the process */
static pthread_key_t cache_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_cache(void *value)
{
    struct thread_cache *cache = value;

    EVP_CIPHER_CTX_free(cache->encrypt.context); /* wipes the key schedule */
    EVP_CIPHER_CTX_free(cache->decrypt.context);
    OPENSSL_cleanse(cache, sizeof *cache);
    free(cache);
}

static void init_once(void)
{
    aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (pthread_key_create(&cache_key, free_cache) != 0)
        abort(); /* 1024 keys in one process: a mistake of ours */
}

static struct thread_cache *get_cache(void)
{
    struct thread_cache *cache = NULL;

    pthread_once(&once, init_once);
    cache = pthread_getspecific(cache_key);
    if (cache)
        return cache;
    cache = osy_alloc(sizeof *cache);
    if (pthread_setspecific(cache_key, cache) != 0)
        abort(); /* out of memory */
    return cache;
}

/* The direction's context, with key and nonce in place; NULL when OpenSSL fails. */
static EVP_CIPHER_CTX *begin(struct direction *direction, bool encrypting,
                             const struct osy_key *key, const uint8_t nonce[NONCE_BYTES])
{
    int enc = encrypting ? 1 : 0;

    if (!direction->context)
        direction->context = EVP_CIPHER_CTX_new();
    if (!direction->context || !aes_256_gcm)
        return NULL;
    if (!direction->keyed || CRYPTO_memcmp(direction->secret, key->secret, OSY_SECRET_BYTES) != 0) {
        direction->keyed = false;
        if (EVP_CipherInit_ex2(direction->context, aes_256_gcm, key->secret, NULL, enc, NULL) != 1)
            return NULL;
        memcpy(direction->secret, key->secret, OSY_SECRET_BYTES);
        direction->keyed = true;
    }
    if (EVP_CipherInit_ex2(direction->context, NULL, NULL, nonce, enc, NULL) != 1)
        return NULL;
    return direction->context;
}

static size_t append_counted(uint8_t *out, const void *bytes, size_t length)
{
    out[0] = (uint8_t)length;
    memcpy(out + 1, bytes, length);
    return 1 + length;
}

/* The additional data: where the value belongs. Each name stands behind its length, so that no two
 * places have the same bytes. */
static size_t describe_place(const struct osy_column *place, const struct osy_key *key,
                             uint8_t out[PLACE_MOST])
{
    size_t length = 0;

    assert(strlen(place->table) <= NAME_MOST && strlen(place->column) <= NAME_MOST);
    out[length++] = VERSION;
    length += append_counted(out + length, key->kid, strlen(key->kid));
    length += append_counted(out + length, place->table, strlen(place->table));
    length += append_counted(out + length, place->column, strlen(place->column));
    memcpy(out + length, place->row_id.bytes, OSY_UUID_BYTES);
    return length + OSY_UUID_BYTES;
}

static bool encrypt(const struct osy_key *key, const struct osy_column *place,
                    const uint8_t nonce[NONCE_BYTES], const void *plain, size_t length,
                    uint8_t *out, uint8_t tag[TAG_BYTES])
{
    uint8_t aad[PLACE_MOST];
    size_t aad_length = describe_place(place, key, aad);
    struct thread_cache *cache = get_cache();
    EVP_CIPHER_CTX *context = begin(&cache->encrypt, true, key, nonce);
    int written = 0;

    return context && EVP_EncryptUpdate(context, NULL, &written, aad, (int)aad_length) == 1 &&
           (length == 0 || EVP_EncryptUpdate(context, out, &written, plain, (int)length) == 1) &&
           EVP_EncryptFinal_ex(context, out + length, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
}

bool osy_column_encrypt(const struct osy_keyring *keyring, const struct osy_column *place,
                        const void *plain, size_t length, struct osy_buffer *out,
                        struct osy_error *err)
{
    const struct osy_key *key = osy_keyring_active(keyring, OSY_KEY_DATA);
    size_t start = out->length, kid_length = 0;
    uint8_t *at = NULL, *nonce = NULL;

    assert(key && length <= PLAIN_MOST);
    kid_length = strlen(key->kid);
    osy_buffer_reserve(out, 2 + kid_length + NONCE_BYTES + length + TAG_BYTES);
    osy_buffer_char(out, VERSION);
    osy_buffer_char(out, (char)kid_length);
    osy_buffer_append(out, key->kid, kid_length);
    at = (uint8_t *)out->bytes + out->length;
    nonce = at;
    osy_random_bytes(nonce, NONCE_BYTES);
    at += NONCE_BYTES;
    if (!encrypt(key, place, nonce, plain, length, at, at + length)) {
        ERR_clear_error();
        out->length = start;
        out->bytes[start] = '\0';
        return osy_error_set(err, OSY_ERR_IO, "cannot encrypt %s.%s", place->table, place->column);
    }
    out->length += NONCE_BYTES + length + TAG_BYTES;
    out->bytes[out->length] = '\0';
    return true;
}

/* What the stored bytes consist of; all of it borrowed from them. */
struct stored {
    const struct osy_key *key;
    const uint8_t *nonce, *cipher, *tag;
    size_t length; /* of cipher, and of the plain bytes */
};

static bool parse_stored(const struct osy_keyring *keyring, const uint8_t *bytes, size_t length,
                         struct stored *stored)
{
    size_t kid_length = 0;

    if (length < 2 || bytes[0] != VERSION)
        return false;
    kid_length = bytes[1];
    /* All 16 bytes of the tag: OpenSSL would be content with fewer. */
    if (length < 2 + kid_length + NONCE_BYTES + TAG_BYTES)
        return false;
    stored->key = osy_keyring_find(keyring, OSY_KEY_DATA, (const char *)bytes + 2, kid_length);
    stored->nonce = bytes + 2 + kid_length;
    stored->cipher = stored->nonce + NONCE_BYTES;
    stored->tag = bytes + length - TAG_BYTES;
    stored->length = (size_t)(stored->tag - stored->cipher);
    return stored->key && stored->length <= PLAIN_MOST;
}

static bool decrypt(const struct stored *stored, const struct osy_column *place, uint8_t *out)
{
    uint8_t aad[PLACE_MOST], tag[TAG_BYTES];
    size_t aad_length = describe_place(place, stored->key, aad);
    struct thread_cache *cache = get_cache();
    EVP_CIPHER_CTX *context = begin(&cache->decrypt, false, stored->key, stored->nonce);
    int written = 0;

    memcpy(tag, stored->tag, TAG_BYTES);
    return context && EVP_DecryptUpdate(context, NULL, &written, aad, (int)aad_length) == 1 &&
           (stored->length == 0 ||
            EVP_DecryptUpdate(context, out, &written, stored->cipher, (int)stored->length) == 1) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_DecryptFinal_ex(context, out + stored->length, &written) == 1;
}

bool osy_column_decrypt(const struct osy_keyring *keyring, const struct osy_column *place,
                        const void *stored_bytes, size_t length, struct osy_buffer *out,
                        struct osy_error *err)
{
    struct stored stored;
    uint8_t *plain = NULL;

    if (!parse_stored(keyring, stored_bytes, length, &stored))
        return osy_error_set(err, OSY_ERR_INVALID, "%s.%s is not ours to decrypt", place->table,
                             place->column);
    /* Straight into the room behind what out holds: GCM writes the plaintext before it has checked
     * the tag, but nobody sees it there until the length says so, and a failure wipes it. */
    osy_buffer_reserve(out, stored.length);
    plain = (uint8_t *)out->bytes + out->length;
    if (!decrypt(&stored, place, plain)) {
        OPENSSL_cleanse(plain, stored.length);
        plain[0] = '\0'; /* out ends where it did, also when there was nothing to decrypt */
        ERR_clear_error();
        return osy_error_set(err, OSY_ERR_INVALID, "%s.%s is altered or out of its place",
                             place->table, place->column);
    }
    out->length += stored.length;
    out->bytes[out->length] = '\0';
    return true;
}
