#include "shared/tracking_token.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/base64url.h"

#define PREFIX_LENGTH  (sizeof OSY_TRACKING_PREFIX - 1)
#define PAYLOAD_BYTES  (2 * OSY_UUID_BYTES + 8)
#define MAC_BYTES      32
#define PAYLOAD_LENGTH OSY_BASE64URL_LENGTH(PAYLOAD_BYTES)
#define MAC_LENGTH     OSY_BASE64URL_LENGTH(MAC_BYTES)

_Static_assert(PREFIX_LENGTH + (OSY_KID_BYTES - 1) + 1 + PAYLOAD_LENGTH + 1 + MAC_LENGTH <
                   OSY_TRACKING_TOKEN_BYTES,
               "the longest token fits");

/*
 * OpenSSL's one-shot HMAC looks its algorithms up each time and costs three times as much as the HMAC itself, so each
 * thread keeps a context with the last key in it (as shared/column_cipher.c does).
 */
struct mac_cache {
    EVP_MAC_CTX *context; /* owned */
    uint8_t secret[OSY_SECRET_BYTES];
    bool keyed;
};

static EVP_MAC *hmac; /* fetched once, for the life of the process */
static pthread_key_t cache_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_cache(void *value)
{
    struct mac_cache *cache = value;

    EVP_MAC_CTX_free(cache->context); /* wipes the key */
    OPENSSL_cleanse(cache, sizeof *cache);
    free(cache);
}

static void init_once(void)
{
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (pthread_key_create(&cache_key, free_cache) != 0)
        abort(); /* 1024 keys in one process: a mistake of ours */
}

static struct mac_cache *get_cache(void)
{
    struct mac_cache *cache = NULL;

    pthread_once(&once, init_once);
    cache = pthread_getspecific(cache_key);
    if (cache)
        return cache;
    cache = osy_alloc(sizeof *cache);
    cache->context = EVP_MAC_CTX_new(hmac);
    if (pthread_setspecific(cache_key, cache) != 0)
        abort(); /* out of memory */
    return cache;
}

/* Without a key an initialized context begins anew with the one that it has. */
static bool begin_mac(struct mac_cache *cache, const struct osy_key *key)
{
    char sha256[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };

    if (!cache->context)
        return false;
    if (cache->keyed && CRYPTO_memcmp(cache->secret, key->secret, OSY_SECRET_BYTES) == 0)
        return EVP_MAC_init(cache->context, NULL, 0, NULL) == 1;
    memcpy(cache->secret, key->secret, OSY_SECRET_BYTES);
    cache->keyed = EVP_MAC_init(cache->context, key->secret, OSY_SECRET_BYTES, parameters) == 1;
    return cache->keyed;
}

static bool compute_mac(const struct osy_key *key, const char *text, size_t length,
                        uint8_t mac[MAC_BYTES])
{
    struct mac_cache *cache = get_cache();
    size_t mac_length = 0;

    return begin_mac(cache, key) &&
           EVP_MAC_update(cache->context, (const uint8_t *)text, length) == 1 &&
           EVP_MAC_final(cache->context, mac, &mac_length, MAC_BYTES) == 1 &&
           mac_length == MAC_BYTES;
}

static void write_payload(const struct osy_uuid *restaurant_id, const struct osy_uuid *order_id,
                          int64_t expires_at_s, uint8_t payload[PAYLOAD_BYTES])
{
    memcpy(payload, restaurant_id->bytes, OSY_UUID_BYTES);
    memcpy(payload + OSY_UUID_BYTES, order_id->bytes, OSY_UUID_BYTES);
    for (int i = 0; i < 8; i++)
        payload[2 * OSY_UUID_BYTES + i] = (uint8_t)((uint64_t)expires_at_s >> (56 - 8 * i));
}

static void read_payload(const uint8_t payload[PAYLOAD_BYTES], struct osy_tracking *tracking)
{
    uint64_t expires_at_s = 0;

    memcpy(tracking->restaurant_id.bytes, payload, OSY_UUID_BYTES);
    memcpy(tracking->order_id.bytes, payload + OSY_UUID_BYTES, OSY_UUID_BYTES);
    for (int i = 0; i < 8; i++)
        expires_at_s = expires_at_s << 8 | payload[2 * OSY_UUID_BYTES + i];
    tracking->expires_at_s = (int64_t)expires_at_s;
}

void osy_tracking_sign(const struct osy_keyring *keyring, const struct osy_uuid *restaurant_id,
                       const struct osy_uuid *order_id, char token[OSY_TRACKING_TOKEN_BYTES])
{
    const struct osy_key *key = osy_keyring_active(keyring, OSY_KEY_TRACKING);
    int64_t expires_at_s = osy_uuid_v7_time_ms(order_id) / 1000 + OSY_TRACKING_LIFE_S;
    uint8_t payload[PAYLOAD_BYTES], mac[MAC_BYTES];
    size_t length = 0;

    assert(key); /* whoever signs has loaded OSY_KEYS_TRACKING, and that has at least one */
    write_payload(restaurant_id, order_id, expires_at_s, payload);
    length = (size_t)snprintf(token, OSY_TRACKING_TOKEN_BYTES, OSY_TRACKING_PREFIX "%s.", key->kid);
    osy_base64url_encode(payload, sizeof payload, token + length);
    length += PAYLOAD_LENGTH;
    if (!compute_mac(key, token, length, mac))
        abort(); /* HMAC over memory fails when OpenSSL itself is broken, and in no other way */
    token[length++] = '.';
    osy_base64url_encode(mac, sizeof mac, token + length);
}

/* The token's pieces, or false. Their lengths are fixed, so the dots are looked for from the end.
 */
static bool split(const char *token, size_t length, const char **kid, size_t *kid_length,
                  const char **payload, const char **mac)
{
    const size_t around_kid = PREFIX_LENGTH + 1 + PAYLOAD_LENGTH + 1 + MAC_LENGTH;

    if (length <= around_kid || length >= OSY_TRACKING_TOKEN_BYTES ||
        memcmp(token, OSY_TRACKING_PREFIX, PREFIX_LENGTH) != 0)
        return false;
    *kid = token + PREFIX_LENGTH;
    *kid_length = length - around_kid;
    *payload = *kid + *kid_length + 1;
    *mac = *payload + PAYLOAD_LENGTH + 1;
    return (*payload)[-1] == '.' && (*mac)[-1] == '.';
}

bool osy_tracking_verify(const struct osy_keyring *keyring, const char *token, size_t length,
                         int64_t now_s, struct osy_tracking *tracking, struct osy_error *err)
{
    const char *kid = NULL, *payload_text = NULL, *mac_text = NULL;
    uint8_t payload[PAYLOAD_BYTES], mac[MAC_BYTES], expected[MAC_BYTES];
    size_t kid_length = 0, payload_bytes = 0, mac_bytes = 0;
    const struct osy_key *key = NULL;

    if (!split(token, length, &kid, &kid_length, &payload_text, &mac_text) ||
        !osy_base64url_decode(payload_text, PAYLOAD_LENGTH, payload, &payload_bytes) ||
        !osy_base64url_decode(mac_text, MAC_LENGTH, mac, &mac_bytes) ||
        payload_bytes != PAYLOAD_BYTES || mac_bytes != MAC_BYTES)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is malformed");
    key = osy_keyring_find(keyring, OSY_KEY_TRACKING, kid, kid_length);
    if (!key)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is of an unknown key");
    if (!compute_mac(key, token, (size_t)(mac_text - 1 - token), expected)) {
        ERR_clear_error();
        return osy_error_set(err, OSY_ERR_IO, "cannot check the tracking token");
    }
    if (CRYPTO_memcmp(mac, expected, MAC_BYTES) != 0)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is forged or altered");
    read_payload(payload, tracking);
    if (now_s >= tracking->expires_at_s)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token has expired");
    return true;
}
