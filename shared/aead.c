#include "shared/aead.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

#define LANES 2

struct direction {
    EVP_CIPHER_CTX *context; /* owned; NULL until first used */
    uint8_t secret[OSY_AEAD_SECRET_BYTES];
    bool keyed;
};

struct thread_cache {
    struct direction encrypt[LANES], decrypt[LANES];
};

static EVP_CIPHER *aes_256_gcm; /* fetched once, for the life of the process */
static pthread_key_t cache_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_cache(void *value)
{
    struct thread_cache *cache = value;

    for (size_t i = 0; i < LANES; i++) {
        EVP_CIPHER_CTX_free(cache->encrypt[i].context); /* wipes the key schedule */
        EVP_CIPHER_CTX_free(cache->decrypt[i].context);
    }
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
                             const struct osy_aead *aead)
{
    int enc = encrypting ? 1 : 0;

    if (!direction->context)
        direction->context = EVP_CIPHER_CTX_new();
    if (!direction->context || !aes_256_gcm)
        return NULL;
    if (!direction->keyed ||
        CRYPTO_memcmp(direction->secret, aead->secret, OSY_AEAD_SECRET_BYTES) != 0) {
        direction->keyed = false;
        if (EVP_CipherInit_ex2(direction->context, aes_256_gcm, aead->secret, NULL, enc, NULL) != 1)
            return NULL;
        memcpy(direction->secret, aead->secret, OSY_AEAD_SECRET_BYTES);
        direction->keyed = true;
    }
    if (EVP_CipherInit_ex2(direction->context, NULL, NULL, aead->nonce, enc, NULL) != 1)
        return NULL;
    return direction->context;
}

bool osy_aead_encrypt(const struct osy_aead *aead, const void *plain, size_t length, uint8_t *out,
                      uint8_t tag[OSY_AEAD_TAG_BYTES])
{
    EVP_CIPHER_CTX *context = begin(&get_cache()->encrypt[aead->lane], true, aead);
    int written = 0;
    bool ok = context &&
              (aead->bound_length == 0 || EVP_EncryptUpdate(context, NULL, &written, aead->bound,
                                                            (int)aead->bound_length) == 1) &&
              (length == 0 || EVP_EncryptUpdate(context, out, &written, plain, (int)length) == 1) &&
              EVP_EncryptFinal_ex(context, out + length, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, OSY_AEAD_TAG_BYTES, tag) == 1;

    if (!ok)
        ERR_clear_error();
    return ok;
}

bool osy_aead_decrypt(const struct osy_aead *aead, const void *cipher, size_t length,
                      const uint8_t tag[OSY_AEAD_TAG_BYTES], uint8_t *out)
{
    EVP_CIPHER_CTX *context = begin(&get_cache()->decrypt[aead->lane], false, aead);
    uint8_t wanted[OSY_AEAD_TAG_BYTES];
    int written = 0;
    bool ok = false;

    memcpy(wanted, tag, sizeof wanted);
    ok = context &&
         (aead->bound_length == 0 ||
          EVP_DecryptUpdate(context, NULL, &written, aead->bound, (int)aead->bound_length) == 1) &&
         (length == 0 || EVP_DecryptUpdate(context, out, &written, cipher, (int)length) == 1) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof wanted, wanted) == 1 &&
         EVP_DecryptFinal_ex(context, out + length, &written) == 1;
    if (ok)
        return true;
    OPENSSL_cleanse(out, length);
    ERR_clear_error();
    return false;
}
