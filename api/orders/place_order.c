#include "api/orders/place_order.h"

#include <stdlib.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/config.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/orders/command.h"
#include "api/orders/idempotency.h"
#include "api/orders/new_order.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "api/orders/writer.h"
#include "api/privacy/order_cipher.h"
#include "api/privacy/subject_keys.h"
#include "shared/alloc.h"
#include "shared/log.h"
#include "shared/tracking_token.h"

/* A request on its way through the order writer; first, perhaps, to its customer's key. */
struct waiting {
    struct api_context *context;
    struct api_request *request;
    struct api_order_command *command;
    struct api_new_order *order; /* owned, until it is submitted */
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

static void give_up(struct waiting *waiting, struct api_order_command *command)
{
    api_new_order_destroy(waiting->order);
    free(waiting);
    api_order_command_destroy(command);
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

static void copy_lines(const struct api_new_order *order, struct api_order_draft *draft)
{
    draft->line_count = order->line_count;
    memcpy(draft->lines, order->lines, order->line_count * sizeof *order->lines);
    draft->options = copy_options(order);
}

static void seal_and_submit(struct waiting *waiting, const struct osy_data_key *customer)
{
    struct api_context *context = waiting->context;
    struct api_order_command *command = waiting->command;
    struct osy_error err = {0};
    if (!api_order_seal(context->keyring, context->config->phone_country, customer, waiting->order,
                        command, &err)) {
        OSY_ERROR("encryption_failed", OSY_ERR(&err));
        api_reply_error(waiting->request, 500, "INTERNAL_ERROR", NULL, NULL);
        give_up(waiting, command);
        return;
    }
    if (!api_order_writer_submit(context->writer, command)) {
        api_reply_overloaded(waiting->request);
        give_up(waiting, command);
        return;
    }
    api_new_order_destroy(waiting->order);
    waiting->order = NULL;
}

static void on_customer_key(void *opaque, const struct osy_data_key *key,
                            const struct osy_error *err)
{
    struct waiting *waiting = opaque;
    if (key) {
        seal_and_submit(waiting, key);
        return;
    }
    if (err->code == OSY_ERR_DENIED)
        api_reply_error(waiting->request, 401, "UNAUTHENTICATED", err->message, NULL);
    else
        api_reply_database_error(waiting->request, err);
    give_up(waiting, waiting->command);
}

/* A customer's first order in a while waits for the customer's key; all others go on at once. */
static void find_key_and_submit(struct waiting *waiting)
{
    struct api_subject_keys *keys = waiting->context->subject_keys;
    const struct api_principal *principal = api_request_principal(waiting->request);
    const struct osy_data_key *key = NULL;
    if (principal->kind != API_PRINCIPAL_USER || principal->claims.role != OSY_ROLE_CUSTOMER) {
        seal_and_submit(waiting, NULL);
        return;
    }
    key = api_subject_keys_find(keys, &principal->claims.subject);
    if (key) {
        seal_and_submit(waiting, key);
        return;
    }
    if (!api_subject_keys_fetch(keys, &principal->claims.subject, on_customer_key, waiting)) {
        api_reply_overloaded(waiting->request);
        give_up(waiting, waiting->command);
    }
}

void api_order_place(struct api_context *context, struct api_request *request,
                     struct api_new_order *order)
{
    struct osy_error err = {0};
    struct api_order_command *command = api_order_command_create(NULL);
    struct waiting *waiting = osy_alloc(sizeof *waiting);
    *waiting = (struct waiting){context, request, command, order};
    command->order_id = osy_uuid_v7();
    command->restaurant_id = order->restaurant_id;
    command->on_done = on_created;
    command->context = waiting;
    api_scope_note_actor(request, command);
    if (!api_order_idempotency_read(request, command, &err)) {
        api_reply_invalid(request, &err);
        give_up(waiting, command);
        return;
    }
    copy_lines(order, &command->draft);
    find_key_and_submit(waiting);
}
