#include "loadtest/stalled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/message.h"
#include "loadtest/run.h"
#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/clock.h"

#define RECEIVE_BYTES  4096
#define WATCH_MS       250
#define CLOSE_TOO_SLOW 4008

struct load_stalled_socket {
    struct load_stalled *stalled; /* borrowed */
    struct load_socket *socket;   /* ours until its on_close; NULL afterwards */
    bool is_live, is_released;
};

static void on_open(void *context)
{
    static const char resume[] = "{\"type\":\"resume\",\"position\":null}";
    struct load_stalled_socket *one = context;
    load_socket_send(one->socket, resume, sizeof(resume) - 1);
}

/* One object a frame is enough here: `caught_up` follows `hello` in a turn of its own, or is found later. */
static void on_text(void *context, const char *text, size_t length)
{
    struct load_stalled_socket *one = context;
    if (one->is_live || !memmem(text, length, "\"caught_up\"", strlen("\"caught_up\"")))
        return;
    one->is_live = true;
    one->stalled->live++;
}

/* The server has let go: how long it took, and what it had to say, which can be read only now. */
static void release(struct load_stalled_socket *one)
{
    struct load_stalled *stalled = one->stalled;
    uint64_t held_ns = osy_clock_monotonic_ns() - stalled->stalled_ns;
    one->is_released = true;
    stalled->counts->open--;
    stalled->counts->closed++;
    load_histogram_record(&stalled->counts->held, held_ns / 1000);
}

static void on_close(void *context, int code, const char *detail, uint32_t retry_after_s)
{
    struct load_stalled_socket *one = context;
    struct load_stalled *stalled = one->stalled;
    (void)detail;
    (void)retry_after_s;
    one->socket = NULL;
    if (stalled->stalled_ns == 0)
        stalled->counts->closed_early++;
    else if (!one->is_released)
        release(one);
    stalled->counts->told += code == CLOSE_TOO_SLOW;
}

static const struct load_socket_handler socket_handler = {
    .on_open = on_open,
    .on_text = on_text,
    .on_close = on_close,
};

static void watch(struct load_stalled_socket *one)
{
    if (!one->socket || one->is_released || load_socket_peer(one->socket) != LOAD_PEER_GONE)
        return;
    release(one);
    load_socket_unpause(one->socket);
}

static void on_watch(uv_timer_t *timer)
{
    struct load_stalled *stalled = timer->data;
    for (size_t i = 0; i < stalled->count; i++)
        watch(&stalled->sockets[i]);
}

void load_stalled_init(struct load_stalled *stalled, struct load_run *run)
{
    size_t count = (size_t)run->options->stalled;
    *stalled = (struct load_stalled){.run = run, .endpoint = *run->assignment->ws, .count = count};
    stalled->endpoint.receive_bytes = RECEIVE_BYTES;
    stalled->sockets = osy_alloc_array(count, sizeof(*stalled->sockets));
    stalled->counts = &run->stats->stalled;
    uv_timer_init(&run->loop, &stalled->watch);
    stalled->watch.data = stalled;
}

void load_stalled_deinit(struct load_stalled *stalled)
{
    for (size_t i = 0; i < stalled->count; i++)
        if (stalled->sockets[i].socket)
            load_socket_abort(stalled->sockets[i].socket);
    uv_close((uv_handle_t *)&stalled->watch, NULL);
    free(stalled->sockets);
}

void load_stalled_start(struct load_stalled *stalled, size_t index)
{
    struct load_run *run = stalled->run;
    struct load_stalled_socket *one = &stalled->sockets[index];
    const struct load_restaurant *restaurant =
        &run->restaurants.all[index % run->restaurants.count];
    char path[128];
    snprintf(path, sizeof(path), "/ws/restaurants/%s/orders", restaurant->id_text);
    one->stalled = stalled;
    one->socket = load_socket_open(&run->loop, &stalled->endpoint, run->feeds.slot++, path,
                                   restaurant->token, &socket_handler, one);
}

void load_stalled_begin(struct load_stalled *stalled)
{
    stalled->stalled_ns = osy_clock_monotonic_ns();
    for (size_t i = 0; i < stalled->count; i++) {
        if (!stalled->sockets[i].socket)
            continue;
        stalled->counts->open++;
        load_socket_pause(stalled->sockets[i].socket);
    }
    uv_timer_start(&stalled->watch, on_watch, WATCH_MS, WATCH_MS);
}

bool load_stalled_are_held(const struct load_stalled *stalled)
{
    return stalled->stalled_ns > 0 && stalled->counts->open > 0;
}
