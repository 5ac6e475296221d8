/*
 * The feed: publishes events of restaurants straight to Redis, in the envelopes that the API makes, each
 * naming the one before it. Nothing is stored anywhere, so nobody may look into PostgreSQL for them.
 */
#pragma once
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/uuid.h"

/* Where one restaurant's stream stands: at the event before the next one. */
struct bench_stream {
    struct osy_uuid restaurant_id;
    char restaurant[OSY_UUID_TEXT_BYTES];
    uint64_t seq;
    struct osy_uuid last_id;
};

struct bench_feed {
    int redis;
    struct osy_buffer out; /* commands; the first `sent` bytes have left */
    size_t sent;
};

void bench_feed_init(struct bench_feed *feed, const char *redis_url);
void bench_feed_publish(struct bench_feed *feed, struct bench_stream *stream);
/* Sends as much as Redis takes now, and looks for complaints in its replies. */
void bench_feed_flush(struct bench_feed *feed);
