#include "shared/rs256.h"

#include <openssl/err.h>
#include <pthread.h>

/* Fetching looks the algorithm up in the providers, which costs as much as a short hash: once is
 * enough. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* A context that is ready to sign or verify with this key; NULL on failure. PKCS #1 v1.5 is what OpenSSL pads with
 * unless it is told otherwise. */
static EVP_MD_CTX *begin(EVP_PKEY *key, bool signing)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    pthread_once(&sha256_once, fetch_sha256);
    if (context && sha256 &&
        (signing ? EVP_DigestSignInit(context, NULL, sha256, NULL, key)
                 : EVP_DigestVerifyInit(context, NULL, sha256, NULL, key)) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

bool osy_rs256_sign(EVP_PKEY *key, const void *text, size_t length,
                    uint8_t signature[OSY_RS256_SIGNATURE_MAX], size_t *signature_length)
{
    EVP_MD_CTX *context = begin(key, true);
    bool ok = false;

    *signature_length = OSY_RS256_SIGNATURE_MAX;
    ok = context && EVP_DigestSign(context, signature, signature_length, text, length) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        ERR_clear_error();
    return ok;
}

bool osy_rs256_verify(EVP_PKEY *key, const void *text, size_t length, const uint8_t *signature,
                      size_t signature_length)
{
    EVP_MD_CTX *context = NULL;
    bool good = false;

    if (signature_length != (size_t)EVP_PKEY_get_size(key))
        return false;
    context = begin(key, false);
    good = context && EVP_DigestVerify(context, signature, signature_length, text, length) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        ERR_clear_error();
    return good;
}
