/*
 * The feed keeps a process' set of revocations current. Redis tells of each at once; PostgreSQL, which has
 * them all, is asked every few seconds for what came since the last look, so that a message lost on the way
 * costs seconds and a lost Redis nothing else. It is also asked whenever the subscription is (re)made.
 *
 * The feed is stale when for max_age_ms neither source could be asked: then nobody can tell whether a token
 * is still good, and its owner serves nobody by one. Redis counts only while it and PostgreSQL leave no hole
 * between them: since its subscription was last confirmed, PostgreSQL must have told what had come before.
 * Before the first answer of PostgreSQL the feed is not complete.
 *
 * Queries run on libuv's thread pool, one at a time; everything else on the loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/redis_shards.h"
#include "shared/revocations.h"

struct osy_revocation_feed;

/* This ends tokens that were good until now: the set holds it already. */
typedef void (*osy_revoked_fn)(void *context, const struct osy_revocation *revocation);
/* The feed has become stale, or is no longer. */
typedef void (*osy_revocations_stale_fn)(void *context, bool is_stale);

struct osy_revocation_feed_options {
    const char *database_url, *application_name; /* copied */
    int64_t interval_ms;                         /* between two looks into PostgreSQL */
    int64_t max_age_ms;
    osy_revoked_fn on_revoked;         /* NULL: the set is all that is wanted */
    osy_revocations_stale_fn on_stale; /* NULL: nobody waits for it */
    void *context;
};

struct osy_revocation_feed *
osy_revocation_feed_create(uv_loop_t *loop, const struct osy_revocation_feed_options *options);
/* Calls nothing any more; memory goes when a query under way has ended (run the loop). NULL is fine. */
void osy_revocation_feed_destroy(struct osy_revocation_feed *feed);

/* Subscribes, for good. redis is borrowed until the feed's end; its owner passes its callbacks on: */
void osy_revocation_feed_attach(struct osy_revocation_feed *feed, struct osy_redis_shards *redis);
/* True when the channel is the feed's. */
bool osy_revocation_feed_on_message(struct osy_revocation_feed *feed, const char *channel,
                                    size_t channel_length, const char *message, size_t length);
bool osy_revocation_feed_on_subscribed(struct osy_revocation_feed *feed, const char *channel,
                                       size_t channel_length);

/* The set, as long as the feed lives. */
const struct osy_revocations *osy_revocation_feed_set(const struct osy_revocation_feed *feed);
/* Complete and not stale. */
bool osy_revocation_feed_is_current(const struct osy_revocation_feed *feed);
