/*
 * A feed: streams of events followed across any number of sockets, as docs/protocol.md asks of a client:
 * resume from the last position, full-jitter backoff, the delay that a drain names, a ping when it has
 * been silent for too long. A tablet's and a customer's feed has one stream, that of its path; a
 * dashboard's has one for each restaurant that it chooses. What an event means to them is theirs. Runs
 * on the loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/endpoint.h"
#include "loadtest/message.h"
#include "loadtest/stats.h"

/* What all feeds share. */
struct load_feeds {
    uv_loop_t *loop;
    const struct load_endpoint *endpoint; /* borrowed */
    struct load_stats *stats;          /* borrowed; what becomes of the sockets is counted there */
    struct load_socket_counts *counts; /* those of stats */
    uv_timer_t sweep;
    struct load_feed *first;
    size_t connecting;             /* from the first byte to the end of the replay */
    uint32_t cut_every_ms, cut_ms; /* the jitter; 0: none */
    size_t slot;                   /* the next socket's */
};

/* stream: its number; 0 but for a dashboard's. */
struct load_feed_handler {
    void (*on_event)(void *context, size_t stream, const struct load_message *event,
                     uint64_t now_ns);
    void (*on_reset)(void *context, size_t stream, const char *position);
    void (*on_live)(void *context);  /* after every (re)connect: everything missed has come */
    void (*on_stray)(void *context); /* an event of a restaurant that was not chosen */
};

/* What to follow, and as whom. */
struct load_feed_target {
    const char *path, *bearer;
    const char *position;               /* where to begin; "": from now on */
    const struct osy_uuid *restaurants; /* a dashboard's choice; NULL: the path names the stream */
    size_t restaurant_count;
    const char *device;               /* acknowledges under this name; NULL: does not */
    struct load_message_cache *cache; /* borrowed; may be NULL */
};

struct load_feed;

/* In place: timers live in it. Borrows endpoint and stats. slot: the first socket's, see endpoint.h. */
void load_feeds_init(struct load_feeds *feeds, uv_loop_t *loop,
                     const struct load_endpoint *endpoint, struct load_stats *stats, size_t slot);
/* Destroys the feeds that are left. The loop must run on until their handles are closed. */
void load_feeds_deinit(struct load_feeds *feeds);

/*
 * From now on each live socket is cut about every every_ms, without a close frame, and stays away for
 * about for_ms: both between half and one and a half of it. 0 ends that.
 */
void load_feeds_cut(struct load_feeds *feeds, uint32_t every_ms, uint32_t for_ms);
/* Cuts about that share (0 to 1) of the live sockets at once; they stay away for about for_ms. */
void load_feeds_storm(struct load_feeds *feeds, double share, uint32_t for_ms);

/*
 * Connects at once. Copies target but for its cache; borrows handler and context. No calls back from
 * inside of this one.
 */
struct load_feed *load_feed_create(struct load_feeds *feeds, const struct load_feed_target *target,
                                   const struct load_feed_handler *handler, void *context);
/* Every feed that is not refused is up to date, and has acknowledged all that it acknowledges. */
bool load_feeds_are_current(const struct load_feeds *feeds);
/* Closes politely; NULL is fine. One that was refused stays counted, as followed and as refused. */
void load_feed_destroy(struct load_feed *feed);
bool load_feed_is_live(const struct load_feed *feed);
/* Of the last event taken from the stream; "" when none was, and the hub has not named any. */
const char *load_feed_position(const struct load_feed *feed, size_t stream);
