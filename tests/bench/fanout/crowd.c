#include "tests/bench/fanout/crowd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/position.h"
#include "tests/bench/fanout/wire.h"

enum {
    HELLO_BYTES = 128,    /* of a payload are kept: `hello` with its position */
    OPENING_AT_ONCE = 64, /* sockets that are not greeted yet */
    EVENTS_AT_ONCE = 512,
    RECEIVE_BYTES = 262144,
};

struct bench_socket {
    int descriptor;
    bool is_upgraded;
    unsigned char newlines; /* of the empty line that ends the reply to the upgrade */
    unsigned char header[10], header_length;
    uint64_t left; /* of the frame's payload */
    char payload[HELLO_BYTES];
    size_t payload_length;
    struct bench_room *room;
};

static char received[RECEIVE_BYTES];

/* --- samples -------------------------------------------------------------------------------- */

void bench_samples_add(struct bench_samples *samples, uint64_t value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 1024;
        samples->values =
            osy_realloc_array(samples->values, samples->capacity, sizeof *samples->values);
    }
    samples->values[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

uint64_t bench_samples_quantile(struct bench_samples *samples, double share)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, samples->count, sizeof *samples->values, compare);
    return samples->values[(size_t)(share * (double)(samples->count - 1))];
}

/* --- what is said to the server ------------------------------------------------------------- */

static void say(const struct bench_socket *socket, const void *bytes, size_t length)
{
    if (send(socket->descriptor, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        bench_fail("cannot write to a socket: %s", strerror(errno));
}

/* A masked frame whose mask is nought. */
static void say_frame(const struct bench_socket *socket, unsigned char first, const char *text)
{
    unsigned char frame[128] = {first, (unsigned char)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text));
    say(socket, frame, 6 + strlen(text));
}

static void ask_for_upgrade(const struct bench_socket *socket, const char *token)
{
    char request[8192];
    int length = snprintf(request, sizeof request,
                          "GET /ws/restaurants/%s/orders HTTP/1.1\r\nHost: bench\r\n"
                          "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ordersync.v1\r\n"
                          "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                          "Authorization: Bearer %s\r\n\r\n",
                          socket->room->stream.restaurant, token);
    if (length < 0 || (size_t)length >= sizeof request)
        bench_fail("the token is too long");
    say(socket, request, (size_t)length);
}

/* --- what the server says ------------------------------------------------------------------- */

static void on_event(struct bench_crowd *crowd, struct bench_room *room)
{
    crowd->deliveries++;
    if (++room->received == room->published * room->watchers)
        bench_samples_add(&crowd->latencies, osy_clock_monotonic_ns() - room->waiting_since_ns);
}

static void on_hello(struct bench_crowd *crowd, struct bench_socket *socket)
{
    static const char field[] = "\"position\":\"";
    struct osy_position position;
    const char *text = memmem(socket->payload, socket->payload_length, field, sizeof field - 1);
    if (!text ||
        !osy_position_parse(text + sizeof field - 1, OSY_POSITION_TEXT_BYTES - 1, &position))
        bench_fail("`hello` without a position");
    socket->room->stream.seq = position.number;
    socket->room->stream.last_id = position.event_id;
    crowd->greeted++;
}

static bool begins(const struct bench_socket *socket, const char *text)
{
    return socket->payload_length >= strlen(text) &&
           memcmp(socket->payload, text, strlen(text)) == 0;
}

static void on_frame(struct bench_crowd *crowd, struct bench_socket *socket)
{
    if (socket->header[0] == 0x89)
        say_frame(socket, 0x8a, "?");
    else if (socket->header[0] != 0x81)
        bench_fail("a socket was closed: frame 0x%02x %.*s", socket->header[0],
                   (int)socket->payload_length, socket->payload);
    else if (begins(socket, "{\"type\":\"event\""))
        on_event(crowd, socket->room);
    else if (begins(socket, "{\"type\":\"hello\""))
        on_hello(crowd, socket);
    else if (begins(socket, "{\"type\":\"caught_up\""))
        crowd->live++;
    else if (!begins(socket, "{\"type\":\"heartbeat\""))
        bench_fail("unexpected: %.*s", (int)socket->payload_length, socket->payload);
    socket->header_length = 0;
    socket->payload_length = 0;
}

/* Servers do not mask. */
static size_t header_size(const struct bench_socket *socket)
{
    if (socket->header_length < 2 || socket->header[1] < 126)
        return 2;
    return socket->header[1] == 126 ? 4 : 10;
}

static uint64_t payload_size(const struct bench_socket *socket)
{
    uint64_t size = 0;
    if (socket->header[1] < 126)
        return socket->header[1];
    for (size_t i = 2; i < header_size(socket); i++)
        size = size << 8 | socket->header[i];
    return size;
}

/* Returns how many bytes it took. */
static size_t take_header(struct bench_socket *socket, const char *bytes, size_t length)
{
    size_t taken = 0;
    while (taken < length && socket->header_length < header_size(socket))
        socket->header[socket->header_length++] = (unsigned char)bytes[taken++];
    if (socket->header_length >= 2 && socket->header_length == header_size(socket))
        socket->left = payload_size(socket);
    return taken;
}

static size_t take_payload(struct bench_socket *socket, const char *bytes, size_t length)
{
    size_t taken = length < socket->left ? length : (size_t)socket->left;
    size_t room = HELLO_BYTES - socket->payload_length;
    size_t kept = taken < room ? taken : room;
    memcpy(socket->payload + socket->payload_length, bytes, kept);
    socket->payload_length += kept;
    socket->left -= taken;
    return taken;
}

static void take_frames(struct bench_crowd *crowd, struct bench_socket *socket, const char *bytes,
                        size_t length)
{
    while (length > 0) {
        bool has_header =
            socket->header_length >= 2 && socket->header_length == header_size(socket);
        size_t taken =
            has_header ? take_payload(socket, bytes, length) : take_header(socket, bytes, length);
        bytes += taken;
        length -= taken;
        has_header = socket->header_length >= 2 && socket->header_length == header_size(socket);
        if (has_header && socket->left == 0)
            on_frame(crowd, socket);
    }
}

/* The reply to the upgrade ends with an empty line; frames may follow in the same packet. */
static size_t take_reply(struct bench_socket *socket, const char *bytes, size_t length)
{
    static const char ok[] = "HTTP/1.1 101";
    size_t taken = 0;
    while (taken < length && socket->newlines < 2) {
        char c = bytes[taken++];
        if (socket->payload_length < sizeof ok - 1)
            socket->payload[socket->payload_length++] = c;
        if (c != '\r')
            socket->newlines = c == '\n' ? socket->newlines + 1 : 0;
    }
    if (socket->newlines < 2)
        return taken;
    if (!begins(socket, ok))
        bench_fail("an upgrade was refused: %.*s", (int)length, bytes);
    socket->is_upgraded = true;
    socket->payload_length = 0;
    return taken;
}

static void on_readable(struct bench_crowd *crowd, struct bench_socket *socket)
{
    ssize_t length = recv(socket->descriptor, received, sizeof received, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0)
        bench_fail("a socket has ended: %s", length == 0 ? "closed" : strerror(errno));
    size_t taken = socket->is_upgraded ? 0 : take_reply(socket, received, (size_t)length);
    take_frames(crowd, socket, received + taken, (size_t)length - taken);
}

void bench_crowd_poll(struct bench_crowd *crowd, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(crowd->epoll, events, EVENTS_AT_ONCE, timeout_ms);
    for (int i = 0; i < count; i++)
        on_readable(crowd, events[i].data.ptr);
}

/* --- life ----------------------------------------------------------------------------------- */

static void wait_until(struct bench_crowd *crowd, const size_t *reached, size_t wanted)
{
    while (*reached < wanted)
        bench_crowd_poll(crowd, -1);
}

static void open_one(struct bench_crowd *crowd, struct bench_socket *socket,
                     struct bench_room *room, uint16_t port, const char *token)
{
    *socket = (struct bench_socket){.descriptor = bench_connect(port), .room = room};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, socket->descriptor, &event) != 0)
        bench_fail("epoll_ctl: %s", strerror(errno));
    room->watchers++;
    ask_for_upgrade(socket, token);
}

void bench_crowd_open(struct bench_crowd *crowd, uint16_t port, const char *token, size_t count,
                      struct bench_room *rooms, size_t room_count)
{
    *crowd = (struct bench_crowd){
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .sockets = osy_alloc_array(count, sizeof *crowd->sockets),
        .count = count,
    };
    for (size_t i = 0; i < count; i++) {
        open_one(crowd, &crowd->sockets[i], &rooms[i % room_count], port, token);
        if (i >= OPENING_AT_ONCE)
            wait_until(crowd, &crowd->greeted, i - OPENING_AT_ONCE);
    }
    wait_until(crowd, &crowd->greeted, count);
}

void bench_crowd_resume(struct bench_crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        say_frame(&crowd->sockets[i], 0x81, "{\"type\":\"resume\",\"position\":null}");
    wait_until(crowd, &crowd->live, crowd->count);
}

/* With a reset, so that no port is kept back for the next crowd. */
void bench_crowd_close(struct bench_crowd *crowd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (size_t i = 0; i < crowd->count; i++) {
        int descriptor = crowd->sockets[i].descriptor;
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(descriptor);
    }
    close(crowd->epoll);
    free(crowd->latencies.values);
    free(crowd->sockets);
    *crowd = (struct bench_crowd){0};
}
