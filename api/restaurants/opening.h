/*
 * Opening hours as people write them: ranges of wall-clock times by weekday, and exceptions for single dates. A range that
 * closes no later than it opens ends on the next day; `24:00` may close. Checked here as far as that is possible
 * without the database, which turns them into moments (opening_times in 0014_restaurants.sql).
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "shared/error.h"

struct api_opening {
    const char *
        time_zone; /* borrowed from the tree, as are the others; whether it exists is the database's */
    const json_t *weekly;     /* an object; NULL: no hours, open as it accepts orders */
    const json_t *exceptions; /* an array; NULL: none */
};

/* Reads `{"time_zone", "weekly", "exceptions"}`. Reasons of exceptions are trimmed in the tree. OSY_ERR_INVALID names the
 * field: "weekly.monday[1].opens". */
OSY_MUST_CHECK bool api_opening_read(json_t *root, struct api_opening *opening,
                                     struct osy_error *err);
