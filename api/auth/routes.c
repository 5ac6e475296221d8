#include "api/auth/routes.h"

#include "api/auth/handlers.h"
#include "api/context.h"
#include "api/http/request.h"

/* Public keys, for whoever verifies our tokens (RFC 7517). They change only with a restart. */
static void handle_get_key_set(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;

    osy_buffer_text(&body, context->key_set);
    api_reply_header(request, "Cache-Control", "public, max-age=300");
    api_reply_bytes(request, 200, "application/jwk-set+json", &body);
}

const struct api_route api_auth_routes[] = {
    {"GET", "/.well-known/jwks.json", API_PUBLIC, .on_loop = handle_get_key_set},
    {"POST", "/api/v1/auth/revocations", API_PERM_TOKEN_REVOKE,
     .on_worker = api_handle_create_revocation},
    {0},
};
