/*
 * A feed: one stream of events (a restaurant's, or an order's) followed across any number of sockets,
 * as docs/protocol.md asks of a client: resume from the last position, full-jitter backoff, the delay
 * that a drain names, a ping when it has been silent for too long. Tablets and customers both are
 * feeds; what an event means to them is theirs. Runs on the loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/endpoint.h"
#include "loadtest/message.h"

#define LOAD_CLOSE_CODES 16 /* different ones that are told apart; the rest counts as 0 */

/* What all feeds share, and the counts over all of them. */
struct load_feeds {
    uv_loop_t *loop;
    const struct load_endpoint *endpoint; /* borrowed */
    uv_timer_t sweep;
    struct load_feed *first;
    size_t live;       /* feeds whose stream is up to date */
    size_t connecting; /* from the first byte to the end of the replay */
    size_t refused;    /* feeds that a hub sent away for good (4401, 4403, 4404) */
    uint64_t opened;   /* sockets that reached hello */
    uint64_t reconnects, resets, drains;
    uint64_t errors;     /* `error` messages */
    uint64_t violations; /* messages that break docs/protocol.md */
    struct {
        int code; /* as in load_socket_handler's on_close */
        uint64_t count;
    } closes[LOAD_CLOSE_CODES];
    size_t slot;          /* the next socket's */
    char last_error[256]; /* the last of either, for a person; "": none */
};

struct load_feed_handler {
    void (*on_event)(void *context, const struct load_message *event, uint64_t now_ns);
    void (*on_reset)(void *context, const char *position);
    void (*on_live)(void *context); /* after every (re)connect: everything missed has come */
};

struct load_feed;

/* In place: the sweep's timer lives in it. Borrows endpoint. */
void load_feeds_init(struct load_feeds *feeds, uv_loop_t *loop,
                     const struct load_endpoint *endpoint);
/* Destroys the feeds that are left. The loop must run on until their handles are closed. */
void load_feeds_deinit(struct load_feeds *feeds);

/*
 * Connects at once. Copies path, bearer and position; borrows cache (which may be NULL), handler and
 * context. No calls back from inside of this one.
 */
struct load_feed *load_feed_create(struct load_feeds *feeds, const char *path, const char *bearer,
                                   const char *position, struct load_message_cache *cache,
                                   const struct load_feed_handler *handler, void *context);
void load_feed_destroy(struct load_feed *feed); /* closes politely; NULL is fine */
bool load_feed_is_live(const struct load_feed *feed);
const char *load_feed_position(const struct load_feed *feed); /* of the last event taken */
