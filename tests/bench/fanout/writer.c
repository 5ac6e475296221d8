/*
 * bench-writer: the least that a fan-out can do, to compare the hub with: epoll, one read of Redis per turn,
 * one buffer of frames per restaurant, one send() per socket and turn. No tokens, limits, positions, repairs
 * or rights, no slow readers: a socket that does not take everything ends the program. One thread.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/event.h"
#include "shared/position.h"
#include "tests/bench/fanout/wire.h"

enum { LIMIT_S = 600, EVENTS_AT_ONCE = 512, REDIS_BYTES = 1 << 20, REQUEST_BYTES = 8192 };

static const char usage[] =
    "Usage: bench-writer --port P\n\n"
    "Serves WebSockets on 127.0.0.1:P as bench-fanout needs them, and ends itself after\n"
    "10 minutes. Environment: ORDERSYNC_REDIS_URL.\n";

struct room;

struct peer {
    int descriptor;
    struct room *room; /* NULL until the upgrade */
    struct peer *prev, *next;
};

struct room {
    char restaurant[OSY_UUID_TEXT_BYTES];
    struct osy_uuid restaurant_id;
    struct peer *peers;
    struct osy_buffer frames; /* of this turn */
    struct room *next_dirty;
    UT_hash_handle hh;
};

static int epoll, redis, listener;
static struct room *rooms, *dirty;
static char from_redis[REDIS_BYTES];
static size_t redis_length;

static void watch(int descriptor, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        bench_fail("epoll_ctl: %s", strerror(errno));
}

static void send_all(int descriptor, const char *bytes, size_t length)
{
    ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        return; /* its end is about to be read */
    if (sent != (ssize_t)length)
        bench_fail("a socket takes no more");
}

/* --- frames --------------------------------------------------------------------------------- */

static void append_frame(struct osy_buffer *out, const char *position, const char *json,
                         size_t length)
{
    static const char before[] = "{\"type\":\"event\",\"position\":\"", between[] = "\",\"event\":";
    size_t payload = sizeof before - 1 + strlen(position) + sizeof between - 1 + length + 1;
    const char header[] = {(char)0x81, 126, (char)(payload >> 8), (char)payload};
    if (payload < 126 || payload > UINT16_MAX)
        bench_fail("an event of %zu bytes", payload);
    osy_buffer_append(out, header, sizeof header);
    osy_buffer_append(out, before, sizeof before - 1);
    osy_buffer_text(out, position);
    osy_buffer_append(out, between, sizeof between - 1);
    osy_buffer_append(out, json, length);
    osy_buffer_char(out, '}');
}

static void say(const struct peer *peer, const char *json)
{
    char frame[128] = {(char)0x81, (char)strlen(json)};
    memcpy(frame + 2, json, strlen(json));
    send_all(peer->descriptor, frame, 2 + strlen(json));
}

/* --- Redis ---------------------------------------------------------------------------------- */

static void on_message(const char *restaurant, const char *bytes, size_t length)
{
    struct room *room;
    struct osy_envelope envelope;
    struct osy_error err = {0};
    char position[OSY_POSITION_TEXT_BYTES];
    HASH_FIND(hh, rooms, restaurant, OSY_UUID_TEXT_BYTES - 1, room);
    if (!room)
        return;
    if (!osy_envelope_parse(bytes, length, &room->restaurant_id, &envelope, &err))
        bench_fail("%s", err.message);
    osy_position_format(&(struct osy_position){OSY_POSITION_RESTAURANT, envelope.seq, envelope.id},
                        position);
    if (room->frames.length == 0)
        LL_PREPEND2(dirty, room, next_dirty);
    append_frame(&room->frames, position, envelope.json, envelope.json_length);
}

/* "$<length>\r\n<bytes>\r\n" at *at, which moves behind it. False when it has not come whole. */
static bool take_bulk(const char **at, const char *end, const char **bytes, size_t *length)
{
    const char *line_end = memmem(*at, (size_t)(end - *at), "\r\n", 2);
    if (!line_end)
        return false;
    *length = strtoul(*at + 1, NULL, 10);
    *bytes = line_end + 2;
    if ((size_t)(end - *bytes) < *length + 2)
        return false;
    *at = *bytes + *length + 2;
    return true;
}

/* ["message", channel, envelope], or ["subscribe", channel, :count]. */
static bool take_push(const char **at, const char *end)
{
    static const char array[] = "*3\r\n";
    const char *next = *at + sizeof array - 1, *kind, *channel, *bytes, *line_end;
    size_t kind_length, channel_length, length;
    if (end - *at < (ptrdiff_t)sizeof array || !take_bulk(&next, end, &kind, &kind_length) ||
        !take_bulk(&next, end, &channel, &channel_length) || next == end)
        return false;
    if (*next == ':') {
        line_end = memmem(next, (size_t)(end - next), "\r\n", 2);
        *at = line_end ? line_end + 2 : *at;
        return line_end != NULL;
    }
    if (!take_bulk(&next, end, &bytes, &length))
        return false;
    on_message(channel + strlen("os:{"), bytes, length);
    *at = next;
    return true;
}

static void on_redis(void)
{
    ssize_t length = recv(redis, from_redis + redis_length, sizeof from_redis - redis_length, 0);
    if (length <= 0)
        bench_fail("Redis has gone");
    const char *at = from_redis, *end = from_redis + redis_length + (size_t)length;
    while (take_push(&at, end))
        ;
    redis_length = (size_t)(end - at);
    memmove(from_redis, at, redis_length);
}

static void flush(void)
{
    struct room *room;
    struct peer *peer;
    for (; (room = dirty); osy_buffer_clear(&room->frames)) {
        LL_DELETE2(dirty, room, next_dirty);
        DL_FOREACH(room->peers, peer)
            send_all(peer->descriptor, room->frames.bytes, room->frames.length);
    }
}

/* --- sockets -------------------------------------------------------------------------------- */

static struct room *open_room(const char *restaurant)
{
    struct room *room;
    char command[128];
    HASH_FIND(hh, rooms, restaurant, OSY_UUID_TEXT_BYTES - 1, room);
    if (room)
        return room;
    room = osy_alloc(sizeof *room);
    memcpy(room->restaurant, restaurant, OSY_UUID_TEXT_BYTES - 1);
    if (!osy_uuid_parse(restaurant, OSY_UUID_TEXT_BYTES - 1, &room->restaurant_id))
        bench_fail("an upgrade names no restaurant");
    HASH_ADD(hh, rooms, restaurant, OSY_UUID_TEXT_BYTES - 1, room);
    int length = snprintf(command, sizeof command,
                          "*2\r\n$9\r\nSUBSCRIBE\r\n$46\r\nos:{%s}:live\r\n", room->restaurant);
    send_all(redis, command, (size_t)length);
    return room;
}

static void upgrade(struct peer *peer, const char *request)
{
    static const char path[] = "GET /ws/restaurants/",
                      reply[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Protocol: ordersync.v1\r\n"
                                "Sec-WebSocket-Accept: BACScCJPNqyz+UBoqMH89VmURoA=\r\n\r\n";
    char hello[100], position[OSY_POSITION_TEXT_BYTES];
    if (strncmp(request, path, sizeof path - 1) != 0 ||
        strlen(request) < sizeof path + OSY_UUID_TEXT_BYTES)
        bench_fail("an upgrade names no restaurant");
    peer->room = open_room(request + sizeof path - 1);
    DL_APPEND(peer->room->peers, peer);
    osy_position_format(&(struct osy_position){.kind = OSY_POSITION_RESTAURANT}, position);
    snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"position\":\"%s\"}", position);
    send_all(peer->descriptor, reply, sizeof reply - 1);
    say(peer, hello);
}

static void on_peer(struct peer *peer)
{
    char bytes[REQUEST_BYTES + 1];
    ssize_t length = recv(peer->descriptor, bytes, REQUEST_BYTES, 0);
    if (length <= 0) {
        if (peer->room)
            DL_DELETE(peer->room->peers, peer);
        close(peer->descriptor);
        free(peer);
        return;
    }
    bytes[length] = '\0';
    if (peer->room) /* `resume` */
        say(peer, "{\"type\":\"caught_up\"}");
    else
        upgrade(peer, bytes);
}

static void on_accept(void)
{
    int descriptor, yes = 1;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = osy_alloc(sizeof *peer);
        peer->descriptor = descriptor;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(descriptor, peer);
    }
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, 4096) != 0)
        bench_fail("cannot listen on port %u: %s", port, strerror(errno));
    return descriptor;
}

static void turn(void)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &redis)
            on_redis();
        else if (events[i].data.ptr == &listener)
            on_accept();
        else
            on_peer(events[i].data.ptr);
    }
    flush();
}

int main(int argc, char **argv)
{
    const char *redis_url = getenv("ORDERSYNC_REDIS_URL");
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (argc != 3 || strcmp(argv[1], "--port") != 0 || !redis_url)
        bench_fail("%s", usage);
    alarm(LIMIT_S);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    redis = bench_connect_redis(redis_url);
    listener = listen_on((uint16_t)bench_number("port", argv[2], 1, 65535));
    watch(redis, &redis);
    watch(listener, &listener);
    for (;;)
        turn();
}
