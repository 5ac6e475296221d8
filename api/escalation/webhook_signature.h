/*
 * How a receiver of a webhook knows that it came from us, and when: the header
 *
 *   OrderSync-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256 with the endpoint's secret over "<t>.<delivery id>.<body>">
 *
 * t is part of what is signed, so that a recorded request cannot be sent again later; the delivery id is the
 * same in each try, so that a receiver can tell a repetition.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define API_WEBHOOK_SECRET_BYTES    32
#define API_WEBHOOK_SIGNATURE_BYTES 128 /* the header's value with its NUL */

void api_webhook_sign(const uint8_t secret[API_WEBHOOK_SECRET_BYTES], int64_t unix_s,
                      const char *delivery_id, const char *body, size_t length,
                      char signature[API_WEBHOOK_SIGNATURE_BYTES]);
