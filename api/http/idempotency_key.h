/*
 * The `Idempotency-Key` header: which request this is, so that its repetition is known for one.
 *
 * The key hash covers who asks, the route and the key, so nobody meets another's record. The body hash covers the
 * path, the query string and the body as they came, behind the key itself: bodies hold names, phones and passwords,
 * and a stolen hash of one could be guessed at, were it not for the key, which is stored nowhere.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/digest.h"
#include "shared/error.h"

struct api_request;

struct api_idempotency_key {
    bool is_given; /* the request has the header; else there are no hashes */
    uint8_t key_hash[OSY_SHA256_BYTES], body_hash[OSY_SHA256_BYTES];
};

/* part: what the route leaves open and a key is scoped by, too ("accept"); "" when there is no such thing.
 * OSY_ERR_INVALID: the header is not 1 to 128 visible ASCII characters. */
OSY_MUST_CHECK bool api_idempotency_key_read(const struct api_request *request, const char *part,
                                             struct api_idempotency_key *key,
                                             struct osy_error *err);
