/* What a command carries of the `Idempotency-Key` header (api/http/idempotency_key.h). */
#pragma once
#include "api/orders/command.h"
#include "shared/error.h"

struct api_request;

/* Without the header command stays as it is. OSY_ERR_INVALID: the header is malformed. */
OSY_MUST_CHECK bool api_order_idempotency_read(const struct api_request *request,
                                               struct api_order_command *command,
                                               struct osy_error *err);
