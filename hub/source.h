/*
 * The source: where a topic's events come from when they did not come live. Recent ones are in the
 * restaurant's Redis stream, all of them in PostgreSQL. An answer from Redis counts only when it is
 * whole, each event naming the one before it: a restarted Redis, or one to which two publishers wrote out of
 * order, has holes, and one that outlived a restored PostgreSQL has events that are no longer true. Otherwise
 * PostgreSQL is asked. Answers never come inside the request. Loop thread only.
 */
#pragma once
#include "hub/store.h"
#include "shared/redis_shards.h"

struct hub_source {
    uv_loop_t *loop;                /* borrowed */
    struct osy_redis_shards *redis; /* borrowed; NULL: PostgreSQL alone */
    struct hub_store *store;        /* borrowed */
};

/* A channel of the restaurant's. */
void hub_source_subscribe(struct hub_source *source, const struct osy_uuid *restaurant_id,
                          const char *channel);
void hub_source_unsubscribe(struct hub_source *source, const struct osy_uuid *restaurant_id,
                            const char *channel);
/* Whether events of a restaurant can come live. */
bool hub_source_is_live(const struct hub_source *source, const struct osy_uuid *restaurant_id);

/* The key of a restaurant's stream of recent events and the name of its live channel. */
#define HUB_REDIS_NAME_BYTES 64
void hub_source_log_key(const struct osy_uuid *restaurant_id, char name[HUB_REDIS_NAME_BYTES]);
void hub_source_presence_channel(const struct osy_uuid *restaurant_id,
                                 char name[HUB_REDIS_NAME_BYTES]);
bool hub_source_presence_channel_parse(const char *name, size_t length,
                                       struct osy_uuid *restaurant_id);
void hub_source_channel(const struct osy_uuid *restaurant_id, char name[HUB_REDIS_NAME_BYTES]);
bool hub_source_channel_parse(const char *name, size_t length, struct osy_uuid *restaurant_id);

/* A run of events: first to last, first >= 1. */
struct hub_range {
    struct osy_uuid restaurant_id;
    uint64_t first, last;
    struct osy_uuid last_id;     /* id of event `last`; nil when unknown */
    struct osy_uuid previous_id; /* id of event `first` - 1; nil when unknown */
};

struct hub_answer {
    const struct osy_error *err; /* NULL: it went well */
    bool from_redis;
    /* Ascending without holes from first on; ends before last when that does not exist. Borrowed. */
    struct hub_event *const *events;
    size_t count;
};

typedef void (*hub_answer_fn)(void *context, const struct hub_answer *answer);

void hub_source_find_events(struct hub_source *source, const struct hub_range *range,
                            hub_answer_fn fn, void *context);
/* All events of one order by version, from PostgreSQL. */
void hub_source_find_order_events(struct hub_source *source, const struct osy_uuid *restaurant_id,
                                  const struct osy_uuid *order_id, hub_answer_fn fn, void *context);
/* The newest events in Redis, ascending, perhaps with holes: what there is while PostgreSQL is down. */
void hub_source_find_recent(struct hub_source *source, const struct osy_uuid *restaurant_id,
                            hub_answer_fn fn, void *context);
/* Too many questions wait for PostgreSQL. */
bool hub_source_is_full(const struct hub_source *source);
/* So many wait that what can wait should. */
bool hub_source_is_busy(const struct hub_source *source);
/* PostgreSQL knows; while it is down the last entry in Redis must do. */
void hub_source_find_head(struct hub_source *source, const struct osy_uuid *restaurant_id,
                          hub_store_head_fn fn, void *context);
