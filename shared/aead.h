/*
 * AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a tag of 16 bytes, no fewer. What is encrypted with it is
 * described in shared/column_cipher.h.
 *
 * Setting a key costs more than encrypting a name with it, so each thread keeps contexts with the last key in them, and
 * compares the secret itself: a key may come and go, and another may take its place in memory. Wrapping keys stay for
 * months and data keys change with every order, so each has a lane, where they do not push each other out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSY_AEAD_SECRET_BYTES 32
#define OSY_AEAD_NONCE_BYTES  12
#define OSY_AEAD_TAG_BYTES    16

enum osy_aead_lane { OSY_AEAD_WRAPPING = 0, OSY_AEAD_DATA };

struct osy_aead {
    enum osy_aead_lane lane;
    const uint8_t *secret,
        *nonce; /* OSY_AEAD_SECRET_BYTES, OSY_AEAD_NONCE_BYTES; never a nonce twice under a secret */
    const void *bound; /* the additional data */
    size_t bound_length;
};

/* length is at most INT_MAX, as is that of the additional data. out: as many bytes; may be plain. False only when
 * OpenSSL fails. */
bool osy_aead_encrypt(const struct osy_aead *aead, const void *plain, size_t length, uint8_t *out,
                      uint8_t tag[OSY_AEAD_TAG_BYTES]);
/* False: altered, or another key, nonce or additional data; then out is wiped. GCM writes the plaintext before it has
 * checked the tag: nobody else may see out before this returns. */
bool osy_aead_decrypt(const struct osy_aead *aead, const void *cipher, size_t length,
                      const uint8_t tag[OSY_AEAD_TAG_BYTES], uint8_t *out);
