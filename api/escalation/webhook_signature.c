#include "api/escalation/webhook_signature.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/buffer.h"

void api_webhook_sign(const uint8_t secret[API_WEBHOOK_SECRET_BYTES], int64_t unix_s,
                      const char *delivery_id, const char *body, size_t length,
                      char signature[API_WEBHOOK_SIGNATURE_BYTES])
{
    struct osy_buffer text = OSY_BUFFER_INIT;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;
    osy_buffer_printf(&text, "%" PRId64 ".%s.", unix_s, delivery_id);
    osy_buffer_append(&text, body, length);
    if (!HMAC(EVP_sha256(), secret, API_WEBHOOK_SECRET_BYTES, (const uint8_t *)text.bytes,
              text.length, mac, &mac_length))
        abort(); /* out of memory */
    int used = snprintf(signature, API_WEBHOOK_SIGNATURE_BYTES, "t=%" PRId64 ",v1=", unix_s);
    for (unsigned i = 0; i < mac_length; i++)
        used +=
            snprintf(signature + used, API_WEBHOOK_SIGNATURE_BYTES - (size_t)used, "%02x", mac[i]);
    assert(used < API_WEBHOOK_SIGNATURE_BYTES);
    osy_buffer_deinit(&text);
}
