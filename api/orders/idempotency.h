/* The `Idempotency-Key` header: what a command carries of it. */
#pragma once
#include "api/orders/command.h"
#include "shared/error.h"

struct api_request;

/*
 * Without the header command stays as it is. Else its key hash covers who asks, the route and the key, so
 * that nobody meets another's record; and its body hash the order in the path and the body as it came.
 * OSY_ERR_INVALID: not 1 to 128 visible ASCII characters.
 */
OSY_MUST_CHECK bool api_idempotency_read(const struct api_request *request,
                                         struct api_order_command *command, struct osy_error *err);
