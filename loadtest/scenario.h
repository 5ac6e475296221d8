/*
 * A scenario: a load written down, so that it can be repeated. A JSON object (loadtest/scenarios/) with the
 * options that describe a load, by their names, and
 *
 *   "description"  a text, for people
 *   "phases"       an array of stretches of the load, one after the other, each an object:
 *                    "name"     a text of up to 31 bytes
 *                    "seconds"  its length
 *                    "rate"     a factor of the rates; [from, to]: it changes evenly. 1 when it is not there
 *                    "cut"      the share of all connections, 0 to 1, that is cut when it begins
 *                    "away"     seconds that these stay away, about; 2 when it is not there
 */
#pragma once
#include <stddef.h>

#include "shared/error.h"

struct load_options;

/* Sets what the file says; the rest stays. OSY_ERR_NOT_FOUND, OSY_ERR_INVALID: the message names file and field. */
OSY_MUST_CHECK bool load_scenario_read(struct load_options *options, const char *path,
                                       struct osy_error *err);
/* The same from a text, whose errors name the field alone. */
OSY_MUST_CHECK bool load_scenario_parse(struct load_options *options, const char *text,
                                        size_t length, struct osy_error *err);
