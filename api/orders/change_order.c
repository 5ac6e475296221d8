/* The steps of an order: accept, reject, estimate, prepare, ready, complete by the restaurant, cancel also by the
 * customer. Which step may follow which status is status.c's; here only the request is read. */
#include <stdio.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/context.h"
#include "api/http/request.h"
#include "api/moment.h"
#include "api/orders/command.h"
#include "api/orders/handlers.h"
#include "api/orders/idempotency.h"
#include "api/orders/lookup.h"
#include "api/orders/record.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "api/orders/status.h"
#include "api/orders/writer.h"
#include "api/text.h"
#include "shared/alloc.h"
#include "shared/json.h"

enum { REASON_MAX_CHARACTERS = 200, READY_MINUTES_MAX = 24 * 60 };

static void on_changed(struct api_order_command *command)
{
    struct api_request *request = command->context;
    struct osy_buffer body = OSY_BUFFER_INIT;
    bool is_there =
        command->result.outcome == API_ORDER_DONE || command->result.outcome == API_ORDER_REPLAY;
    if (!is_there) {
        api_order_reply_problem(request, command);
        return;
    }
    api_order_append_result(&body, command);
    osy_buffer_char(&body, '}');
    api_reply_json(request, 200, &body);
}

/* The same names as on sockets, so that the timeline's entries are about the same devices. */
static bool keep_device(const char *device, struct api_order_change *change, struct osy_error *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (!device)
        return true;
    if (device[strspn(device, allowed)] != '\0')
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'device' may only have letters, digits, _ and -");
    snprintf(change->device, sizeof change->device, "%s", device);
    return true;
}

static bool keep_reason(const char *reason, struct api_order_change *change, struct osy_error *err)
{
    struct api_text text;
    if (!reason)
        return true;
    if (!api_text_trim("reason", reason, API_TEXT_ONE_LINE, &text, err))
        return false;
    change->reason = osy_strndup(text.bytes, text.length);
    return true;
}

static bool keep_estimate(const struct api_moment *ready, enum api_step_field wanted,
                          struct api_order_change *change, struct osy_error *err)
{
    if (!api_moment_read(ready, &change->ready_ms, err))
        return false;
    return change->ready_ms || wanted != API_STEP_NEEDS ||
           osy_error_set(err, OSY_ERR_INVALID, "'ready_in_min' or 'ready_at' is missing");
}

static bool read_fields(json_t *root, struct api_order_command *command, struct osy_error *err)
{
    const struct api_order_step *step = command->step;
    const char *reason = NULL, *device = NULL;
    struct api_moment ready = {"ready_in_min", "ready_at", READY_MINUTES_MAX, 0, NULL};
    struct osy_json_field fields[6] = {
        {"version", OSY_JSON_INTEGER, true, 1, INT64_MAX, &command->change.version},
        {"device", OSY_JSON_STRING, true, 1, API_ORDER_DEVICE_BYTES - 1, &device},
    };
    size_t count = 2;
    if (step->reason != API_STEP_REFUSES)
        fields[count++] =
            (struct osy_json_field){"reason", OSY_JSON_STRING,       step->reason != API_STEP_NEEDS,
                                    1,        REASON_MAX_CHARACTERS, &reason};
    if (step->estimate != API_STEP_REFUSES) {
        fields[count++] = (struct osy_json_field){"ready_in_min",    OSY_JSON_INTEGER, true, 1,
                                                  READY_MINUTES_MAX, &ready.minutes};
        fields[count++] = (struct osy_json_field){"ready_at", OSY_JSON_STRING,     true,
                                                  1,          API_MOMENT_TIME_MAX, &ready.time};
    }
    return osy_json_read(root, "", fields, err) && keep_device(device, &command->change, err) &&
           keep_reason(reason, &command->change, err) &&
           keep_estimate(&ready, step->estimate, &command->change, err);
}

/* An empty body is as good as `{}`. */
static bool read_body(const struct api_request *request, struct api_order_command *command,
                      struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length);
    json_t *root = length > 0 ? osy_json_parse(body, length, JSON_OBJECT, err) : json_object();
    bool ok = root && read_fields(root, command, err);
    json_decref(root);
    return ok;
}

static void change(struct api_context *context, struct api_request *request,
                   const struct api_order_step *step, const struct osy_uuid *restaurant_id,
                   const struct osy_uuid *order_id)
{
    struct osy_error err = {0};
    struct api_order_command *command = api_order_command_create(step);
    command->order_id = *order_id;
    command->restaurant_id = *restaurant_id;
    command->on_done = on_changed;
    command->context = request;
    api_scope_note_actor(request, command);

    if (!read_body(request, command, &err) || !api_order_idempotency_read(request, command, &err)) {
        api_reply_invalid(request, &err);
        goto refused;
    }
    if (!api_order_writer_submit(context->writer, command)) {
        api_reply_overloaded(request);
        goto refused;
    }
    return;
refused:
    api_order_command_destroy(command);
}

void api_handle_change_order(struct api_context *context, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id, order_id;
    const struct api_order_step *step = api_order_step_find(api_request_param(request, "step"));
    if (!step || step->is_for_guests) { /* those have a path of their own */
        api_reply_error(request, 404, "NOT_FOUND", "There is no such step.", NULL);
        return;
    }
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (api_scope_restaurant(request, &restaurant_id))
        change(context, request, step, &restaurant_id, &order_id);
}

static bool is_customer(const struct api_principal *principal)
{
    return principal->kind == API_PRINCIPAL_USER && principal->claims.role == OSY_ROLE_CUSTOMER;
}

/* A customer's token names no restaurant: the order does. */
static void cancel_found(struct api_context *context, struct api_request *request,
                         const struct api_order_record *record)
{
    change(context, request, api_order_step_find("cancel"), &record->restaurant_id,
           &record->order_id);
}

void api_handle_cancel_order(struct api_context *context, struct api_request *request)
{
    const struct api_principal *principal = api_request_principal(request);
    const struct api_order_step *step = api_order_step_find("cancel");
    struct osy_error err = {0};
    struct osy_uuid restaurant_id, order_id;
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (principal->kind == API_PRINCIPAL_GUEST) {
        if (osy_uuid_equal(&order_id, &principal->tracking.order_id))
            change(context, request, step, &principal->tracking.restaurant_id, &order_id);
        else
            api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
        return;
    }
    if (is_customer(principal)) {
        api_order_look_up(context, request, &order_id, cancel_found);
        return;
    }
    if (api_scope_restaurant(request, &restaurant_id))
        change(context, request, step, &restaurant_id, &order_id);
}
