#include "api/http/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/connection.h"
#include "api/http/deadlines.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/config.h"
#include "shared/log.h"
#include "shared/metrics.h"

#define SEND_BUFFER_BYTES (64 * 1024)
#define BACKLOG           1024
#define READ_BYTES        (64u * 1024)
#define LINGER_MS         2000
#define DRAIN_IDLE_MS     1000 /* an idle client may have a request on its way */
#define REFUSED_MAX       64 /* connections over the limit that are told so; more are just closed */

/*
 * A client's socket:
 *   OPEN -> LINGERING -> CLOSED        (from OPEN straight to CLOSED when it fails, or has sent its FIN)
 * LINGERING: we sent everything and our FIN; what still comes is read and dropped, because closing a
 * socket with unread bytes makes the kernel send a reset, which can destroy our last reply.
 */
enum client_state { CLIENT_OPEN = 0, CLIENT_LINGERING, CLIENT_CLOSED };

struct client {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct api_server *server;
    struct api_connection *connection; /* owned; NULL once CLOSED */
    enum client_state state;
    bool is_reading;
    bool saw_end;              /* the client sent a FIN */
    struct osy_buffer writing; /* what the write under way sends */
    size_t unsent;             /* of it, when its progress was last looked at */
    bool is_writing;
    uint64_t phase_serial; /* of the phase that phase_deadline times */
    struct api_deadline phase_deadline, write_deadline;
    struct client *previous, *next; /* in server->clients */
    struct client *next_changed;    /* in server->changed, when is_changed */
    bool is_changed;
};

struct api_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_timer_t sweep;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    int open_handles; /* of the four above */
    struct api_connection_settings settings;
    struct api_deadlines deadlines;
    struct client *clients; /* owned; each goes when libuv has closed it */
    size_t client_count;    /* OPEN and LINGERING */
    size_t socket_count;    /* also those that libuv still closes */
    struct client *changed; /* to be flushed once in this turn of the loop */
    char *read_buffer;      /* one for all: its content is used up before the next read */
    uint16_t port;
    bool is_destroyed;
    api_drained_fn on_drained;
    void *drained_context;
    struct osy_metric *connections, *refused, *write_timeouts;
};

static void set_reading(struct client *client, bool wanted);

/* ---- the end of a client and of the server ---- */

static void free_if_unused(struct api_server *server)
{
    if (!server->is_destroyed || server->open_handles > 0 || server->socket_count > 0)
        return;
    free(server->read_buffer);
    free(server);
}

static void report_drained(struct api_server *server)
{
    api_drained_fn on_drained = server->on_drained;
    if (!on_drained || server->client_count > 0)
        return;
    server->on_drained = NULL;
    on_drained(server->drained_context);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct api_server *server = client->server;
    osy_buffer_deinit(&client->writing);
    free(client);
    server->socket_count--;
    free_if_unused(server);
}

static void forget_change(struct client *client)
{
    struct client **link = &client->server->changed;
    if (!client->is_changed)
        return;
    while (*link != client)
        link = &(*link)->next_changed;
    *link = client->next_changed;
    client->is_changed = false;
}

/* Everything but the socket. False: it has ended already. */
static bool end_client(struct client *client)
{
    struct api_server *server = client->server;

    if (client->state == CLIENT_CLOSED)
        return false;
    client->state = CLIENT_CLOSED;
    api_deadline_clear(&client->phase_deadline);
    api_deadline_clear(&client->write_deadline);
    forget_change(client);
    *(client->previous ? &client->previous->next : &server->clients) = client->next;
    if (client->next)
        client->next->previous = client->previous;
    api_connection_destroy(client->connection);
    client->connection = NULL;
    server->client_count--;
    osy_metric_dec(server->connections);
    return true;
}

static void close_client(struct client *client)
{
    if (!end_client(client))
        return;
    uv_close((uv_handle_t *)&client->tcp, on_client_closed);
    report_drained(client->server);
}

/* For a client that does not read: a reset also takes back what the kernel still holds for it. */
static void reset_client(struct client *client)
{
    if (!end_client(client))
        return;
    if (uv_tcp_close_reset(&client->tcp, on_client_closed) != 0)
        uv_close((uv_handle_t *)&client->tcp, on_client_closed);
    report_drained(client->server);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    struct client *client = shutdown->data;
    if (status < 0)
        close_client(client); /* also when it is closed already, and this is how libuv says so */
}

static void linger(struct client *client)
{
    if (client->saw_end) {
        close_client(client);
        return;
    }
    client->state = CLIENT_LINGERING;
    client->shutdown.data = client;
    api_deadlines_set(&client->server->deadlines, &client->phase_deadline,
                      osy_clock_monotonic_ms() + LINGER_MS);
    if (uv_shutdown(&client->shutdown, (uv_stream_t *)&client->tcp, on_shutdown) != 0)
        close_client(client);
    else
        set_reading(client, true);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(client->server->read_buffer, READ_BYTES);
}

static void mark_changed(struct client *client)
{
    if (client->is_changed || client->state != CLIENT_OPEN)
        return;
    client->is_changed = true;
    client->next_changed = client->server->changed;
    client->server->changed = client;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client *client = stream->data;

    if (count == 0 || client->state == CLIENT_CLOSED)
        return;
    if (count < 0 && (count != UV_EOF || client->state == CLIENT_LINGERING)) {
        close_client(client);
        return;
    }
    if (client->state == CLIENT_LINGERING)
        return;
    if (count > 0) {
        api_connection_receive(client->connection, buffer->base, (size_t)count);
    } else {
        client->saw_end = true;
        api_connection_end_of_input(client->connection);
    }
    mark_changed(client);
}

static void set_reading(struct client *client, bool wanted)
{
    uv_stream_t *stream = (uv_stream_t *)&client->tcp;

    if (wanted == client->is_reading)
        return;
    client->is_reading = wanted;
    if (!wanted)
        uv_read_stop(stream);
    else if (uv_read_start(stream, on_alloc, on_read) != 0)
        close_client(client);
}

/* ---- writing ---- */

static void on_written(uv_write_t *write, int status)
{
    struct client *client = write->data;

    client->is_writing = false;
    api_deadline_clear(&client->write_deadline);
    osy_buffer_deinit(&client->writing);
    if (client->state == CLIENT_CLOSED)
        return;
    if (status < 0)
        close_client(client);
    else
        mark_changed(client);
}

/* Sends client->writing: at once as far as the socket takes it, the rest when it takes more. */
static void write_out(struct client *client)
{
    uv_stream_t *stream = (uv_stream_t *)&client->tcp;
    uv_buf_t buffer = uv_buf_init(client->writing.bytes, (unsigned)client->writing.length);
    int sent = uv_try_write(stream, &buffer, 1);

    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0) {
        close_client(client);
        return;
    }
    if ((size_t)sent == client->writing.length) {
        osy_buffer_deinit(&client->writing);
        return;
    }
    buffer = uv_buf_init(client->writing.bytes + sent,
                         (unsigned)(client->writing.length - (size_t)sent));
    client->write.data = client;
    if (uv_write(&client->write, stream, &buffer, 1, on_written) != 0) {
        close_client(client);
        return;
    }
    client->is_writing = true;
    client->unsent = uv_stream_get_write_queue_size(stream);
    api_deadlines_set(&client->server->deadlines, &client->write_deadline,
                      osy_clock_monotonic_ms() + client->server->settings.limits.write_ms);
}

static uint32_t phase_limit_ms(const struct client *client, enum api_connection_phase phase)
{
    const struct api_connection_settings *settings = &client->server->settings;
    switch (phase) {
    case API_CONNECTION_HEADERS: return settings->limits.header_ms;
    case API_CONNECTION_BODY: return settings->limits.body_ms;
    case API_CONNECTION_IDLE: return settings->draining ? DRAIN_IDLE_MS : settings->limits.idle_ms;
    default: return 0; /* the time is ours, not the client's */
    }
}

static void time_phase(struct client *client)
{
    uint64_t serial = api_connection_phase_serial(client->connection);
    uint32_t limit_ms;

    if (serial == client->phase_serial)
        return;
    client->phase_serial = serial;
    limit_ms = phase_limit_ms(client, api_connection_phase(client->connection));
    if (limit_ms == 0)
        api_deadline_clear(&client->phase_deadline);
    else
        api_deadlines_set(&client->server->deadlines, &client->phase_deadline,
                          osy_clock_monotonic_ms() + limit_ms);
}

/* Brings the socket in line with what the connection wants now. */
static void flush(struct client *client)
{
    while (!client->is_writing && api_connection_has_output(client->connection)) {
        api_connection_take_output(client->connection, &client->writing);
        write_out(client);
        if (client->state != CLIENT_OPEN)
            return;
    }
    time_phase(client);
    if (!client->is_writing && api_connection_phase(client->connection) == API_CONNECTION_FINISHED)
        linger(client);
    else
        set_reading(client, api_connection_wants_input(client->connection));
}

static void flush_changed(struct api_server *server)
{
    while (server->changed) {
        struct client *client = server->changed;
        server->changed = client->next_changed;
        client->is_changed = false;
        flush(client);
    }
}

/* Requests answered during one poll leave in one write per connection; and before the loop sleeps, what
 * timers and closing callbacks have changed goes out too. */
static void on_after_poll(uv_check_t *check)
{
    flush_changed(check->data);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    flush_changed(prepare->data);
}

static void on_change(void *owner)
{
    mark_changed(owner);
}

/* ---- accepting ---- */

static void format_peer(const uv_tcp_t *tcp, char text[46])
{
    struct sockaddr_storage storage = {0};
    const struct sockaddr *address = (const struct sockaddr *)&storage;
    int length = sizeof storage;

    text[0] = '\0';
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&storage, &length) != 0)
        return;
    if (address->sa_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)(const void *)&storage, text, 46);
    else if (address->sa_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)&storage, text, 46);
}

static void on_phase_deadline(void *owner)
{
    struct client *client = owner;

    if (client->state == CLIENT_LINGERING) {
        close_client(client);
        return;
    }
    api_connection_time_out(client->connection);
    mark_changed(client);
}

static void on_write_deadline(void *owner)
{
    struct client *client = owner;
    struct api_server *server = client->server;
    size_t unsent = uv_stream_get_write_queue_size((uv_stream_t *)&client->tcp);

    if (unsent < client->unsent) { /* slow, but it reads */
        client->unsent = unsent;
        api_deadlines_set(&server->deadlines, &client->write_deadline,
                          osy_clock_monotonic_ms() + server->settings.limits.write_ms);
        return;
    }
    osy_metric_inc(server->write_timeouts);
    reset_client(client);
}

static struct client *create_client(struct api_server *server)
{
    struct client *client = osy_alloc(sizeof *client);

    client->server = server;
    client->phase_deadline = (struct api_deadline){.fn = on_phase_deadline, .owner = client};
    client->write_deadline = (struct api_deadline){.fn = on_write_deadline, .owner = client};
    uv_tcp_init(server->loop, &client->tcp);
    client->tcp.data = client;
    server->socket_count++;
    client->next = server->clients;
    if (client->next)
        client->next->previous = client;
    server->clients = client;
    server->client_count++;
    osy_metric_inc(server->connections);
    return client;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct api_server *server = listener->data;
    uint32_t most = server->settings.limits.connections_max;
    struct client *client;
    char peer[46];

    if (status < 0) {
        /* Out of descriptors. libuv keeps one in reserve, with which it has shed the connection; a
         * log line for each would be a flood upon a flood. */
        osy_metric_inc(server->refused);
        return;
    }
    client = create_client(server);
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0) {
        close_client(client);
        return;
    }
    format_peer(&client->tcp, peer);
    client->connection = api_connection_create(&server->settings, client, peer);
    if (server->client_count > most) {
        osy_metric_inc(server->refused);
        if (server->client_count > (size_t)most + REFUSED_MAX) {
            close_client(client);
            return;
        }
        api_connection_refuse(client->connection);
    }
    /* Who connects has something to say: the first head has no idle time before it. */
    api_deadlines_set(&server->deadlines, &client->phase_deadline,
                      osy_clock_monotonic_ms() + server->settings.limits.header_ms);
    mark_changed(client);
}

/* ---- the server ---- */

static void on_sweep(uv_timer_t *timer)
{
    struct api_server *server = timer->data;
    api_deadlines_sweep(&server->deadlines, osy_clock_monotonic_ms());
}

/*
 * Accepted sockets inherit these (Linux), which spares three system calls each. The send buffer bounds what
 * the kernel takes for a client that does not read (4 MB otherwise), the timeout ends one whose window stays
 * shut or whose cable is cut when nobody here watches any more, after our FIN.
 */
static void set_socket_options(const struct api_server *server)
{
    const int yes = 1, send_bytes = SEND_BUFFER_BYTES;
    /* Later than our own write deadline in every case, which may be renewed once more. */
    const unsigned timeout_ms = 4 * server->settings.limits.write_ms;
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *)&server->listener, &fd) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms) != 0)
        OSY_WARN("http_socket_options_refused", OSY_STR("error", strerror(errno)));
}

static bool start_listening(struct api_server *server, const struct sockaddr_storage *address,
                            struct osy_error *err)
{
    struct sockaddr_storage bound = {0};
    int length = sizeof bound;
    int result = uv_tcp_bind(&server->listener, (const struct sockaddr *)address, 0);

    if (result == 0)
        set_socket_options(server);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    if (result == 0)
        result = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&bound, &length);
    if (result != 0)
        return osy_error_set(err, OSY_ERR_IO, "%s", uv_strerror(result));
    server->port = bound.ss_family == AF_INET6
                       ? ntohs(((struct sockaddr_in6 *)(void *)&bound)->sin6_port)
                       : ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    return true;
}

static void register_metrics(struct api_server *server, struct osy_metrics *metrics)
{
    server->connections = osy_metrics_gauge(metrics, "http_connections", "Open HTTP connections.");
    server->refused = osy_metrics_counter(metrics, "http_connections_refused_total",
                                          "Connections over the limit.");
    server->write_timeouts = osy_metrics_counter(metrics, "http_write_timeouts_total",
                                                 "Connections closed because nobody read.");
    server->settings.failures =
        osy_metrics_counter_family(metrics, "http_parse_errors_total",
                                   "Requests that were refused while they were read.", "status");
}

static void init_handles(struct api_server *server, uv_loop_t *loop)
{
    server->loop = loop;
    uv_tcp_init(loop, &server->listener);
    uv_timer_init(loop, &server->sweep);
    uv_prepare_init(loop, &server->before_poll);
    uv_check_init(loop, &server->after_poll);
    server->listener.data = server->sweep.data = server;
    server->before_poll.data = server->after_poll.data = server;
    server->open_handles = 4;
    uv_timer_start(&server->sweep, on_sweep, API_DEADLINES_TICK_MS, API_DEADLINES_TICK_MS);
    uv_prepare_start(&server->before_poll, on_before_poll);
    uv_check_start(&server->after_poll, on_after_poll);
}

struct api_server *api_server_create(uv_loop_t *loop, const struct api_server_options *options,
                                     struct osy_error *err)
{
    struct sockaddr_storage address = {0};
    struct api_server *server;

    if (!osy_address_to_listen(options->listen, &address, err))
        return NULL;
    server = osy_alloc(sizeof *server);
    server->settings = (struct api_connection_settings){.limits = options->limits,
                                                        .proxies = options->proxies,
                                                        .on_request = options->on_request,
                                                        .context = options->context,
                                                        .on_change = on_change};
    server->read_buffer = osy_alloc(READ_BYTES);
    api_deadlines_init(&server->deadlines, osy_clock_monotonic_ms());
    register_metrics(server, options->metrics);
    init_handles(server, loop);
    if (!start_listening(server, &address, err)) {
        osy_error_prefix(err, "cannot listen on %s", options->listen);
        api_server_destroy(server);
        return NULL;
    }
    return server;
}

uint16_t api_server_port(const struct api_server *server)
{
    return server->port;
}

size_t api_server_connections(const struct api_server *server)
{
    return server->client_count;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct api_server *server = handle->data;
    server->open_handles--;
    free_if_unused(server);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_handle_closed);
}

void api_server_drain(struct api_server *server, api_drained_fn on_drained, void *context)
{
    int64_t due_ms = osy_clock_monotonic_ms() + DRAIN_IDLE_MS;

    server->settings.draining = true;
    server->on_drained = on_drained;
    server->drained_context = context;
    close_handle((uv_handle_t *)&server->listener);
    /* The one walk over all clients: it happens once, at the end. */
    for (struct client *client = server->clients; client; client = client->next) {
        if (client->state == CLIENT_OPEN &&
            api_connection_phase(client->connection) == API_CONNECTION_IDLE)
            api_deadlines_set(&server->deadlines, &client->phase_deadline, due_ms);
    }
    report_drained(server);
}

void api_server_destroy(struct api_server *server)
{
    if (!server)
        return;
    server->is_destroyed = true;
    server->on_drained = NULL;
    while (server->clients)
        close_client(server->clients);
    close_handle((uv_handle_t *)&server->listener);
    close_handle((uv_handle_t *)&server->sweep);
    close_handle((uv_handle_t *)&server->before_poll);
    close_handle((uv_handle_t *)&server->after_poll);
}
