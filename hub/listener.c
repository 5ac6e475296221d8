#include "hub/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/reply.h"
#include "shared/config.h"
#include "shared/log.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_IN_A_TURN = 64, /* so that a flood of callers does not hold up the sockets */
    PAUSE_MS = 100,
    SNDBUF_BYTES = 65536,    /* an unread socket costs the kernel 0.3 MB instead of 4.3 */
    USER_TIMEOUT_MS = 10000, /* unacknowledged bytes end the connection */
};

static int hold_back(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* What has come is read, or the kernel would answer our close with a reset and the reply were lost. */
void hub_listener_turn_away(int descriptor)
{
    struct osy_buffer reply = OSY_BUFFER_INIT;
    char request[4096];
    hub_reply_refuse(&reply, &(struct hub_refusal){503, "descriptors"}, false);
    (void)recv(descriptor, request, sizeof request, MSG_DONTWAIT);
    (void)send(descriptor, reply.bytes, reply.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    osy_buffer_deinit(&reply);
    close(descriptor);
}

static int accept_one(const struct hub_listener *listener)
{
    return accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void note_shortage(struct hub_listener *listener, bool is_short)
{
    if (listener->is_short == is_short)
        return;
    listener->is_short = is_short;
    if (is_short)
        OSY_WARN("descriptors_exhausted", OSY_INT("port", listener->port));
    else
        OSY_INFO("descriptors_available", OSY_INT("port", listener->port));
}

static void on_readable(uv_poll_t *handle, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct hub_listener *listener = timer->data;
    uv_poll_start(&listener->readable, UV_READABLE, on_readable);
}

static void rest(struct hub_listener *listener)
{
    uv_poll_stop(&listener->readable);
    uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

/* Out of descriptors: one caller is sent away by means of the one held back. */
static void turn_one_away(struct hub_listener *listener)
{
    note_shortage(listener, true);
    close_descriptor(&listener->held_back);
    int caller = accept_one(listener);
    if (caller >= 0)
        hub_listener_turn_away(caller);
    listener->held_back = hold_back();
    if (caller < 0 || listener->held_back < 0)
        rest(listener);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    struct hub_listener *listener = handle->data;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_IN_A_TURN; i++) {
        int caller = accept_one(listener);
        if (caller < 0 && (errno == EMFILE || errno == ENFILE)) {
            turn_one_away(listener);
            return;
        }
        if (caller < 0 && errno == ECONNABORTED)
            continue;
        if (caller < 0)
            return; /* nobody waits any more */
        if (listener->held_back < 0)
            listener->held_back = hold_back();
        note_shortage(listener, false);
        listener->on_accept(listener->context, caller);
    }
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* What connections are to have, their listener has: on Linux they inherit it, and each saves the system calls.
 * Small writes go out at once, because they are gathered already. */
static bool set_options(int descriptor)
{
    int yes = 1, sndbuf = SNDBUF_BYTES, user_timeout = USER_TIMEOUT_MS;
    return setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
           setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
           setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf) == 0 &&
           setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout,
                      sizeof user_timeout) == 0;
}

/* Without SO_REUSEPORT a second hub on the same port is an error, as it should be. */
static int listen_on(const struct sockaddr_storage *address)
{
    int descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    if (set_options(descriptor) &&
        bind(descriptor, (const struct sockaddr *)address, size_of(address)) == 0 &&
        listen(descriptor, BACKLOG) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static uint16_t find_port(int descriptor)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;
    if (getsockname(descriptor, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

bool hub_listener_open(struct hub_listener *listener, uv_loop_t *loop, const char *address,
                       hub_accept_fn on_accept, void *context, struct osy_error *err)
{
    struct sockaddr_storage found = {0};
    if (!osy_address_to_listen(address, &found, err))
        return false;
    int descriptor = listen_on(&found);
    if (descriptor < 0)
        return osy_error_set(err, OSY_ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
    *listener = (struct hub_listener){
        .descriptor = descriptor,
        .held_back = hold_back(),
        .port = find_port(descriptor),
        .on_accept = on_accept,
        .context = context,
    };
    uv_poll_init(loop, &listener->readable, descriptor);
    uv_timer_init(loop, &listener->pause);
    listener->readable.data = listener->pause.data = listener;
    uv_poll_start(&listener->readable, UV_READABLE, on_readable);
    return true;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct hub_listener *listener = handle->data;
    close_descriptor(&listener->descriptor);
    close_descriptor(&listener->held_back);
}

void hub_listener_close(struct hub_listener *listener)
{
    if (!listener->on_accept || uv_is_closing((uv_handle_t *)&listener->readable))
        return;
    uv_close((uv_handle_t *)&listener->readable, on_poll_closed);
    uv_close((uv_handle_t *)&listener->pause, NULL);
}
