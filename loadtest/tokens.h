/* Access tokens for the clients of a run, minted by one `ordersync-api token --each`. Blocks. */
#pragma once
#include <stddef.h>

#include "shared/error.h"

#define LOAD_TOKEN_RESTAURANTS 32 /* as many as a dashboard may choose */

struct load_token {
    const char *restaurants[LOAD_TOKEN_RESTAURANTS]; /* borrowed: ids as text */
    size_t restaurant_count;                         /* at least 1 */
    char *text;                                      /* filled in; the caller's, to free */
};

/* OSY_ERR_IO names what failed; tokens that were minted before are there and have to be freed. */
OSY_MUST_CHECK bool load_tokens_mint(const char *role, struct load_token *tokens, size_t count,
                                     long ttl_seconds, struct osy_error *err);
