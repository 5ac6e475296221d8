/* What a server process sets for itself before it starts a thread. */
#pragma once
#include <stdbool.h>

struct osy_error;

/*
 * SIGPIPE is ignored, the limit of open files raised as far as allowed, jansson's hash seeded from a good
 * source. holds_keys: no core dump and no debugger of the same user may see the memory (left out under
 * sanitizers, whose leak check is such a debugger).
 */
void api_process_prepare(bool holds_keys);
/* An osy_keys_changed_fn (shared/key_watch.h): logs it. */
void api_process_note_keys(void *context, const struct osy_error *err);
