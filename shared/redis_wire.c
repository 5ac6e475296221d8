#include "shared/redis_wire.h"

#include <stdlib.h>

#include "shared/alloc.h"

/* 4 MiB in one go at most: other sockets of the loop want their turn as well. */
#define READS_PER_TURN 256

struct wire {
    uv_poll_t poll;
    uv_idle_t flush;            /* active: there is something to write at the next turn */
    redisAsyncContext *context; /* borrowed; NULL once hiredis has let go */
    int armed;                  /* what poll watches: UV_READABLE | UV_WRITABLE */
    int open_handles;
    bool writing;                     /* inside write_out */
    bool has_more;                    /* the last read filled its buffer */
    const redisContextFuncs *hiredis; /* hiredis' own functions */
    redisContextFuncs funcs;          /* the same, but for reading */
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void arm(struct wire *wire, int events)
{
    if (wire->armed == events)
        return;
    wire->armed = events;
    if (events == 0)
        uv_poll_stop(&wire->poll);
    else
        uv_poll_start(&wire->poll, events, on_poll);
}

/* hiredis' own read, which also notes whether there may be more: asking the socket would be a system call. */
static ssize_t read_and_note(redisContext *context, char *buffer, size_t size)
{
    struct wire *wire = ((redisAsyncContext *)context)->ev.data;
    ssize_t length = wire->hiredis->read(context, buffer, size);

    wire->has_more = length == (ssize_t)size;
    return length;
}

/* Any callback in here may make hiredis free the context; wire itself lives until the turn's end.
 */
static void read_all(struct wire *wire)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        wire->has_more = false;
        redisAsyncHandleRead(wire->context);
        if (!wire->context || !wire->has_more)
            return;
    }
}

static void write_out(struct wire *wire)
{
    wire->writing = true;
    redisAsyncHandleWrite(wire->context);
    wire->writing = false;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct wire *wire = handle->data;

    if (status < 0) { /* libuv has stopped the poll; hiredis finds out why when it tries */
        wire->armed = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if ((events & UV_WRITABLE) && wire->context)
        write_out(wire);
    if ((events & UV_READABLE) && wire->context)
        read_all(wire);
    if (wire->context)
        arm(wire, wire->armed | UV_READABLE);
}

static void on_flush(uv_idle_t *handle)
{
    struct wire *wire = handle->data;

    uv_idle_stop(handle);
    if (wire->context)
        write_out(wire);
}

/* ---- what hiredis calls ---- */

static void on_want_read(void *data)
{
    struct wire *wire = data;

    arm(wire, wire->armed | UV_READABLE);
}

static void on_enough_read(void *data)
{
    (void)data; /* stays armed */
}

static void on_want_write(void *data)
{
    struct wire *wire = data;
    bool connected = wire->context->c.flags & REDIS_CONNECTED;

    /* The first writable event says that the connect is done; and a write that the socket did not
     * take whole waits for room. Everything else is gathered: an idle handle runs at the next
     * turn's beginning and keeps the loop from sleeping until then. */
    if (!connected || wire->writing)
        arm(wire, wire->armed | UV_WRITABLE);
    else if (!(wire->armed & UV_WRITABLE))
        uv_idle_start(&wire->flush, on_flush);
}

static void on_enough_written(void *data)
{
    struct wire *wire = data;

    arm(wire, wire->armed & ~UV_WRITABLE);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct wire *wire = handle->data;

    if (--wire->open_handles == 0)
        free(wire);
}

/* hiredis closes the descriptor after this. */
static void on_cleanup(void *data)
{
    struct wire *wire = data;

    wire->context->c.funcs = wire->hiredis;
    wire->context = NULL;
    uv_close((uv_handle_t *)&wire->poll, on_handle_closed);
    uv_close((uv_handle_t *)&wire->flush, on_handle_closed);
}

bool osy_redis_wire_attach(uv_loop_t *loop, redisAsyncContext *context)
{
    struct wire *wire = osy_alloc(sizeof *wire);

    if (uv_poll_init(loop, &wire->poll, context->c.fd) != 0) {
        free(wire);
        return false;
    }
    uv_idle_init(loop, &wire->flush);
    wire->poll.data = wire->flush.data = wire;
    wire->open_handles = 2;
    wire->context = context;
    wire->hiredis = context->c.funcs;
    wire->funcs = *wire->hiredis;
    wire->funcs.read = read_and_note;
    context->c.funcs = &wire->funcs;
    context->ev.data = wire;
    context->ev.addRead = on_want_read;
    context->ev.delRead = on_enough_read;
    context->ev.addWrite = on_want_write;
    context->ev.delWrite = on_enough_written;
    context->ev.cleanup = on_cleanup;
    return true;
}

void osy_redis_wire_drain(redisAsyncContext *context)
{
    read_all(context->ev.data);
}
