/*
 * Watches a keyring's folder and reads it again when it has changed, so that keys rotate without a restart. The folder is
 * looked at every few seconds, and read on libuv's thread pool: checking an RSA key takes milliseconds, asking a key
 * service longer. It is read once at the beginning, for it may have changed since the keyring was loaded, and what could
 * not be read is tried again, each time after a longer pause. Loop thread.
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "shared/keys.h"

#define OSY_KEY_WATCH_INTERVAL_MS 2000

struct osy_key_watch;

/* The folder was read again: its keys are others now; or err says why it could not be, and nothing has
 * changed (once for each reason: it is tried again without another word). */
typedef void (*osy_keys_changed_fn)(void *context, const struct osy_error *err);

/* keyring is borrowed until the watch's end. */
struct osy_key_watch *osy_key_watch_create(uv_loop_t *loop, struct osy_keyring *keyring,
                                           osy_keys_changed_fn on_changed, void *context);
/* Calls nothing any more; memory goes when libuv has closed the handle (run the loop). NULL is fine. */
void osy_key_watch_destroy(struct osy_key_watch *watch);
