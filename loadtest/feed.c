#include "loadtest/feed.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/buffer.h"
#include "shared/clock.h"

#define SWEEP_MS             1000
#define CONNECT_TIMEOUT_MS   15000 /* from connecting to hello, and again to caught_up */
#define HEARTBEAT_MS         25000 /* until hello names the hub's own */
#define SILENCE_EXTRA_MS     5000
#define PONG_TIMEOUT_MS      10000
#define BACKOFF_FIRST_MS     500
#define BACKOFF_MOST_MS      20000
#define STABLE_CONNECTION_MS 60000 /* the backoff starts anew after a connection of this length */

/*
 *   WAITING --timer--> CONNECTING --hello--> RESUMING --caught_up, reset--> LIVE
 *   CONNECTING, RESUMING, LIVE --socket closed--> WAITING, or REFUSED when coming back is pointless
 */
enum feed_state {
    FEED_WAITING = 0,
    FEED_CONNECTING,
    FEED_RESUMING,
    FEED_LIVE,
    FEED_REFUSED,
};

struct load_feed {
    struct load_feeds *feeds;
    enum feed_state state;
    struct load_socket *socket; /* ours until its on_close; NULL while WAITING or REFUSED */
    uv_timer_t timer;           /* runs while WAITING */
    char *path, *bearer;        /* owned */
    char position[LOAD_POSITION_BYTES];
    struct load_message_cache *cache;        /* borrowed; may be NULL */
    const struct load_feed_handler *handler; /* borrowed */
    void *context;                           /* borrowed */
    struct osy_backoff backoff;
    uint32_t heartbeat_ms;
    uint32_t drain_ms; /* the delay that a drain has asked for */
    bool is_draining, was_connected, is_pinged;
    uint64_t since_ms; /* when the state began */
    struct load_feed *previous, *next;
};

static void connect_feed(struct load_feed *feed);

static bool is_connecting(enum feed_state state)
{
    return state == FEED_CONNECTING || state == FEED_RESUMING;
}

static bool is_legal(enum feed_state from, enum feed_state to)
{
    switch (from) {
    case FEED_WAITING: return to == FEED_CONNECTING;
    case FEED_CONNECTING: return to == FEED_RESUMING || to == FEED_WAITING || to == FEED_REFUSED;
    case FEED_RESUMING: return to == FEED_LIVE || to == FEED_WAITING || to == FEED_REFUSED;
    case FEED_LIVE: return to == FEED_WAITING || to == FEED_REFUSED;
    case FEED_REFUSED: return false;
    }
    return false;
}

static void set_state(struct load_feed *feed, enum feed_state state)
{
    struct load_feeds *feeds = feed->feeds;
    assert(is_legal(feed->state, state));
    feeds->connecting += (size_t)is_connecting(state) - (size_t)is_connecting(feed->state);
    feeds->live += (size_t)(state == FEED_LIVE) - (size_t)(feed->state == FEED_LIVE);
    feeds->refused += state == FEED_REFUSED;
    feed->state = state;
    feed->since_ms = uv_now(feeds->loop);
}

static void count_close(struct load_feeds *feeds, int code)
{
    for (size_t i = 0; i < LOAD_CLOSE_CODES; i++) {
        if (feeds->closes[i].count == 0)
            feeds->closes[i].code = i + 1 < LOAD_CLOSE_CODES ? code : 0;
        if (feeds->closes[i].code == code || i + 1 == LOAD_CLOSE_CODES) {
            feeds->closes[i].count++;
            return;
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    connect_feed(timer->data);
}

/* What follows the end of a socket, however it ended. */
static void come_back(struct load_feed *feed, int code, uint32_t retry_after_s)
{
    uint64_t now = uv_now(feed->feeds->loop);
    feed->socket = NULL;
    count_close(feed->feeds, code);
    if (code == 4401 || code == 4403 || code == 4404) {
        set_state(feed, FEED_REFUSED);
        return;
    }
    if (feed->state == FEED_LIVE && now - feed->since_ms >= STABLE_CONNECTION_MS)
        osy_backoff_reset(&feed->backoff);
    uint64_t delay_ms = osy_backoff_next_ms(&feed->backoff);
    if (feed->is_draining)
        delay_ms = feed->drain_ms;
    else if (delay_ms < retry_after_s * UINT64_C(1000))
        delay_ms += retry_after_s * UINT64_C(1000);
    set_state(feed, FEED_WAITING);
    uv_timer_start(&feed->timer, on_timer, delay_ms, 0);
}

/* The hub broke the protocol: count it, and come back as after any failure. */
static void violate(struct load_feed *feed, const char *what)
{
    struct load_feeds *feeds = feed->feeds;
    feeds->violations++;
    snprintf(feeds->last_error, sizeof(feeds->last_error), "%s: %s", feed->path, what);
    load_socket_close(feed->socket);
    come_back(feed, 1002, 0);
}

static void on_socket_open(void *context)
{
    struct load_feed *feed = context;
    struct osy_buffer out = OSY_BUFFER_INIT;
    osy_buffer_text(&out, "{\"type\":\"resume\",\"position\":");
    osy_buffer_json_string(&out, feed->position[0] ? feed->position : NULL);
    osy_buffer_char(&out, '}');
    load_socket_send(feed->socket, out.bytes, out.length);
    osy_buffer_deinit(&out);
}

static void on_hello(struct load_feed *feed, const struct load_message *message)
{
    feed->heartbeat_ms = message->delay_ms;
    feed->feeds->opened++;
    feed->feeds->reconnects += feed->was_connected;
    feed->was_connected = true;
    set_state(feed, FEED_RESUMING);
}

static void on_reset(struct load_feed *feed, const struct load_message *message)
{
    feed->feeds->resets++;
    memcpy(feed->position, message->position, sizeof(feed->position));
    set_state(feed, FEED_LIVE);
    feed->handler->on_reset(feed->context, feed->position);
    feed->handler->on_live(feed->context);
}

static void on_drain(struct load_feed *feed, const struct load_message *message)
{
    feed->feeds->drains++;
    feed->is_draining = true;
    feed->drain_ms = message->delay_ms;
}

static void on_error(struct load_feed *feed, const struct load_message *message)
{
    struct load_feeds *feeds = feed->feeds;
    feeds->errors++;
    snprintf(feeds->last_error, sizeof(feeds->last_error), "%s: %s", feed->path, message->code);
}

/* The order of a hub's messages: hello, then either event* and caught_up, or reset, then events. */
static bool is_in_order(enum feed_state state, enum load_message_type type)
{
    switch (type) {
    case LOAD_MESSAGE_HELLO: return state == FEED_CONNECTING;
    case LOAD_MESSAGE_EVENT: return state == FEED_RESUMING || state == FEED_LIVE;
    case LOAD_MESSAGE_CAUGHT_UP:
    case LOAD_MESSAGE_RESET: return state == FEED_RESUMING;
    case LOAD_MESSAGE_DRAIN:
    case LOAD_MESSAGE_ERROR:
    case LOAD_MESSAGE_OTHER: return true;
    }
    return false;
}

/*
 * False when the feed has nothing more to take from this socket; its owner may even have destroyed it,
 * but the memory stays until the loop's next turn.
 */
static bool take_message(struct load_feed *feed, const char *text, size_t length, uint64_t now_ns)
{
    struct load_message message;
    struct osy_error err = {0};
    if (!load_message_cache_parse(feed->cache, text, length, &message, &err)) {
        violate(feed, err.message);
        return false;
    }
    if (!is_in_order(feed->state, message.type)) {
        violate(feed, "a message came out of its order");
        return false;
    }
    struct load_socket *socket = feed->socket;
    switch (message.type) {
    case LOAD_MESSAGE_HELLO: on_hello(feed, &message); break;
    case LOAD_MESSAGE_EVENT:
        memcpy(feed->position, message.position, sizeof(feed->position));
        feed->handler->on_event(feed->context, &message, now_ns);
        break;
    case LOAD_MESSAGE_CAUGHT_UP:
        memcpy(feed->position, message.position, sizeof(feed->position));
        set_state(feed, FEED_LIVE);
        feed->handler->on_live(feed->context);
        break;
    case LOAD_MESSAGE_RESET: on_reset(feed, &message); break;
    case LOAD_MESSAGE_DRAIN: on_drain(feed, &message); break;
    case LOAD_MESSAGE_ERROR: on_error(feed, &message); break;
    case LOAD_MESSAGE_OTHER: break;
    }
    return feed->socket == socket;
}

/* A frame holds one or more objects, separated by newlines. */
static void on_socket_text(void *context, const char *text, size_t length)
{
    struct load_feed *feed = context;
    const char *end = text + length;
    uint64_t now_ns = osy_clock_monotonic_ns();
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        if (!take_message(feed, text, (size_t)(stop - text), now_ns))
            return;
        text = stop + 1;
    }
}

static void on_socket_close(void *context, int code, const char *detail, uint32_t retry_after_s)
{
    (void)detail;
    come_back(context, code, retry_after_s);
}

static const struct load_socket_handler socket_handler = {
    .on_open = on_socket_open,
    .on_text = on_socket_text,
    .on_close = on_socket_close,
};

static void connect_feed(struct load_feed *feed)
{
    struct load_feeds *feeds = feed->feeds;
    set_state(feed, FEED_CONNECTING);
    feed->is_draining = feed->is_pinged = false;
    feed->heartbeat_ms = HEARTBEAT_MS;
    feed->socket = load_socket_open(feeds->loop, feeds->endpoint, feeds->slot++, feed->path,
                                    feed->bearer, &socket_handler, feed);
}

static void drop_silent(struct load_feed *feed)
{
    load_socket_abort(feed->socket);
    come_back(feed, LOAD_CLOSE_ABNORMAL, 0);
}

static void check_feed(struct load_feed *feed, uint64_t now)
{
    if (is_connecting(feed->state) && now - feed->since_ms > CONNECT_TIMEOUT_MS) {
        drop_silent(feed);
        return;
    }
    if (feed->state != FEED_LIVE)
        return;
    uint64_t heard_ms = load_socket_heard_ms(feed->socket);
    uint64_t silent_ms = now > heard_ms ? now - heard_ms : 0;
    if (silent_ms > feed->heartbeat_ms + SILENCE_EXTRA_MS + PONG_TIMEOUT_MS) {
        drop_silent(feed);
    } else if (silent_ms > feed->heartbeat_ms + SILENCE_EXTRA_MS && !feed->is_pinged) {
        static const char ping[] = "{\"type\":\"ping\"}";
        feed->is_pinged = true;
        load_socket_send(feed->socket, ping, sizeof(ping) - 1);
    } else if (silent_ms < SILENCE_EXTRA_MS) {
        feed->is_pinged = false;
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct load_feeds *feeds = timer->data;
    uint64_t now = uv_now(feeds->loop);
    for (struct load_feed *feed = feeds->first; feed; feed = feed->next)
        check_feed(feed, now);
}

void load_feeds_init(struct load_feeds *feeds, uv_loop_t *loop,
                     const struct load_endpoint *endpoint)
{
    *feeds = (struct load_feeds){.loop = loop, .endpoint = endpoint};
    uv_timer_init(loop, &feeds->sweep);
    feeds->sweep.data = feeds;
    uv_timer_start(&feeds->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

void load_feeds_deinit(struct load_feeds *feeds)
{
    while (feeds->first)
        load_feed_destroy(feeds->first);
    uv_close((uv_handle_t *)&feeds->sweep, NULL);
}

struct load_feed *load_feed_create(struct load_feeds *feeds, const char *path, const char *bearer,
                                   const char *position, struct load_message_cache *cache,
                                   const struct load_feed_handler *handler, void *context)
{
    struct load_feed *feed = osy_alloc(sizeof(*feed));
    feed->feeds = feeds;
    feed->path = osy_strdup(path);
    feed->bearer = osy_strdup(bearer);
    strncpy(feed->position, position, sizeof(feed->position) - 1);
    feed->cache = cache;
    feed->handler = handler;
    feed->context = context;
    feed->backoff = (struct osy_backoff){.first_ms = BACKOFF_FIRST_MS, .most_ms = BACKOFF_MOST_MS};
    uv_timer_init(feeds->loop, &feed->timer);
    feed->timer.data = feed;
    feed->next = feeds->first;
    if (feeds->first)
        feeds->first->previous = feed;
    feeds->first = feed;
    connect_feed(feed);
    return feed;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct load_feed *feed = handle->data;
    free(feed->path);
    free(feed->bearer);
    free(feed);
}

void load_feed_destroy(struct load_feed *feed)
{
    if (!feed)
        return;
    struct load_feeds *feeds = feed->feeds;
    if (feed->socket)
        load_socket_close(feed->socket);
    feed->socket = NULL;
    feeds->connecting -= is_connecting(feed->state);
    feeds->live -= feed->state == FEED_LIVE;
    feeds->refused -= feed->state == FEED_REFUSED;
    if (feed->previous)
        feed->previous->next = feed->next;
    else
        feeds->first = feed->next;
    if (feed->next)
        feed->next->previous = feed->previous;
    uv_close((uv_handle_t *)&feed->timer, on_timer_closed);
}

bool load_feed_is_live(const struct load_feed *feed)
{
    return feed->state == FEED_LIVE;
}

const char *load_feed_position(const struct load_feed *feed)
{
    return feed->position;
}
