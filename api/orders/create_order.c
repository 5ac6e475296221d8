/* `POST /api/v1/orders`: a new order, by a guest or a user. Prices and stock are the database's. */
#include "api/context.h"
#include "api/http/request.h"
#include "api/orders/handlers.h"
#include "api/orders/new_order.h"
#include "api/orders/place_order.h"
#include "api/orders/writer.h"

void api_handle_create_order(struct api_context *context, struct api_request *request)
{
    struct osy_error err = {0};
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    if (!api_order_writer_has_room(context->writer)) {
        api_reply_overloaded(request);
        return;
    }
    struct api_new_order *order = api_new_order_parse(body, length, &err);
    if (order)
        api_order_place(context, request, order);
    else
        api_reply_invalid(request, &err);
}
