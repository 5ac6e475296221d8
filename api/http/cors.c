#include "api/http/cors.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "shared/alloc.h"

static const char allowed_headers[] =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, traceparent, X-Request-Id";
static const char exposed_headers[] =
    "ETag, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id";

struct api_cors {
    size_t count;
    char **origins; /* owned, as each of them is */
};

/* scheme://host[:port], nothing behind it, and in lower case, as browsers write it. */
static bool is_origin(const char *text)
{
    const char *host = NULL;
    if (strncmp(text, "https://", 8) == 0)
        host = text + 8;
    else if (strncmp(text, "http://", 7) == 0)
        host = text + 7;
    return host && *host &&
           strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == strlen(host);
}

struct api_cors *api_cors_create(const char *list, struct osy_error *err)
{
    struct api_cors *cors = osy_alloc(sizeof *cors);
    char *copy = osy_strdup(list), *rest = copy;

    for (char *item = strtok_r(copy, ", ", &rest); item; item = strtok_r(NULL, ", ", &rest)) {
        if (!is_origin(item)) {
            osy_error_set(err, OSY_ERR_INVALID, "'%s' is no origin", item);
            free(copy);
            api_cors_destroy(cors);
            return NULL;
        }
        cors->origins = osy_realloc_array(cors->origins, cors->count + 1, sizeof *cors->origins);
        cors->origins[cors->count++] = osy_strdup(item);
    }
    free(copy);
    return cors;
}

void api_cors_destroy(struct api_cors *cors)
{
    if (!cors)
        return;
    for (size_t i = 0; i < cors->count; i++)
        free(cors->origins[i]);
    free(cors->origins);
    free(cors);
}

/* The request's origin when it is listed. The list's own text: what goes into the reply is not the client's. */
static const char *find_origin(const struct api_cors *cors, const struct api_request *request)
{
    const char *origin = api_request_header(request, "origin");
    for (size_t i = 0; origin && i < cors->count; i++) {
        if (strcmp(cors->origins[i], origin) == 0)
            return cors->origins[i];
    }
    return NULL;
}

void api_cors_note(const struct api_cors *cors, struct api_request *request)
{
    const char *origin;
    if (!cors || cors->count == 0)
        return;
    api_reply_header(request, "Vary", "Origin"); /* for caches: also where there is none */
    origin = find_origin(cors, request);
    if (!origin)
        return;
    api_reply_header(request, "Access-Control-Allow-Origin", origin);
    api_reply_header(request, "Access-Control-Expose-Headers", exposed_headers);
}

bool api_cors_answer(const struct api_cors *cors, struct api_request *request, const char *methods)
{
    if (!cors || strcmp(api_request_method(request), "OPTIONS") != 0 ||
        !api_request_header(request, "access-control-request-method") ||
        !find_origin(cors, request))
        return false;
    api_reply_header(request, "Access-Control-Allow-Methods", methods);
    api_reply_header(request, "Access-Control-Allow-Headers", allowed_headers);
    api_reply_header(request, "Access-Control-Max-Age", "600");
    api_reply_bytes(request, 204, "", NULL);
    return true;
}
