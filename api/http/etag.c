#include "api/http/etag.h"

#include <stdio.h>
#include <string.h>

#include "api/http/request.h"
#include "shared/base64url.h"
#include "shared/digest.h"

enum { DIGEST_BYTES = 16 }; /* of SHA-256's 32: nobody gains by a collision */

void api_etag_format(const void *body, size_t length, char etag[API_ETAG_BYTES])
{
    uint8_t digest[OSY_SHA256_BYTES];
    char text[OSY_BASE64URL_LENGTH(DIGEST_BYTES) + 1];
    osy_sha256(&(struct osy_piece){body, length}, 1, digest);
    osy_base64url_encode(digest, DIGEST_BYTES, text);
    snprintf(etag, API_ETAG_BYTES, "\"%s\"", text);
}

/* The list's next tag, from its first quote to behind its second; NULL: there is none. Weak ones count like strong
 * ones. A tag may have commas in it. */
static const char *next_tag(const char **list, size_t *length)
{
    const char *tag = *list + strspn(*list, ", \t");
    if (strncmp(tag, "W/", 2) == 0)
        tag += 2;
    const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;
    if (!end)
        return NULL;
    *list = end + 1;
    *length = (size_t)(end + 1 - tag);
    return tag;
}

bool api_etag_matches(const char *if_none_match, const char *etag)
{
    size_t length;
    if (!if_none_match)
        return false;
    if (strcmp(if_none_match, "*") == 0)
        return true;
    for (const char *tag; (tag = next_tag(&if_none_match, &length));) {
        if (length == strlen(etag) && memcmp(tag, etag, length) == 0)
            return true;
    }
    return false;
}

void api_etag_reply_json(struct api_request *request, struct osy_buffer *body)
{
    char etag[API_ETAG_BYTES];
    api_etag_format(body->bytes, body->length, etag);
    api_reply_header(request, "ETag", etag);
    api_reply_header(request, "Cache-Control", "no-cache");
    if (!api_etag_matches(api_request_header(request, "if-none-match"), etag)) {
        api_reply_json(request, 200, body);
        return;
    }
    osy_buffer_deinit(body);
    api_reply_json(request, 304, NULL);
}
