/*
 * What the API answers to whom it took an order from (docs/openapi.yaml, 201 of POST /api/v1/orders), as
 * far as the load test needs it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "loadtest/message.h"
#include "shared/tracking_token.h"
#include "shared/uuid.h"

struct load_receipt {
    uint32_t version; /* of the order, up to LOAD_VERSIONS; 0: the answer names no order */
    struct osy_uuid order_id;
    char token[OSY_TRACKING_TOKEN_BYTES]; /* "": there is none that fits */
    char position[LOAD_POSITION_BYTES];   /* in the order's own stream; "": the same */
};

void load_receipt_read(struct load_receipt *receipt, const char *body, size_t length);
