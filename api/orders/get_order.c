/* `GET /api/v1/orders/:id`: the order; with the personal data for the restaurant's people and its customer. */
#include "api/auth/principal.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/record.h"
#include "api/orders/reply.h"
#include "shared/log.h"

/* Whoever has a tracking token has been shown a link, which people pass on. */
static bool may_see_personal(const struct api_principal *principal)
{
    return principal->kind == API_PRINCIPAL_USER;
}

/* The order's object, opened again for what its event does not tell. */
static bool append_order(struct osy_buffer *out, const struct osy_keyring *keyring,
                         const struct api_principal *principal,
                         const struct api_order_record *record, struct osy_error *err)
{
    osy_buffer_append(out, record->data, record->data_length);
    if (!may_see_personal(principal))
        return true;
    out->bytes[out->length - 1] = ',';
    bool ok = api_order_record_append_personal(record, keyring, out, err);
    osy_buffer_char(out, '}');
    return ok;
}

static void reply_order(struct api_worker *worker, struct api_request *request,
                        const struct api_order_record *record)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    osy_buffer_text(&body, "{\"order\":");
    if (!append_order(&body, worker->context->keyring, api_request_principal(request), record,
                      &err)) {
        OSY_ERROR("decryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        osy_buffer_deinit(&body);
        return;
    }
    osy_buffer_char(&body, ',');
    api_order_append_position(&body, OSY_POSITION_ORDER, record->version, &record->last_event_id);
    osy_buffer_char(&body, '}');
    api_reply_json(request, 200, &body);
}

void api_handle_get_order(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid order_id;
    struct api_order_record record = {0};
    struct api_db_scope scope;
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    api_db_scope_fill_order(&scope, request, &order_id);
    if (!api_order_record_find(&record, worker->pg, &scope, &order_id, &err))
        api_order_reply_not_found(request, &err);
    else if (api_principal_covers_order(api_request_principal(request), &record.restaurant_id,
                                        &order_id, &record.customer_id))
        reply_order(worker, request, &record);
    else
        api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
    api_order_record_deinit(&record);
}
