#include "hub/sweep.h"

enum { TICK_MS = 50 };

static void on_tick(uv_timer_t *timer)
{
    struct hub_sweep *sweep = timer->data;
    hub_server_visit(sweep->server, sweep->share, sweep->visit);
}

void hub_sweep_init(struct hub_sweep *sweep, uv_loop_t *loop)
{
    uv_timer_init(loop, &sweep->timer);
    sweep->timer.data = sweep;
}

void hub_sweep_begin(struct hub_sweep *sweep, struct hub_server *server, int64_t over_ms,
                     hub_server_visit_fn visit)
{
    size_t ticks = (size_t)over_ms / TICK_MS + 1;
    sweep->server = server;
    sweep->visit = visit;
    sweep->share = hub_server_socket_count(server) / ticks + 1;
    hub_server_visit_from_start(server);
    uv_timer_start(&sweep->timer, on_tick, 0, TICK_MS);
}

void hub_sweep_stop(struct hub_sweep *sweep)
{
    uv_timer_stop(&sweep->timer);
}

void hub_sweep_deinit(struct hub_sweep *sweep)
{
    if (!uv_is_closing((uv_handle_t *)&sweep->timer))
        uv_close((uv_handle_t *)&sweep->timer, NULL);
}
