#include "api/orders/idempotency.h"

#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/request.h"
#include "api/orders/status.h"
#include "shared/digest.h"

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
static void format_actor(const struct api_request *request, char id[OSY_UUID_TEXT_BYTES])
{
    const struct api_principal *principal = api_request_principal(request);
    id[0] = '\0';
    if (principal->kind == API_PRINCIPAL_USER)
        osy_uuid_format(&principal->claims.subject, id);
    else if (principal->kind == API_PRINCIPAL_GUEST)
        osy_uuid_format(&principal->tracking.order_id, id);
}

static struct osy_piece text_piece(const char *text)
{
    return (struct osy_piece){text, strlen(text)};
}

/* Of "kind|actor|route|step|key". */
static void hash_key(const struct api_request *request, const struct api_order_step *step,
                     const char *key, uint8_t hash[API_ORDER_HASH_BYTES])
{
    char kind[12], actor[OSY_UUID_TEXT_BYTES];
    snprintf(kind, sizeof kind, "%d", (int)api_request_principal(request)->kind);
    format_actor(request, actor);
    const struct osy_piece bar = {"|", 1};
    const struct osy_piece pieces[] = {
        text_piece(kind),
        bar,
        text_piece(actor),
        bar,
        text_piece(api_request_route(request)),
        bar,
        text_piece(step ? step->name : ""),
        bar,
        text_piece(key),
    };
    osy_sha256(pieces, sizeof pieces / sizeof pieces[0], hash);
}

/* A new order has no id before it is written. */
static void hash_body(const struct api_request *request, const struct osy_uuid *order_id,
                      uint8_t hash[API_ORDER_HASH_BYTES])
{
    struct osy_piece pieces[2] = {{NULL, 0}};
    size_t count = 0;
    if (order_id)
        pieces[count++] = (struct osy_piece){order_id->bytes, OSY_UUID_BYTES};
    pieces[count].bytes = api_request_body(request, &pieces[count].length);
    osy_sha256(pieces, count + 1, hash);
}

bool api_idempotency_read(const struct api_request *request, struct api_order_command *command,
                          struct osy_error *err)
{
    const char *key = api_request_header(request, "idempotency-key");
    if (!key)
        return true;
    if (!is_key(key))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "the header Idempotency-Key must be 1 to 128 visible ASCII characters");
    hash_key(request, command->step, key, command->key_hash);
    hash_body(request, command->step ? &command->order_id : NULL, command->body_hash);
    command->has_key = true;
    return true;
}
