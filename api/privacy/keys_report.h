/* What `ordersync-api keys` does with wrapping keys beside their files: `keys status` and `keys rewrap`. */
#pragma once
#include <stdbool.h>

#include "shared/error.h"

struct api_config;

/* Prints how old each data key is, how many values need it, and what is to be done next. */
OSY_MUST_CHECK bool api_keys_status(const struct api_config *config, struct osy_error *err);
/* Encrypts everything anew that is under an older data key than the active one (wrapped_columns.h). */
OSY_MUST_CHECK bool api_keys_rewrap(const struct api_config *config, struct osy_error *err);
