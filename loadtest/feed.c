#include "loadtest/feed.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/acks.h"
#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/random.h"

#define SWEEP_MS             1000
#define ACK_MS               200
#define CONNECT_TIMEOUT_MS   15000 /* from connecting to hello, and again to caught_up */
#define HEARTBEAT_MS         25000 /* until hello names the hub's own */
#define SILENCE_EXTRA_MS     5000
#define PONG_TIMEOUT_MS      10000
#define BACKOFF_FIRST_MS     500
#define BACKOFF_MOST_MS      20000
#define SHARES               1000000 /* in whose parts a share is drawn */
#define STABLE_CONNECTION_MS 60000   /* the backoff starts anew after a connection of this length */

/*
 *   WAITING --timer--> CONNECTING --hello--> RESUMING --caught_up or reset of each stream--> LIVE
 *   CONNECTING, RESUMING, LIVE --socket closed--> WAITING, or REFUSED when coming back is pointless
 *   LIVE --timer of the jitter--> WAITING
 */
enum feed_state {
    FEED_WAITING = 0,
    FEED_CONNECTING,
    FEED_RESUMING,
    FEED_LIVE,
    FEED_REFUSED,
};

struct stream {
    struct osy_uuid restaurant; /* nil but for a dashboard's */
    char position[LOAD_POSITION_BYTES];
    bool is_current; /* its replay on this socket is over */
};

struct load_feed {
    struct load_feeds *feeds;
    enum feed_state state;
    struct load_socket *socket; /* ours until its on_close; NULL while WAITING or REFUSED */
    uv_timer_t timer;           /* WAITING: until it connects; LIVE: until it is cut, if ever */
    uv_timer_t ack_timer;       /* active while something is left to acknowledge */
    char *path, *bearer;        /* owned */
    struct stream *streams;     /* owned */
    size_t stream_count, current_count;
    bool is_dashboard;
    struct load_acks *acks;                  /* owned; NULL: does not acknowledge */
    struct load_message_cache *cache;        /* borrowed; may be NULL */
    const struct load_feed_handler *handler; /* borrowed */
    void *context;                           /* borrowed */
    struct osy_backoff backoff;
    uint32_t heartbeat_ms;
    uint32_t drain_ms; /* the delay that a drain has asked for */
    bool is_draining, was_connected, is_pinged;
    uint64_t since_ms; /* when the state began */
    uint64_t ended_ns; /* when the last live socket did; 0: it lives, or none did */
    uint64_t resumed_ns;
    struct load_feed *previous, *next;
};

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
    feeds->counts->live += (uint64_t)(state == FEED_LIVE) - (uint64_t)(feed->state == FEED_LIVE);
    feeds->counts->refused += state == FEED_REFUSED;
    feed->state = state;
    feed->since_ms = uv_now(feeds->loop);
}

static void on_timer(uv_timer_t *timer);

static void wait(struct load_feed *feed, uint64_t delay_ms)
{
    if (feed->state == FEED_LIVE && feed->ended_ns == 0)
        feed->ended_ns = osy_clock_monotonic_ns();
    feed->socket = NULL;
    set_state(feed, FEED_WAITING);
    uv_timer_start(&feed->timer, on_timer, delay_ms, 0);
}

/* What follows the end of a socket, however it ended but for the jitter. */
static void come_back(struct load_feed *feed, int code, uint32_t retry_after_s)
{
    uint64_t now = uv_now(feed->feeds->loop);
    load_socket_counts_close(feed->feeds->counts, code, 1);
    if (code == 4401 || code == 4403 || code == 4404) {
        feed->socket = NULL;
        uv_timer_stop(&feed->timer);
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
    wait(feed, delay_ms);
}

/* Between half and one and a half of it. */
static uint64_t about(uint32_t ms)
{
    return ms / 2 + osy_random_below((uint64_t)ms + 1);
}

static void plan_cut(struct load_feed *feed)
{
    if (feed->feeds->cut_every_ms > 0)
        uv_timer_start(&feed->timer, on_timer, about(feed->feeds->cut_every_ms), 0);
}

static void cut(struct load_feed *feed, uint32_t for_ms)
{
    feed->feeds->counts->cuts++;
    load_socket_abort(feed->socket);
    wait(feed, about(for_ms));
}

/* The hub broke the protocol: count it, and come back as after any failure. */
static void violate(struct load_feed *feed, const char *what)
{
    struct load_feeds *feeds = feed->feeds;
    feeds->counts->violations++;
    snprintf(feeds->counts->last_error, sizeof(feeds->counts->last_error), "%s: %s", feed->path,
             what);
    load_socket_close(feed->socket);
    come_back(feed, 1002, 0);
}

static void append_position(struct osy_buffer *out, const struct stream *stream)
{
    osy_buffer_text(out, "\"position\":");
    osy_buffer_json_string(out, stream->position[0] ? stream->position : NULL);
}

static void append_choice(struct osy_buffer *out, const struct load_feed *feed)
{
    osy_buffer_text(out, "\"restaurants\":[");
    for (size_t i = 0; i < feed->stream_count; i++) {
        char id[OSY_UUID_TEXT_BYTES];
        osy_uuid_format(&feed->streams[i].restaurant, id);
        osy_buffer_printf(out, "%s{\"id\":\"%s\",", i ? "," : "", id);
        append_position(out, &feed->streams[i]);
        osy_buffer_char(out, '}');
    }
    osy_buffer_char(out, ']');
}

static void on_socket_open(void *context)
{
    struct load_feed *feed = context;
    struct osy_buffer out = OSY_BUFFER_INIT;
    osy_buffer_text(&out, "{\"type\":\"resume\",");
    if (feed->is_dashboard)
        append_choice(&out, feed);
    else
        append_position(&out, &feed->streams[0]);
    if (feed->acks) {
        osy_buffer_text(&out, ",\"device\":");
        osy_buffer_json_string(&out, feed->acks->device);
    }
    osy_buffer_char(&out, '}');
    load_socket_send(feed->socket, out.bytes, out.length);
    osy_buffer_deinit(&out);
    feed->resumed_ns = osy_clock_monotonic_ns();
}

static void on_hello(struct load_feed *feed, const struct load_message *message)
{
    feed->heartbeat_ms = message->delay_ms;
    feed->feeds->counts->opened++;
    feed->feeds->counts->reconnects += feed->was_connected;
    feed->was_connected = true;
    set_state(feed, FEED_RESUMING);
}

/* The message's stream; stream_count when it names none of ours, or one where it must not. */
static size_t find_stream(const struct load_feed *feed, const struct load_message *message)
{
    size_t stream = 0;
    if (message->names_stream != feed->is_dashboard)
        return feed->stream_count;
    while (feed->is_dashboard && stream < feed->stream_count &&
           !osy_uuid_equal(&feed->streams[stream].restaurant, &message->stream))
        stream++;
    return stream;
}

static void go_live(struct load_feed *feed)
{
    struct load_stats *stats = feed->feeds->stats;
    uint64_t now_ns = osy_clock_monotonic_ns();
    if (feed->ended_ns > 0) {
        load_stats_latency(stats, LOAD_LATENCY_RECOVERY, feed->ended_ns, now_ns);
        load_stats_latency(stats, LOAD_LATENCY_REPLAY, feed->resumed_ns, now_ns);
    }
    feed->ended_ns = 0;
    set_state(feed, FEED_LIVE);
    plan_cut(feed);
    feed->handler->on_live(feed->context);
}

/* caught_up or reset has ended a stream's replay. */
static void complete(struct load_feed *feed, struct stream *stream,
                     const struct load_message *message)
{
    memcpy(stream->position, message->position, sizeof(stream->position));
    stream->is_current = true;
    feed->current_count++;
    if (message->type == LOAD_MESSAGE_RESET) {
        feed->feeds->counts->resets++;
        feed->handler->on_reset(feed->context, (size_t)(stream - feed->streams), stream->position);
    }
    if (feed->current_count == feed->stream_count)
        go_live(feed);
}

static void send_ack(void *context, const char *text, size_t length)
{
    struct load_feed *feed = context;
    load_socket_send(feed->socket, text, length);
}

static void on_ack_timer(uv_timer_t *timer)
{
    struct load_feed *feed = timer->data;
    if (feed->state == FEED_LIVE)
        load_acks_turn(feed->acks, send_ack, feed);
    if (load_acks_are_due(feed->acks))
        uv_timer_start(timer, on_ack_timer, ACK_MS, 0);
}

/* Each feed has a timer of its own: tablets that all speak in one turn would be a burst of our making. */
static void acknowledge(struct load_feed *feed, const char *position)
{
    load_acks_note(feed->acks, position);
    if (!uv_is_active((uv_handle_t *)&feed->ack_timer))
        uv_timer_start(&feed->ack_timer, on_ack_timer, ACK_MS, 0);
}

static void on_event(struct load_feed *feed, size_t stream, const struct load_message *message,
                     uint64_t now_ns)
{
    memcpy(feed->streams[stream].position, message->position, LOAD_POSITION_BYTES);
    if (feed->acks)
        acknowledge(feed, message->position);
    feed->handler->on_event(feed->context, stream, message, now_ns);
}

static void on_drain(struct load_feed *feed, const struct load_message *message)
{
    feed->feeds->counts->drains++;
    feed->is_draining = true;
    feed->drain_ms = message->delay_ms;
}

static void on_error(struct load_feed *feed, const struct load_message *message)
{
    struct load_feeds *feeds = feed->feeds;
    feeds->counts->errors++;
    snprintf(feeds->counts->last_error, sizeof(feeds->counts->last_error), "%s: %s", feed->path,
             message->code);
}

/* The order of a hub's messages: hello, then either event* and caught_up, or reset, then events. */
static bool is_in_order(enum feed_state state, enum load_message_type type)
{
    switch (type) {
    case LOAD_MESSAGE_HELLO: return state == FEED_CONNECTING;
    case LOAD_MESSAGE_EVENT: return state == FEED_RESUMING || state == FEED_LIVE;
    case LOAD_MESSAGE_CAUGHT_UP:
    case LOAD_MESSAGE_RESET: return state == FEED_RESUMING;
    case LOAD_MESSAGE_HEARTBEAT:
    case LOAD_MESSAGE_PRESENCE:
    case LOAD_MESSAGE_FIGURES:
    case LOAD_MESSAGE_DRAIN:
    case LOAD_MESSAGE_ERROR:
    case LOAD_MESSAGE_OTHER: return true;
    }
    return false;
}

/* False when the message is none that a hub may send on this stream now. */
static bool take_of_stream(struct load_feed *feed, const struct load_message *message,
                           uint64_t now_ns)
{
    size_t number = find_stream(feed, message);
    if (number == feed->stream_count) {
        if (message->type == LOAD_MESSAGE_EVENT && feed->handler->on_stray)
            feed->handler->on_stray(feed->context);
        return false;
    }
    if (message->type == LOAD_MESSAGE_EVENT) {
        on_event(feed, number, message, now_ns);
        return true;
    }
    if (feed->streams[number].is_current)
        return false;
    complete(feed, &feed->streams[number], message);
    return true;
}

static void on_heartbeat(struct load_feeds *feeds, const struct load_message *message)
{
    feeds->counts->heartbeats++;
    if (message->age_ms > feeds->counts->oldest_view_ms)
        feeds->counts->oldest_view_ms = message->age_ms;
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
    case LOAD_MESSAGE_CAUGHT_UP:
    case LOAD_MESSAGE_RESET:
        if (!take_of_stream(feed, &message, now_ns))
            violate(feed, "a message is of another stream, or ends a replay twice");
        break;
    case LOAD_MESSAGE_HEARTBEAT: on_heartbeat(feed->feeds, &message); break;
    case LOAD_MESSAGE_PRESENCE: feed->feeds->counts->presences++; break;
    case LOAD_MESSAGE_FIGURES: feed->feeds->counts->figures++; break;
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
    feed->current_count = 0;
    for (size_t i = 0; i < feed->stream_count; i++)
        feed->streams[i].is_current = false;
    feed->socket = load_socket_open(feeds->loop, feeds->endpoint, feeds->slot++, feed->path,
                                    feed->bearer, &socket_handler, feed);
}

static void on_timer(uv_timer_t *timer)
{
    struct load_feed *feed = timer->data;
    if (feed->state == FEED_WAITING)
        connect_feed(feed);
    else if (feed->state == FEED_LIVE && feed->feeds->cut_every_ms > 0)
        cut(feed, feed->feeds->cut_ms);
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
                     const struct load_endpoint *endpoint, struct load_stats *stats, size_t slot)
{
    *feeds = (struct load_feeds){
        .loop = loop,
        .endpoint = endpoint,
        .stats = stats,
        .counts = &stats->sockets,
        .slot = slot,
    };
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

void load_feeds_cut(struct load_feeds *feeds, uint32_t every_ms, uint32_t for_ms)
{
    feeds->cut_every_ms = every_ms;
    feeds->cut_ms = for_ms;
    for (struct load_feed *feed = feeds->first; feed; feed = feed->next)
        if (feed->state == FEED_LIVE)
            plan_cut(feed);
}

void load_feeds_storm(struct load_feeds *feeds, double share, uint32_t for_ms)
{
    for (struct load_feed *feed = feeds->first; feed; feed = feed->next)
        if (feed->state == FEED_LIVE && (double)osy_random_below(SHARES) < share * SHARES)
            cut(feed, for_ms);
}

bool load_feeds_are_current(const struct load_feeds *feeds)
{
    bool is_due = false;
    for (const struct load_feed *feed = feeds->first; feed && !is_due; feed = feed->next)
        is_due = feed->acks && load_acks_are_due(feed->acks);
    return !is_due && feeds->counts->live + feeds->counts->refused == feeds->counts->followed;
}

static void create_streams(struct load_feed *feed, const struct load_feed_target *target)
{
    feed->is_dashboard = target->restaurants;
    feed->stream_count = feed->is_dashboard ? target->restaurant_count : 1;
    feed->streams = osy_alloc_array(feed->stream_count, sizeof(*feed->streams));
    for (size_t i = 0; i < feed->stream_count; i++) {
        struct stream *stream = &feed->streams[i];
        if (feed->is_dashboard)
            stream->restaurant = target->restaurants[i];
        strncpy(stream->position, target->position, sizeof(stream->position) - 1);
    }
}

struct load_feed *load_feed_create(struct load_feeds *feeds, const struct load_feed_target *target,
                                   const struct load_feed_handler *handler, void *context)
{
    struct load_feed *feed = osy_alloc(sizeof(*feed));
    feed->feeds = feeds;
    feed->path = osy_strdup(target->path);
    feed->bearer = osy_strdup(target->bearer);
    create_streams(feed, target);
    feed->acks = target->device ? load_acks_create(target->device) : NULL;
    feed->cache = target->cache;
    feed->handler = handler;
    feed->context = context;
    feed->backoff = (struct osy_backoff){.first_ms = BACKOFF_FIRST_MS, .most_ms = BACKOFF_MOST_MS};
    uv_timer_init(feeds->loop, &feed->timer);
    feed->timer.data = feed;
    uv_timer_init(feeds->loop, &feed->ack_timer);
    feed->ack_timer.data = feed;
    feed->next = feeds->first;
    if (feeds->first)
        feeds->first->previous = feed;
    feeds->first = feed;
    feeds->counts->followed++;
    connect_feed(feed);
    return feed;
}

static void on_timers_closed(uv_handle_t *handle)
{
    struct load_feed *feed = handle->data;
    free(feed->path);
    free(feed->bearer);
    free(feed->streams);
    free(feed->acks);
    free(feed);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct load_feed *feed = handle->data;
    uv_close((uv_handle_t *)&feed->ack_timer, on_timers_closed);
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
    feeds->counts->live -= feed->state == FEED_LIVE;
    /* Who was refused stays in the books: nobody else would remember it. */
    feeds->counts->followed -= feed->state != FEED_REFUSED;
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

const char *load_feed_position(const struct load_feed *feed, size_t stream)
{
    return feed->streams[stream].position;
}
