#include "api/orders/idempotency.h"

#include <openssl/evp.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/request.h"
#include "api/orders/status.h"
#include "shared/buffer.h"

#define KEY_MAX 128

static bool is_key(const char *key)
{
    size_t length = strlen(key);
    for (const char *at = key; *at; at++) {
        if (*at < '!' || *at > '~')
            return false;
    }
    return length >= 1 && length <= KEY_MAX;
}

/* A guest is known by the order that the token opens; before there is one, by nothing. */
static void append_actor(struct osy_buffer *buffer, const struct api_request *request)
{
    const struct api_principal *principal = api_request_principal(request);
    char id[OSY_UUID_TEXT_BYTES] = "";
    if (principal->kind == API_PRINCIPAL_USER)
        osy_uuid_format(&principal->claims.subject, id);
    else if (principal->kind == API_PRINCIPAL_GUEST)
        osy_uuid_format(&principal->tracking.order_id, id);
    osy_buffer_printf(buffer, "%d|%s|", (int)principal->kind, id);
}

static void take_digest(struct osy_buffer *buffer, uint8_t digest[API_ORDER_HASH_BYTES])
{
    EVP_Digest(buffer->bytes, buffer->length, digest, NULL, EVP_sha256(), NULL);
    osy_buffer_deinit(buffer);
}

bool api_idempotency_read(const struct api_request *request, struct api_order_command *command,
                          struct osy_error *err)
{
    const char *key = api_request_header(request, "idempotency-key");
    struct osy_buffer buffer = OSY_BUFFER_INIT;
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    if (!key)
        return true;
    if (!is_key(key))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "the header Idempotency-Key must be 1 to 128 visible ASCII characters");
    append_actor(&buffer, request);
    osy_buffer_printf(&buffer, "%s|%s|%s", api_request_route(request),
                      command->step ? command->step->name : "", key);
    take_digest(&buffer, command->key_hash);

    if (command->step) /* a new order has no id before it is written */
        osy_buffer_append(&buffer, command->order_id.bytes, OSY_UUID_BYTES);
    osy_buffer_append(&buffer, body, length);
    osy_buffer_reserve(&buffer, 1);
    take_digest(&buffer, command->body_hash);
    command->has_key = true;
    return true;
}
