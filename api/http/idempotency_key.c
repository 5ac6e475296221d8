#include "api/http/idempotency_key.h"

#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/request.h"
#include "shared/uuid.h"

#define KEY_MAX 128

static bool is_key(const char *text)
{
    size_t length = strlen(text);
    for (const char *at = text; *at; at++) {
        if (*at < '!' || *at > '~')
            return false;
    }
    return length >= 1 && length <= KEY_MAX;
}

/* A guest is known by the order that the token opens; before there is one, by nothing. */
static void format_actor(const struct api_principal *principal, char id[OSY_UUID_TEXT_BYTES])
{
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

static const struct osy_piece bar = {"|", 1};

/* Of "kind|actor|route|part|key". */
static void hash_key(const struct api_request *request, const char *part, const char *text,
                     uint8_t hash[OSY_SHA256_BYTES])
{
    const struct api_principal *principal = api_request_principal(request);
    char kind[12], actor[OSY_UUID_TEXT_BYTES];
    snprintf(kind, sizeof kind, "%d", (int)principal->kind);
    format_actor(principal, actor);
    const struct osy_piece pieces[] = {
        text_piece(kind), bar, text_piece(actor), bar, text_piece(api_request_route(request)), bar,
        text_piece(part), bar, text_piece(text),
    };
    osy_sha256(pieces, sizeof pieces / sizeof pieces[0], hash);
}

/* Of "key|path|query|body": the bar is in no encoded path or query. */
static void hash_body(const struct api_request *request, const char *text,
                      uint8_t hash[OSY_SHA256_BYTES])
{
    struct osy_piece body = {NULL, 0};
    body.bytes = api_request_body(request, &body.length);
    const struct osy_piece pieces[] = {
        text_piece(text),
        bar,
        text_piece(api_request_path(request)),
        bar,
        text_piece(api_request_query_string(request)),
        bar,
        body,
    };
    osy_sha256(pieces, sizeof pieces / sizeof pieces[0], hash);
}

bool api_idempotency_key_read(const struct api_request *request, const char *part,
                              struct api_idempotency_key *key, struct osy_error *err)
{
    const char *text = api_request_header(request, "idempotency-key");
    key->is_given = text != NULL;
    if (!text)
        return true;
    if (!is_key(text))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "the header Idempotency-Key must be 1 to 128 visible ASCII characters");
    hash_key(request, part, text, key->key_hash);
    hash_body(request, text, key->body_hash);
    return true;
}
