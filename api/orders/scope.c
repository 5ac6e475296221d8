#include "api/orders/scope.h"

#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/request.h"
#include "api/orders/command.h"
#include "api/orders/reply.h"

static bool choose(struct api_request *request, struct osy_uuid *restaurant_id,
                   struct osy_error *err)
{
    const struct api_principal *principal = api_request_principal(request);
    const char *named = NULL;
    if (!api_request_query(request, "restaurant_id", &named, err))
        return false;
    if (named) {
        if (!osy_uuid_parse(named, strlen(named), restaurant_id))
            return osy_error_set(err, OSY_ERR_INVALID, "'restaurant_id' must be a UUID");
        /* Whether a foreign restaurant exists is nobody's business. */
        return api_principal_covers_restaurant(principal, restaurant_id) ||
               osy_error_set(err, OSY_ERR_NOT_FOUND, "no such restaurant");
    }
    if (principal->kind != API_PRINCIPAL_USER || principal->claims.restaurant_count != 1)
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "'restaurant_id' must name the restaurant: the token has not exactly one");
    *restaurant_id = principal->claims.restaurants[0];
    return true;
}

bool api_scope_restaurant(struct api_request *request, struct osy_uuid *restaurant_id)
{
    struct osy_error err = {0};
    if (choose(request, restaurant_id, &err))
        return true;
    if (err.code == OSY_ERR_NOT_FOUND)
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    else
        api_reply_invalid(request, &err);
    return false;
}

void api_scope_note_actor(const struct api_request *request, struct api_order_command *command)
{
    const struct api_principal *principal = api_request_principal(request);
    command->actor_role = api_principal_role(principal);
    command->has_actor = principal->kind == API_PRINCIPAL_USER;
    if (command->has_actor) {
        command->actor_id = principal->claims.subject;
        command->session_id = principal->claims.session_id;
    }
    snprintf(command->address, sizeof command->address, "%s", api_request_client(request));
    osy_trace_format(api_request_trace(request), command->traceparent);
}
