/*
 * A listening TCP socket that outlives a lack of descriptors. libwebsockets, when accept fails for want of
 * one, is called again at once, and burns a core doing nothing; so we accept ourselves. A descriptor is held
 * back: when there is no other, it is given up for a moment to take the next caller off the queue and tell
 * him to come back later. When even that fails, the listener pauses. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"

/* Takes descriptor, which does not block, sends small writes at once, buffers little of what is not read, and ends
 * when what it sends is not acknowledged. */
typedef void (*hub_accept_fn)(void *context, int descriptor);

struct hub_listener {
    uv_poll_t readable;
    uv_timer_t pause;
    int descriptor, held_back; /* owned; -1: none */
    uint16_t port;             /* the real one */
    bool is_short;             /* of descriptors: said once, not for each caller */
    hub_accept_fn on_accept;
    void *context;
};

/* address: as osy_address_to_listen takes it. OSY_ERR_INVALID, OSY_ERR_IO. */
OSY_MUST_CHECK bool hub_listener_open(struct hub_listener *listener, uv_loop_t *loop,
                                      const char *address, hub_accept_fn on_accept, void *context,
                                      struct osy_error *err);
/* Run the loop before the memory goes. Harmless when it was never opened (zeroed) or is closed. */
void hub_listener_close(struct hub_listener *listener);
/* Says 503 with Retry-After and closes. */
void hub_listener_turn_away(int descriptor);
