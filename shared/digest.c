#include "shared/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static EVP_MD *sha256; /* fetched once, for the life of the process */
static pthread_key_t context_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void init_once(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || pthread_key_create(&context_key, free_context) != 0)
        abort(); /* OpenSSL is broken, or 1024 keys in one process */
}

static EVP_MD_CTX *get_context(void)
{
    EVP_MD_CTX *context;

    pthread_once(&once, init_once);
    context = pthread_getspecific(context_key);
    if (context)
        return context;
    context = EVP_MD_CTX_new();
    if (!context || pthread_setspecific(context_key, context) != 0)
        abort(); /* out of memory, as osy_alloc */
    return context;
}

void osy_sha256(const struct osy_piece *pieces, size_t count, uint8_t digest[OSY_SHA256_BYTES])
{
    EVP_MD_CTX *context = get_context();
    bool ok = EVP_DigestInit_ex2(context, sha256, NULL) == 1;

    for (size_t i = 0; i < count; i++)
        ok = ok && EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].length) == 1;
    if (!ok || EVP_DigestFinal_ex(context, digest, NULL) != 1)
        abort(); /* hashing memory fails when memory is out, and in no other way */
}
