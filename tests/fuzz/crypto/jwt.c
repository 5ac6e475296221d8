/*
 * Access tokens. An input is either a whole token, or, behind an 'S', "<header>\n<payload>": those
 * are signed with our key first, because no fuzzer would ever get past the signature. The key's kid
 * is "k".
 */
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/jwt.h"
#include "tests/unit/shared/key_folder.h"

#define NOW_S 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct osy_keyring *keyring_of_k(void)
{
    static struct osy_keyring *keyring; /* for the life of the process */
    struct key_folder folder;
    EVP_PKEY *pkey = NULL;

    if (keyring)
        return keyring;
    pkey = EVP_RSA_gen(2048);
    key_folder_make(&folder);
    key_folder_write_private(&folder, "jwt-k.key.pem", pkey);
    key_folder_write_public(&folder, "jwt-k.pub.pem", pkey);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_JWT_PRIVATE, NULL);
    key_folder_remove(&folder);
    EVP_PKEY_free(pkey);
    if (!keyring)
        abort();
    return keyring;
}

/* Whatever is accepted keeps the promises of jwt.h. */
static void verify(const char *token, size_t length, bool must_be_refused)
{
    struct osy_claims claims;
    struct osy_error err = {OSY_OK, ""};

    if (!osy_jwt_verify(keyring_of_k(), token, length, NOW_S, &claims, &err)) {
        if (err.code != OSY_ERR_DENIED || err.message[0] == '\0')
            __builtin_trap();
        return;
    }
    if (must_be_refused || claims.expires_at_s <= NOW_S || claims.role == OSY_ROLE_NONE ||
        claims.restaurant_count > OSY_JWT_RESTAURANTS_MAX ||
        claims.issued_at_s > NOW_S + OSY_JWT_LEEWAY_S)
        __builtin_trap();
}

static size_t append(char *token, size_t at, const void *bytes, size_t length)
{
    osy_base64url_encode(bytes, length, token + at);
    return at + OSY_BASE64URL_LENGTH(length);
}

static void sign_and_verify(const uint8_t *text, size_t length)
{
    const uint8_t *newline = memchr(text, '\n', length);
    size_t header = newline ? (size_t)(newline - text) : length;
    const uint8_t *payload = newline ? newline + 1 : text + length;
    size_t payload_length = length - header - (newline ? 1 : 0), at = 0, signature_length = 512;
    const struct osy_key *key = osy_keyring_active(keyring_of_k(), OSY_KEY_JWT);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[512];
    char *token = osy_alloc(2 * length + 1024);

    at = append(token, at, text, header);
    token[at++] = '.';
    at = append(token, at, payload, payload_length);
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
        EVP_DigestSign(context, signature, &signature_length, (uint8_t *)token, at) != 1)
        abort();
    token[at++] = '.';
    at = append(token, at, signature, signature_length);
    verify(token, at, false);
    EVP_MD_CTX_free(context);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length > 0 && bytes[0] == 'S')
        sign_and_verify(bytes + 1, length - 1);
    else
        verify((const char *)bytes, length, true); /* nobody but us can sign */
    return 0;
}
