/*
 * All columns whose values depend on a wrapping key: those that are encrypted with it, and the data keys. Here it is known
 * how many values each wrapping key still has, and how they get the active one. For commands, as an administrator: the
 * programs that serve may not read all of it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct osy_keyring;
struct osy_pg;

/* kid: borrowed for the call. is_fixed: these cannot be encrypted anew: records of what was, and what is gone in a day. */
typedef void (*api_wrapped_count_fn)(void *context, const char *kid, int64_t values, bool is_fixed);
OSY_MUST_CHECK bool api_wrapped_columns_count(struct osy_pg *pg, api_wrapped_count_fn on_count,
                                              void *context, struct osy_error *err);

/*
 * Encrypts everything anew that is under another key than the active one, value by value, each in a transaction of its own:
 * so it holds no lock for longer than that takes, can be stopped at any time, and run beside everything else. A value that
 * has changed in the meantime is left as it is. A value that cannot be decrypted is counted, and left, too.
 */
struct api_rewrapped {
    int64_t done, failed;
};
OSY_MUST_CHECK bool api_wrapped_columns_rewrap(struct osy_pg *pg, const struct osy_keyring *keyring,
                                               struct api_rewrapped *rewrapped,
                                               struct osy_error *err);
