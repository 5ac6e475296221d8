#include "loadtest/http_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

#define REPLY_TIMEOUT_MS 15000 /* longer than the API may take to give up on its database */
#define SWEEP_MS         500
#define READ_BYTES       65536

/*
 *   IDLE --send--> BUSY --reply--> IDLE
 *    any of them --failure, end--> CLOSING --on_closed--> freed
 * A connection is BUSY from its birth: it is only made for a request.
 */
enum connection_state {
    CONNECTION_IDLE = 0,
    CONNECTION_BUSY,
    CONNECTION_CLOSING,
};

struct exchange {
    struct osy_buffer bytes; /* the request as it goes out */
    load_http_reply_fn on_reply;
    void *context; /* borrowed */
    uint64_t deadline_ms;
    struct exchange *next; /* in the queue */
};

struct connection {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct load_http *http; /* NULL once the pool is gone */
    enum connection_state state;
    struct load_http_reader *reader; /* owned */
    struct exchange *exchange;       /* owned; NULL while idle */
    struct osy_buffer out;           /* the request on the wire, while is_writing */
    bool is_writing;
    struct connection *previous, *next; /* in the pool's list of all */
    struct connection *next_idle;
};

struct load_http {
    uv_loop_t *loop;
    const struct load_endpoint *endpoint;
    uv_timer_t sweep;
    struct connection *connections, *idle; /* idle: a stack, so that the fewest stay warm */
    size_t count, max, pending;
    struct exchange *first, *last; /* the queue */
    bool destroyed;
    char read_buffer[READ_BYTES]; /* one for all: libuv reads and hands over at once */
};

static void send_on(struct connection *connection, struct exchange *exchange);
static void fail(struct connection *connection, const char *why);
static void replace_connection(struct load_http *http);

static void set_state(struct connection *connection, enum connection_state state)
{
    assert(connection->state != CONNECTION_CLOSING);
    connection->state = state;
}

static void exchange_destroy(struct exchange *exchange)
{
    osy_buffer_deinit(&exchange->bytes);
    free(exchange);
}

static void exchange_finish(struct load_http *http, struct exchange *exchange,
                            const struct load_http_reply *reply, const char *failure)
{
    load_http_reply_fn on_reply = exchange->on_reply;
    void *context = exchange->context;
    http->pending--;
    exchange_destroy(exchange);
    on_reply(context, reply, failure);
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    load_http_reader_destroy(connection->reader);
    osy_buffer_deinit(&connection->out);
    if (connection->exchange)
        exchange_destroy(connection->exchange);
    free(connection);
}

static void unlink_idle(struct connection *connection)
{
    struct connection **at = &connection->http->idle;
    while (*at && *at != connection)
        at = &(*at)->next_idle;
    if (*at)
        *at = connection->next_idle;
}

static void close_connection(struct connection *connection)
{
    struct load_http *http = connection->http;
    if (connection->state == CONNECTION_IDLE)
        unlink_idle(connection);
    set_state(connection, CONNECTION_CLOSING);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        http->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    http->count--;
    connection->http = NULL;
    uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(connection->http->read_buffer, sizeof(connection->http->read_buffer));
}

static void serve_next(struct connection *connection)
{
    struct load_http *http = connection->http;
    struct exchange *waiting = http->first;
    load_http_reader_reset(connection->reader);
    if (waiting) {
        http->first = waiting->next;
        send_on(connection, waiting);
        return;
    }
    set_state(connection, CONNECTION_IDLE);
    connection->next_idle = http->idle;
    http->idle = connection;
}

static void on_reply_complete(struct connection *connection, const struct load_http_reply *reply)
{
    struct exchange *exchange = connection->exchange;
    /* A reply that overtakes its request (413 and the like) leaves half a request on the wire. */
    bool reusable = reply->keep_alive && !connection->is_writing;
    connection->exchange = NULL;
    struct load_http *http = connection->http;
    exchange_finish(http, exchange, reply, NULL);
    if (connection->state == CONNECTION_CLOSING)
        return; /* the callback ended the pool */
    if (reusable) {
        serve_next(connection);
    } else {
        close_connection(connection);
        replace_connection(http);
    }
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    const struct load_http_reply *reply;
    struct osy_error err = {0};
    size_t used;
    if (length == 0)
        return;
    if (length < 0) {
        fail(connection, uv_strerror((int)length));
    } else if (!connection->exchange) {
        fail(connection, "a reply that nobody asked for");
    } else if (!load_http_reader_feed(connection->reader, buffer->base, (size_t)length, &used,
                                      &reply, &err)) {
        fail(connection, err.message);
    } else if (reply) {
        on_reply_complete(connection, reply);
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *connection = request->handle->data;
    connection->is_writing = false;
    if (status && connection->state != CONNECTION_CLOSING)
        fail(connection, uv_strerror(status));
}

static void write_request(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    osy_buffer_deinit(&connection->out);
    connection->out = exchange->bytes;
    exchange->bytes = (struct osy_buffer)OSY_BUFFER_INIT;
    uv_buf_t out = uv_buf_init(connection->out.bytes, (unsigned)connection->out.length);
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &out, 1, on_written))
        exchange->deadline_ms =
            0; /* the sweep reports it: no reply from inside of load_http_send */
    else
        connection->is_writing = true;
}

static void on_connect(uv_connect_t *request, int status)
{
    struct connection *connection = request->handle->data;
    if (connection->state == CONNECTION_CLOSING)
        return;
    if (!status)
        status = uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (status)
        fail(connection, uv_strerror(status));
    else
        write_request(connection);
}

static void send_on(struct connection *connection, struct exchange *exchange)
{
    connection->exchange = exchange;
    exchange->deadline_ms = uv_now(connection->http->loop) + REPLY_TIMEOUT_MS;
    write_request(connection);
}

static void open_connection(struct load_http *http, struct exchange *exchange)
{
    struct connection *connection = osy_alloc(sizeof(*connection));
    connection->http = http;
    connection->state = CONNECTION_BUSY;
    connection->reader = load_http_reader_create();
    connection->tcp.data = connection;
    connection->next = http->connections;
    if (http->connections)
        http->connections->previous = connection;
    http->connections = connection;
    connection->exchange = exchange;
    exchange->deadline_ms = uv_now(http->loop) + REPLY_TIMEOUT_MS;
    size_t slot = http->count++;
    /* As in write_request, the sweep reports a failure. */
    if (load_endpoint_connect(http->endpoint, http->loop, &connection->tcp, &connection->connect,
                              slot, on_connect))
        exchange->deadline_ms = 0;
}

static void fail(struct connection *connection, const char *why)
{
    struct load_http *http = connection->http;
    struct exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    close_connection(connection);
    if (exchange)
        exchange_finish(http, exchange, NULL, why);
    replace_connection(http);
}

/* A connection has ended: somebody may have waited for it. */
static void replace_connection(struct load_http *http)
{
    struct exchange *waiting = http->first;
    if (http->destroyed || !waiting || http->count >= http->max)
        return;
    http->first = waiting->next;
    open_connection(http, waiting);
}

static void on_sweep(uv_timer_t *timer)
{
    struct load_http *http = timer->data;
    uint64_t now = uv_now(http->loop);
    struct connection *connection = http->connections;
    while (connection && !http->destroyed) {
        struct connection *next = connection->next;
        if (connection->exchange && connection->exchange->deadline_ms <= now)
            fail(connection, "no reply in time");
        connection = next;
    }
}

struct load_http *load_http_create(uv_loop_t *loop, const struct load_endpoint *endpoint,
                                   size_t max_connections)
{
    struct load_http *http = osy_alloc(sizeof(*http));
    http->loop = loop;
    http->endpoint = endpoint;
    http->max = max_connections;
    uv_timer_init(loop, &http->sweep);
    http->sweep.data = http;
    uv_timer_start(&http->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return http;
}

static void on_pool_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void load_http_destroy(struct load_http *http)
{
    if (!http)
        return;
    http->destroyed = true;
    while (http->connections)
        close_connection(http->connections);
    while (http->first) {
        struct exchange *next = http->first->next;
        exchange_destroy(http->first);
        http->first = next;
    }
    uv_close((uv_handle_t *)&http->sweep, on_pool_closed);
}

static struct exchange *exchange_create(const struct load_http *http,
                                        const struct load_http_request *request)
{
    struct exchange *exchange = osy_alloc(sizeof(*exchange));
    struct osy_buffer *out = &exchange->bytes;
    osy_buffer_printf(out, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", request->method,
                      http->endpoint->prefix, request->path, http->endpoint->authority);
    if (request->bearer)
        osy_buffer_printf(out, "Authorization: Bearer %s\r\n", request->bearer);
    if (request->idempotency_key)
        osy_buffer_printf(out, "Idempotency-Key: %s\r\n", request->idempotency_key);
    if (request->body)
        osy_buffer_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                          strlen(request->body));
    osy_buffer_text(out, "\r\n");
    if (request->body)
        osy_buffer_text(out, request->body);
    return exchange;
}

void load_http_send(struct load_http *http, const struct load_http_request *request,
                    load_http_reply_fn on_reply, void *context)
{
    struct exchange *exchange = exchange_create(http, request);
    exchange->on_reply = on_reply;
    exchange->context = context;
    http->pending++;
    if (http->idle) {
        struct connection *connection = http->idle;
        http->idle = connection->next_idle;
        set_state(connection, CONNECTION_BUSY);
        send_on(connection, exchange);
    } else if (http->count < http->max) {
        open_connection(http, exchange);
    } else if (!http->first) {
        http->first = http->last = exchange;
    } else {
        http->last = http->last->next = exchange;
    }
}

size_t load_http_pending(const struct load_http *http)
{
    return http->pending;
}
