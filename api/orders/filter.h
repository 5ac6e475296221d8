/*
 * A filter: which of a restaurant's orders somebody wants to see. Read from the query string of the list.
 *
 * A time becomes a range of ids as well, since ids begin with the time at which they were made: so the history before
 * and behind it is not read. `created_at` is the database's time, a little later and by another clock; the range is
 * wider by what the two can differ.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/uuid.h"

#define API_ORDER_STATUSES_BYTES 160 /* "{A,B,...}": all of them, once each */

struct api_request;

struct api_order_filter {
    char statuses[API_ORDER_STATUSES_BYTES]; /* a PostgreSQL array; empty: all */
    bool is_only_open; /* the statuses are all open ones, and nothing else is asked for */
    bool has_from, has_to, has_least, has_most, has_code;
    int64_t from_ms, to_ms;        /* from_ms <= created < to_ms; since 1970 */
    struct osy_uuid first, behind; /* of ids, for has_from and has_to */
    int64_t least_amount, most_amount;
    uint32_t code; /* the last 25 bits of the id */
};

/* OSY_ERR_INVALID names the parameter that is wrong. */
OSY_MUST_CHECK bool api_order_filter_read(struct api_request *request,
                                          struct api_order_filter *filter, struct osy_error *err);
