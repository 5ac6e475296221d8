#include "api/auth/routes.h"

#include "api/auth/handlers.h"
#include "api/context.h"
#include "api/http/request.h"

/* Public keys, for whoever verifies our tokens (RFC 7517): the old ones, and a new one before it signs. */
static void handle_get_key_set(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, context->public_keys);
    api_reply_header(request, "Cache-Control", "public, max-age=300");
    api_reply_bytes(request, 200, "application/jwk-set+json", &body);
}

/* clang-format off: a row each */
const struct api_route api_auth_routes[] = {
    {"GET", "/.well-known/jwks.json", API_PUBLIC, .on_loop = handle_get_key_set},
    {"POST", "/api/v1/auth/revocations", API_PERM_TOKEN_REVOKE,
     .on_worker = api_handle_create_revocation},
    {"POST", "/api/v1/auth/signup", API_PUBLIC, .on_worker = api_handle_sign_up,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"POST", "/api/v1/users", API_PUBLIC, .on_worker = api_handle_create_user,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"POST", "/api/v1/auth/login", API_PUBLIC, .on_worker = api_handle_login,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"POST", "/api/v1/auth/refresh", API_PUBLIC, .on_worker = api_handle_refresh},
    {"POST", "/api/v1/auth/logout", API_PERM_ACCOUNT, .on_worker = api_handle_logout},
    {"GET", "/api/v1/auth/me", API_PERM_ACCOUNT, .on_worker = api_handle_get_me},
    {"GET", "/api/v1/auth/sessions", API_PERM_ACCOUNT, .on_worker = api_handle_list_sessions},
    {"DELETE", "/api/v1/auth/sessions", API_PERM_ACCOUNT, .on_worker = api_handle_delete_sessions},
    {"DELETE", "/api/v1/auth/sessions/:id", API_PERM_ACCOUNT,
     .on_worker = api_handle_delete_session},
    {"POST", "/api/v1/auth/password", API_PERM_ACCOUNT, .on_worker = api_handle_change_password,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"POST", "/api/v1/auth/totp", API_PERM_ACCOUNT, .on_worker = api_handle_offer_totp,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {"POST", "/api/v1/auth/totp/confirm", API_PERM_ACCOUNT, .on_worker = api_handle_confirm_totp},
    {"POST", "/api/v1/auth/totp/disable", API_PERM_ACCOUNT, .on_worker = api_handle_disable_totp,
     .pool = API_POOL_PASSWORDS, .cost = API_COST_PASSWORD},
    {0},
};
/* clang-format on */
