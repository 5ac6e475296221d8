#include "api/http/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"

enum { DIGITS_MAX = 18 }; /* fits in an int64_t */

bool api_version_parse(const char *if_match, int64_t *version, struct osy_error *err)
{
    *version = 0;
    if (!if_match || strcmp(if_match, "*") == 0)
        return true;
    size_t digits = *if_match == '"' ? strspn(if_match + 1, "0123456789") : 0;
    if (digits == 0 || digits > DIGITS_MAX || strcmp(if_match + 1 + digits, "\"") != 0)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "If-Match must be the ETag of an earlier reply, or *");
    *version = strtoll(if_match + 1, NULL, 10);
    return *version > 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "If-Match must be a version from 1 on");
}

bool api_version_read(const struct api_request *request, int64_t *version, struct osy_error *err)
{
    return api_version_parse(api_request_header(request, "if-match"), version, err);
}

void api_version_reply_header(struct api_request *request, int64_t version)
{
    char etag[DIGITS_MAX + 8];
    snprintf(etag, sizeof etag, "\"%" PRId64 "\"", version);
    api_reply_header(request, "ETag", etag);
}

void api_version_reply_conflict(struct api_request *request, int64_t version)
{
    char more[DIGITS_MAX + 24];
    snprintf(more, sizeof more, "\"version\":%" PRId64, version);
    api_version_reply_header(request, version);
    api_reply_error(request, 412, "VERSION_CONFLICT",
                    "Somebody else has changed it since. Look at it again.", more);
}
