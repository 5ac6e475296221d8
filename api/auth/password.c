#include "api/auth/password.h"

#include <assert.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "shared/alloc.h"
#include "shared/hmac.h"

#define PRE_HASH_BYTES 45 /* base64 of 32 bytes, and the NUL */

static const struct method {
    const char *name, *prefix;
    unsigned long cost;  /* 0: the library's choice */
    const char *current; /* how a hash of this method and cost begins */
} methods[] = {
    [API_PASSWORD_YESCRYPT] = {"yescrypt", "$y$", 0, "$y$j9T$"},
    [API_PASSWORD_BCRYPT] = {"bcrypt", "$2b$", 12, "$2b$12$"},
};
#define METHOD_COUNT (sizeof methods / sizeof methods[0])

bool api_password_method_parse(const char *text, enum api_password_method *method)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(text, methods[i].name) == 0) {
            *method = (enum api_password_method)i;
            return true;
        }
    }
    return false;
}

/* What is not UTF-8 has no NFC; it is hashed as it is. */
static void pre_hash(const struct osy_key *pepper, const char *password, char out[PRE_HASH_BYTES])
{
    uint8_t mac[OSY_HMAC_BYTES];
    char *composed = (char *)utf8proc_NFC((const utf8proc_uint8_t *)password);
    const char *text = composed ? composed : password;
    osy_hmac_sha256(pepper->secret, &(struct osy_piece){text, strlen(text)}, 1, mac);
    EVP_EncodeBlock((unsigned char *)out, mac, sizeof mac);
    if (composed)
        OPENSSL_cleanse(composed, strlen(composed));
    free(composed);
    OPENSSL_cleanse(mac, sizeof mac);
}

/* crypt(3) with memory of its own, which is too much for a stack: 32 KiB, and full of secrets. */
static bool run_crypt(const char *phrase, const char *setting, char *out, size_t size)
{
    struct crypt_data *data = osy_alloc(sizeof *data);
    const char *hash = crypt_rn(phrase, setting, data, sizeof *data);
    bool ok = hash && strlen(hash) < size;
    if (ok)
        memcpy(out, hash, strlen(hash) + 1);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return ok;
}

bool api_password_hash(const struct osy_keyring *keyring, enum api_password_method method,
                       const char *password, char stored[API_PASSWORD_HASH_BYTES],
                       struct osy_error *err)
{
    const struct osy_key *pepper = osy_keyring_active(keyring, OSY_KEY_PEPPER);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], phrase[PRE_HASH_BYTES];
    size_t used = 0;
    assert(pepper);
    if (!crypt_gensalt_rn(methods[method].prefix, methods[method].cost, NULL, 0, setting,
                          sizeof setting))
        return osy_error_set(err, OSY_ERR_IO, "cannot make a salt for %s", methods[method].name);
    used = (size_t)snprintf(stored, API_PASSWORD_HASH_BYTES, "%s:", pepper->kid);
    pre_hash(pepper, password, phrase);
    bool ok = run_crypt(phrase, setting, stored + used, API_PASSWORD_HASH_BYTES - used);
    OPENSSL_cleanse(phrase, sizeof phrase);
    return ok || osy_error_set(err, OSY_ERR_IO, "cannot hash with %s", methods[method].name);
}

/* The parts of what is stored; pepper NULL: unknown. False: it is not of our form. */
static bool split(const struct osy_keyring *keyring, const char *stored,
                  const struct osy_key **pepper, const char **hash)
{
    const char *colon = strchr(stored, ':');
    if (!colon)
        return false;
    *pepper = osy_keyring_find(keyring, OSY_KEY_PEPPER, stored, (size_t)(colon - stored));
    *hash = colon + 1;
    return true;
}

bool api_password_fits(const struct osy_keyring *keyring, const char *password, const char *stored)
{
    const struct osy_key *pepper = NULL;
    const char *hash = NULL;
    char phrase[PRE_HASH_BYTES], again[CRYPT_OUTPUT_SIZE];
    if (!split(keyring, stored, &pepper, &hash))
        return false;
    /* The pepper is gone: nothing fits, and that takes as long (the decoy of whoever has no account is of an old one, too). */
    bool is_known = pepper != NULL;
    pre_hash(is_known ? pepper : osy_keyring_active(keyring, OSY_KEY_PEPPER), password, phrase);
    bool fits = run_crypt(phrase, hash, again, sizeof again) && is_known &&
                strlen(again) == strlen(hash) && CRYPTO_memcmp(again, hash, strlen(hash)) == 0;
    OPENSSL_cleanse(phrase, sizeof phrase);
    OPENSSL_cleanse(again, sizeof again);
    return fits;
}

bool api_password_is_outdated(const struct osy_keyring *keyring, enum api_password_method method,
                              const char *stored)
{
    const struct osy_key *pepper = NULL;
    const char *hash = NULL, *current = methods[method].current;
    return !split(keyring, stored, &pepper, &hash) ||
           pepper != osy_keyring_active(keyring, OSY_KEY_PEPPER) ||
           strncmp(hash, current, strlen(current)) != 0;
}
