/* `POST /api/v1/orders`: a new order, by a guest or a user. Prices and stock are the database's. */
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/orders/command.h"
#include "api/orders/handlers.h"
#include "api/orders/idempotency.h"
#include "api/orders/new_order.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "api/orders/writer.h"
#include "shared/alloc.h"
#include "shared/column_cipher.h"
#include "shared/log.h"
#include "shared/tracking_token.h"

struct waiting {
    struct api_context *context;
    struct api_request *request;
};

static void append_socket_url(struct osy_buffer *out, const char *public_url,
                              const char *restaurant_id, const char *order_id)
{
    /* http becomes ws, and https wss */
    osy_buffer_texts(out, "\"socket_url\":\"ws", public_url + strlen("http"), "/ws/orders/",
                     order_id, "/status?r=", restaurant_id, "\"", NULL);
}

static void reply_created(struct waiting *waiting, const struct api_order_command *command)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    char token[OSY_TRACKING_TOKEN_BYTES];
    char restaurant_id[OSY_UUID_TEXT_BYTES], order_id[OSY_UUID_TEXT_BYTES];

    osy_uuid_format(&command->restaurant_id, restaurant_id);
    osy_uuid_format(&command->result.order_id, order_id);
    osy_tracking_sign(waiting->context->keyring, &command->restaurant_id, &command->result.order_id,
                      token);
    api_order_append_result(&body, command);
    osy_buffer_texts(&body, ",\"tracking_token\":\"", token, "\",", NULL);
    append_socket_url(&body, waiting->context->config->public_url, restaurant_id, order_id);
    osy_buffer_char(&body, '}');
    api_reply_json(waiting->request, 201, &body);
}

static void on_created(struct api_order_command *command)
{
    struct waiting *waiting = command->context;
    bool is_there =
        command->result.outcome == API_ORDER_DONE || command->result.outcome == API_ORDER_REPLAY;
    if (is_there)
        reply_created(waiting, command);
    else
        api_order_reply_problem(waiting->request, command);
    free(waiting);
}

static bool encrypt(const struct osy_keyring *keyring, const struct osy_uuid *order_id,
                    const char *column, const struct api_text *plain, struct osy_buffer *out,
                    struct osy_error *err)
{
    const struct osy_column place = {.table = "orders", .column = column, .row_id = *order_id};
    return osy_column_encrypt(keyring, &place, plain->bytes, plain->length, out, err);
}

/* NULL: there are none. */
static struct osy_uuid *copy_options(const struct api_new_order *order)
{
    if (order->option_count == 0)
        return NULL;
    struct osy_uuid *options = osy_alloc_array(order->option_count, sizeof *options);
    memcpy(options, order->options, order->option_count * sizeof *options);
    return options;
}

static bool fill_draft(const struct osy_keyring *keyring, const struct api_new_order *order,
                       struct api_order_command *command, struct osy_error *err)
{
    struct api_order_draft *draft = &command->draft;
    const struct osy_uuid *id = &command->order_id;
    const struct api_text line_notes = {order->line_notes.bytes, order->line_notes.length};
    draft->line_count = order->line_count;
    memcpy(draft->lines, order->lines, order->line_count * sizeof *order->lines);
    draft->options = copy_options(order);
    return encrypt(keyring, id, "customer_name", &order->name, &draft->name, err) &&
           encrypt(keyring, id, "customer_phone", &order->phone, &draft->phone, err) &&
           encrypt(keyring, id, "customer_address", &order->address, &draft->address, err) &&
           (order->note.length == 0 ||
            encrypt(keyring, id, "note", &order->note, &draft->note, err)) &&
           (line_notes.length == 0 ||
            encrypt(keyring, id, "line_notes", &line_notes, &draft->line_notes, err));
}

void api_handle_create_order(struct api_context *context, struct api_request *request)
{
    struct osy_error err = {0};
    struct api_new_order order;
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    if (!api_order_writer_has_room(context->writer)) {
        api_reply_overloaded(request);
        return;
    }
    if (!api_new_order_parse(body, length, &order, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    struct api_order_command *command = api_order_command_create(NULL);
    struct waiting *waiting = osy_alloc(sizeof *waiting);
    *waiting = (struct waiting){context, request};
    command->order_id = osy_uuid_v7();
    command->restaurant_id = order.restaurant_id;
    command->on_done = on_created;
    command->context = waiting;
    api_scope_note_actor(request, command);

    if (!api_order_idempotency_read(request, command, &err)) {
        api_reply_invalid(request, &err);
        goto refused;
    }
    if (!fill_draft(context->keyring, &order, command, &err)) {
        OSY_ERROR("encryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        goto refused;
    }
    if (!api_order_writer_submit(context->writer, command)) {
        api_reply_overloaded(request);
        goto refused;
    }
    api_new_order_deinit(&order);
    return;
refused:
    free(waiting);
    api_order_command_destroy(command);
    api_new_order_deinit(&order);
}
