/* A moment to come that a request names: either as minutes from now, or as a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

#define API_MOMENT_TIME_MAX 40 /* characters of a time */

/* The two fields as they were read; the table of fields limits minutes to 1 to minutes_max. */
struct api_moment {
    const char *minutes_field, *time_field; /* "ready_in_min", "ready_at" */
    int64_t minutes_max;
    int64_t minutes;  /* 0: absent */
    const char *time; /* NULL: absent */
};

/* *wall_ms is 0 when both are absent. OSY_ERR_INVALID names the field: both are there, a malformed time, one that is
 * over (by more than a minute: clocks differ) or further away than minutes_max. */
OSY_MUST_CHECK bool api_moment_read(const struct api_moment *moment, int64_t *wall_ms,
                                    struct osy_error *err);
