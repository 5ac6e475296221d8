#include "api/orders/reply.h"

#include <assert.h>
#include <inttypes.h>

#include "api/http/request.h"

#define USUAL_REST_BYTES 512 /* position, tracking token, socket's URL */

struct problem {
    int status;
    const char *code, *detail;
};

static const struct problem problems[API_ORDER_OUTCOME_COUNT] = {
    [API_ORDER_KEY_REUSED] = {422, "IDEMPOTENCY_KEY_REUSED",
                              "This Idempotency-Key came with another request before."},
    [API_ORDER_CUSTOMER_ERASED] = {401, "UNAUTHENTICATED", "The account has been erased."},
    [API_ORDER_RESTAURANT_NOT_FOUND] = {404, "RESTAURANT_NOT_FOUND",
                                        "There is no such restaurant."},
    [API_ORDER_RESTAURANT_CLOSED] = {409, "RESTAURANT_CLOSED",
                                     "The restaurant takes no orders now."},
    [API_ORDER_RESTAURANT_UNREACHABLE] = {409, "RESTAURANT_UNREACHABLE",
                                          "Orders cannot reach the restaurant now."},
    [API_ORDER_UNKNOWN_ITEM] = {422, "UNKNOWN_ITEM", "The restaurant does not sell this item."},
    [API_ORDER_ITEM_UNAVAILABLE] = {409, "ITEM_UNAVAILABLE", "The item is not available now."},
    [API_ORDER_UNKNOWN_OPTION] = {422, "UNKNOWN_OPTION", "The item does not have this option."},
    [API_ORDER_OPTION_UNAVAILABLE] = {409, "OPTION_UNAVAILABLE",
                                      "The option is not available now."},
    [API_ORDER_OPTION_COUNT] = {422, "OPTION_COUNT",
                                "Too few or too many options of a group were chosen."},
    [API_ORDER_OUT_OF_STOCK] = {409, "OUT_OF_STOCK", "There are not so many of the item left."},
    [API_ORDER_TOO_LARGE] = {422, "ORDER_TOO_LARGE",
                             "The order has too many lines and options. Split it into two."},
    [API_ORDER_NOT_FOUND] = {404, "ORDER_NOT_FOUND", "There is no such order."},
    [API_ORDER_CONFLICT] = {409, "ORDER_CONFLICT",
                            "The order is in another state than this step starts from."},
    [API_ORDER_FAILED] = {500, "INTERNAL_ERROR", NULL},
    [API_ORDER_UNAVAILABLE] = {503, "DATABASE_UNAVAILABLE", "Nothing was written. Try again."},
    [API_ORDER_UNCERTAIN] = {503, "DATABASE_UNAVAILABLE",
                             "It is not known whether this was written. Trying again with the same "
                             "Idempotency-Key is safe."},
};

void api_order_append_position(struct osy_buffer *out, enum osy_position_kind kind, uint64_t number,
                               const struct osy_uuid *event_id)
{
    struct osy_position position = {.kind = kind, .number = number};
    char text[OSY_POSITION_TEXT_BYTES];
    if (event_id)
        position.event_id = *event_id;
    osy_position_format(&position, text);
    osy_buffer_texts(out, "\"position\":\"", text, "\"", NULL);
}

void api_order_append_result(struct osy_buffer *out, const struct api_order_command *command)
{
    const struct api_order_result *result = &command->result;
    osy_buffer_reserve(out, result->data_length + USUAL_REST_BYTES);
    osy_buffer_text(out, "{\"order\":");
    osy_buffer_append(out, result->data, result->data_length);
    osy_buffer_char(out, ',');
    api_order_append_position(out, OSY_POSITION_ORDER, result->version, &result->event_id);
}

/* Which line it is, from 0 on as in the request, and what of its options is wrong. */
static void append_option(struct osy_buffer *out, const struct api_order_result *result)
{
    char culprit_id[OSY_UUID_TEXT_BYTES];
    bool is_group = result->outcome == API_ORDER_OPTION_COUNT;
    if (!is_group && result->outcome != API_ORDER_UNKNOWN_OPTION &&
        result->outcome != API_ORDER_OPTION_UNAVAILABLE)
        return;
    osy_uuid_format(&result->culprit_id, culprit_id);
    osy_buffer_printf(out, ",\"line\":%" PRIu64 ",\"%s\":\"%s\"", result->line - 1,
                      is_group ? "group_id" : "option_id", culprit_id);
}

static void append_members(struct osy_buffer *out, const struct api_order_result *result)
{
    char item_id[OSY_UUID_TEXT_BYTES];
    if (result->outcome == API_ORDER_CONFLICT) {
        osy_buffer_text(out, "\"order\":");
        osy_buffer_append(out, result->data, result->data_length);
        osy_buffer_printf(out, ",\"changed_by\":\"%s\",\"changed_at\":\"%s\"", result->changed_by,
                          result->changed_at);
    } else if (result->outcome == API_ORDER_RESTAURANT_CLOSED) {
        if (*result->changed_at)
            osy_buffer_printf(out, "\"opens_at\":\"%s\"", result->changed_at);
        else
            osy_buffer_text(out, "\"opens_at\":null");
    } else if (!osy_uuid_is_nil(&result->item_id)) {
        osy_uuid_format(&result->item_id, item_id);
        osy_buffer_printf(out, "\"item_id\":\"%s\"", item_id);
        append_option(out, result);
    }
}

static void reply(struct api_request *request, enum api_order_outcome outcome, const char *members)
{
    const struct problem *problem = &problems[outcome];
    assert(problem->code);
    if (problem->status == 503)
        api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, problem->status, problem->code, problem->detail, members);
}

void api_order_reply_problem(struct api_request *request, const struct api_order_command *command)
{
    struct osy_buffer members = OSY_BUFFER_INIT;
    append_members(&members, &command->result);
    reply(request, command->result.outcome, members.bytes);
    osy_buffer_deinit(&members);
}

void api_order_reply_outcome(struct api_request *request, enum api_order_outcome outcome)
{
    reply(request, outcome, NULL);
}

void api_order_reply_not_found(struct api_request *request, const struct osy_error *err)
{
    if (err->code == OSY_ERR_NOT_FOUND)
        api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
    else
        api_reply_database_error(request, err);
}
