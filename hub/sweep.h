/*
 * A sweep: something is done to every session of the hub, to a share of them at each tick, so that no turn
 * of the loop is long and what follows (ten thousand clients that come back) is spread as well. Sockets that
 * open meanwhile are swept, too. There is one at a time; a new one takes the place of the last. Loop thread.
 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "hub/socket.h"

struct hub_sweep {
    struct hub_server *server; /* borrowed */
    uv_timer_t timer;
    size_t share;
    hub_server_visit_fn visit;
};

void hub_sweep_init(struct hub_sweep *sweep, uv_loop_t *loop);
/* The sessions that are open now are visited within over_ms, at an even pace. */
void hub_sweep_begin(struct hub_sweep *sweep, struct hub_server *server, int64_t over_ms,
                     hub_server_visit_fn visit);
void hub_sweep_stop(struct hub_sweep *sweep);
void hub_sweep_deinit(struct hub_sweep *sweep); /* run the loop */
