#include "api/orders/command.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "api/orders/status.h"
#include "shared/alloc.h"
#include "shared/pool.h"

enum { POOL_MOST = 1024 };

/* A thread ends the commands that it has made: the loop, or the watchdog. */
static _Thread_local struct osy_pool pool = {.most = POOL_MOST};

/* The names that create_orders.sql and change_orders.sql answer with, and labels of a metric. */
static const char *const outcome_names[API_ORDER_OUTCOME_COUNT] = {
    [API_ORDER_UNDECIDED] = "undecided",
    [API_ORDER_DONE] = "ok",
    [API_ORDER_REPLAY] = "replay",
    [API_ORDER_RETRY] = "retry",
    [API_ORDER_KEY_REUSED] = "key_reused",
    [API_ORDER_CUSTOMER_ERASED] = "customer_erased",
    [API_ORDER_RESTAURANT_NOT_FOUND] = "restaurant_not_found",
    [API_ORDER_RESTAURANT_CLOSED] = "restaurant_closed",
    [API_ORDER_RESTAURANT_UNREACHABLE] = "restaurant_unreachable",
    [API_ORDER_UNKNOWN_ITEM] = "unknown_item",
    [API_ORDER_ITEM_UNAVAILABLE] = "item_unavailable",
    [API_ORDER_UNKNOWN_OPTION] = "unknown_option",
    [API_ORDER_OPTION_UNAVAILABLE] = "option_unavailable",
    [API_ORDER_OPTION_COUNT] = "option_count",
    [API_ORDER_OUT_OF_STOCK] = "out_of_stock",
    [API_ORDER_TOO_LARGE] = "order_too_large",
    [API_ORDER_NOT_FOUND] = "not_found",
    [API_ORDER_CONFLICT] = "conflict",
    [API_ORDER_FAILED] = "failed",
    [API_ORDER_UNAVAILABLE] = "unavailable",
    [API_ORDER_UNCERTAIN] = "uncertain",
};

const char *api_order_outcome_name(enum api_order_outcome outcome)
{
    return outcome_names[outcome];
}

enum api_order_outcome api_order_outcome_parse(const char *name)
{
    for (int i = 0; i < API_ORDER_OUTCOME_COUNT; i++) {
        if (strcmp(outcome_names[i], name) == 0)
            return (enum api_order_outcome)i;
    }
    return API_ORDER_FAILED;
}

struct api_order_command *api_order_command_create(const struct api_order_step *step)
{
    struct api_order_command *command = osy_pool_take(&pool);
    if (!command)
        command = osy_alloc(sizeof *command);
    command->step = step;
    command->event_id = osy_uuid_v4();
    command->audit_id = osy_uuid_v7();
    return command;
}

/* All that a command has ever had in it but the lines, which are two thirds of it. */
static void clear(struct api_order_command *command)
{
    static_assert(sizeof command->change <= offsetof(struct api_order_draft, lines),
                  "a change would leave something in the lines");
    memset(command, 0, offsetof(struct api_order_command, draft.lines));
}

void api_order_command_destroy(struct api_order_command *command)
{
    if (!command)
        return;
    if (command->step) {
        free(command->change.reason);
    } else {
        osy_buffer_deinit(&command->draft.name);
        osy_buffer_deinit(&command->draft.phone);
        osy_buffer_deinit(&command->draft.address);
        osy_buffer_deinit(&command->draft.note);
        osy_buffer_deinit(&command->draft.line_notes);
        free(command->draft.options);
        osy_buffer_deinit(&command->draft.data_key);
    }
    free(command->result.data);
    clear(command);
    if (!osy_pool_give(&pool, command))
        free(command);
}

struct osy_event api_order_command_event(const struct api_order_command *command)
{
    const struct api_order_result *result = &command->result;
    return (struct osy_event){
        .seq = result->seq,
        .version = result->version,
        .id = result->event_id,
        .previous_id = result->previous_event_id,
        .restaurant_id = command->restaurant_id,
        .order_id = result->order_id,
        .type = command->step ? command->step->event_type : "order.created",
        .time_ms = result->time_ms,
        .traceparent = command->traceparent,
        .data = result->data,
        .data_length = result->data_length,
    };
}

static const char code_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void api_order_code(const struct osy_uuid *order_id, char code[API_ORDER_CODE_BYTES])
{
    const uint8_t *end = order_id->bytes + OSY_UUID_BYTES;
    uint32_t bits =
        (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 | (uint32_t)end[-2] << 8 | end[-1];
    for (int i = API_ORDER_CODE_BYTES - 2; i >= 0; i--) {
        code[i] = code_digits[bits & 31];
        bits >>= 5;
    }
    code[API_ORDER_CODE_BYTES - 1] = '\0';
}

static const char *find_digit(char c)
{
    char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    if (upper == 'O')
        upper = '0';
    if (upper == 'I' || upper == 'L')
        upper = '1';
    return strchr(code_digits, upper);
}

bool api_order_code_parse(const char *text, uint32_t *bits)
{
    if (strlen(text) != API_ORDER_CODE_BYTES - 1)
        return false;
    *bits = 0;
    for (; *text; text++) {
        const char *digit = find_digit(*text);
        if (!digit)
            return false;
        *bits = *bits << 5 | (uint32_t)(digit - code_digits);
    }
    return true;
}
