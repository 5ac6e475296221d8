/* Replies that the handlers of orders share. */
#pragma once
#include <stdint.h>

#include "api/orders/command.h"
#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/position.h"
#include "shared/uuid.h"

struct api_request;

/* Appends `"position":"..."`. event_id may be NULL while number is 0. */
void api_order_append_position(struct osy_buffer *out, enum osy_position_kind kind, uint64_t number,
                               const struct osy_uuid *event_id);
/* Appends `{"order":{...},"position":"..."` of a command that was written: the caller adds and closes. */
void api_order_append_result(struct osy_buffer *out, const struct api_order_command *command);
/* Answers a command that was not written with its problem. */
void api_order_reply_problem(struct api_request *request, const struct api_order_command *command);
/* The same for an outcome that needs no more than its name: NOT_FOUND, RESTAURANT_NOT_FOUND, ... */
void api_order_reply_outcome(struct api_request *request, enum api_order_outcome outcome);
/* For a record that was not found: 404 ORDER_NOT_FOUND (OSY_ERR_NOT_FOUND), or the database's failure. */
void api_order_reply_not_found(struct api_request *request, const struct osy_error *err);
