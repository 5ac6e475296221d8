#include "shared/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

/* An order needs two secrets: the tracking token's and the blind index's. Which slot a secret has is decided by its
 * own bytes, so that two mostly do not push each other out. A power of two. */
#define SLOTS 8

struct slot {
    EVP_MAC_CTX *context; /* owned; NULL until first used */
    uint8_t secret[OSY_SECRET_BYTES];
    bool keyed;
};

struct cache {
    struct slot slots[SLOTS];
};

static EVP_MAC *hmac; /* fetched once, for the life of the process */
static pthread_key_t cache_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_cache(void *value)
{
    struct cache *cache = value;

    for (size_t i = 0; i < SLOTS; i++)
        EVP_MAC_CTX_free(cache->slots[i].context); /* wipes the key */
    OPENSSL_cleanse(cache, sizeof *cache);
    free(cache);
}

static void init_once(void)
{
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!hmac || pthread_key_create(&cache_key, free_cache) != 0)
        abort(); /* OpenSSL is broken, or 1024 keys in one process */
}

static struct slot *get_slot(const uint8_t secret[OSY_SECRET_BYTES])
{
    struct cache *cache = NULL;

    pthread_once(&once, init_once);
    cache = pthread_getspecific(cache_key);
    if (!cache) {
        cache = osy_alloc(sizeof *cache);
        if (pthread_setspecific(cache_key, cache) != 0)
            abort(); /* out of memory */
    }
    return &cache->slots[secret[0] % SLOTS];
}

/* Without a key an initialized context begins anew with the one that it has. */
static bool begin(struct slot *slot, const uint8_t secret[OSY_SECRET_BYTES])
{
    char sha256[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };

    if (!slot->context)
        slot->context = EVP_MAC_CTX_new(hmac);
    if (!slot->context)
        return false;
    if (slot->keyed && CRYPTO_memcmp(slot->secret, secret, OSY_SECRET_BYTES) == 0)
        return EVP_MAC_init(slot->context, NULL, 0, NULL) == 1;
    memcpy(slot->secret, secret, OSY_SECRET_BYTES);
    slot->keyed = EVP_MAC_init(slot->context, secret, OSY_SECRET_BYTES, parameters) == 1;
    return slot->keyed;
}

void osy_hmac_sha256(const uint8_t secret[OSY_SECRET_BYTES], const struct osy_piece *pieces,
                     size_t count, uint8_t mac[OSY_HMAC_BYTES])
{
    struct slot *slot = get_slot(secret);
    size_t length = 0;
    bool ok = begin(slot, secret);

    for (size_t i = 0; i < count; i++)
        ok = ok && EVP_MAC_update(slot->context, pieces[i].bytes, pieces[i].length) == 1;
    if (!ok || EVP_MAC_final(slot->context, mac, &length, OSY_HMAC_BYTES) != 1 ||
        length != OSY_HMAC_BYTES)
        abort(); /* HMAC over memory fails when OpenSSL itself is broken, and in no other way */
}
