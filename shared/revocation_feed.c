#include "shared/revocation_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/osy_shared.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/jwt.h"
#include "shared/pg.h"

/* A row is seen when its transaction commits, which is later than its time says: each look reaches back by
 * more than a statement may take. */
enum { OVERLAP_S = 60 };

/* Revocations are no restaurant's. */
static const struct osy_uuid nobody;

struct osy_revocation_feed {
    struct osy_revocations *set;                /* owned, as is pg */
    struct osy_pg *pg;                          /* the query's, while one is under way */
    struct osy_redis_shards *redis;             /* borrowed; NULL: not attached */
    struct osy_revocation_feed_options options; /* without the texts, which pg keeps */

    uv_timer_t timer;
    uv_work_t query;
    bool is_asking, ask_again, is_destroyed, is_timer_closed;
    bool is_complete, is_stale;
    int64_t heard_ms; /* when a source could be asked last */
    /* The subscription's confirmations: how many there were, of them when the query began, and when the
     * last one began that was answered (0: none since the subscription was down). */
    uint64_t confirmed, confirmed_at_query, covered;

    int64_t since_s;              /* of the query: from then on */
    struct osy_revocation *found; /* by the query; owned */
    size_t found_count;
    bool has_answer;
};

/* ---- on a thread of the pool ---- */

static bool read_row(const PGresult *rows, int row, struct osy_revocation *revocation)
{
    const char *kind = PQgetvalue(rows, row, 0), *id = PQgetvalue(rows, row, 1);
    revocation->revoked_at_s = strtoll(PQgetvalue(rows, row, 2), NULL, 10);
    return osy_revocation_kind_parse(kind, strlen(kind), &revocation->kind) &&
           osy_uuid_parse(id, strlen(id), &revocation->id);
}

static void ask(uv_work_t *query)
{
    struct osy_revocation_feed *feed = query->data;
    char since[24];
    snprintf(since, sizeof since, "%" PRId64, feed->since_s);
    PGresult *rows = NULL;
    if (!OSY_FAILPOINT_ERROR("revocation.before_query", "PostgreSQL is asked who was revoked",
                             NULL))
        rows = osy_pg_query(feed->pg, sql_find_revocations, 1, (const char *const[]){since}, NULL);
    feed->has_answer = rows != NULL;
    if (!rows)
        return;
    feed->found = osy_alloc_array((size_t)PQntuples(rows) + 1, sizeof *feed->found);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (read_row(rows, row, &feed->found[feed->found_count]))
            feed->found_count++;
    }
    PQclear(rows);
}

/* ---- on the loop ---- */

static void take(struct osy_revocation_feed *feed, const struct osy_revocation *revocation)
{
    if (osy_revocations_add(feed->set, revocation) && feed->options.on_revoked)
        feed->options.on_revoked(feed->options.context, revocation);
}

static void free_when_done(struct osy_revocation_feed *feed)
{
    if (!feed->is_timer_closed || feed->is_asking)
        return;
    osy_revocations_destroy(feed->set);
    osy_pg_destroy(feed->pg);
    free(feed);
}

/* Whether every revocation has been heard of that is not on its way. */
static bool is_fed_by_redis(struct osy_revocation_feed *feed)
{
    if (!feed->redis || !osy_redis_shards_subscriptions_up(feed->redis, &nobody))
        feed->covered = 0;
    return feed->covered > 0 && feed->covered == feed->confirmed;
}

static void judge_age(struct osy_revocation_feed *feed)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    if (is_fed_by_redis(feed))
        feed->heard_ms = now_ms;
    bool is_stale = now_ms - feed->heard_ms >= feed->options.max_age_ms;
    if (is_stale == feed->is_stale)
        return;
    feed->is_stale = is_stale;
    if (feed->options.on_stale)
        feed->options.on_stale(feed->options.context, is_stale);
}

static void begin_query(struct osy_revocation_feed *feed);

/* Never beyond our own time: one row of a clock that was ahead must not hide those that follow it. */
static void move_on(struct osy_revocation_feed *feed, int64_t revoked_at_s, int64_t now_s)
{
    int64_t since_s = (revoked_at_s < now_s ? revoked_at_s : now_s) - OVERLAP_S;
    if (since_s > feed->since_s)
        feed->since_s = since_s;
}

static void take_answer(struct osy_revocation_feed *feed)
{
    int64_t now_s = osy_clock_wall_ms() / 1000;
    feed->is_complete = true;
    feed->covered = feed->confirmed_at_query;
    feed->heard_ms = osy_clock_monotonic_ms();
    for (size_t i = 0; i < feed->found_count; i++) {
        take(feed, &feed->found[i]);
        move_on(feed, feed->found[i].revoked_at_s, now_s);
    }
    osy_revocations_forget(feed->set, now_s);
}

static void on_asked(uv_work_t *query, int status)
{
    struct osy_revocation_feed *feed = query->data;
    feed->is_asking = false;
    if (status == 0 && feed->has_answer && !feed->is_destroyed)
        take_answer(feed);
    free(feed->found);
    feed->found = NULL;
    feed->found_count = 0;
    if (feed->is_destroyed) {
        free_when_done(feed);
        return;
    }
    judge_age(feed);
    if (feed->ask_again)
        begin_query(feed);
}

static void begin_query(struct osy_revocation_feed *feed)
{
    feed->ask_again = feed->is_asking; /* the one under way may have looked already */
    if (feed->is_asking)
        return;
    feed->has_answer = false;
    feed->confirmed_at_query = feed->confirmed;
    feed->is_asking = uv_queue_work(feed->timer.loop, &feed->query, ask, on_asked) == 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct osy_revocation_feed *feed = timer->data;
    judge_age(feed);
    if (!feed->is_asking) /* or a slow server would be asked without a pause */
        begin_query(feed);
}

struct osy_revocation_feed *
osy_revocation_feed_create(uv_loop_t *loop, const struct osy_revocation_feed_options *options)
{
    struct osy_revocation_feed *feed = osy_alloc(sizeof *feed);
    feed->set = osy_revocations_create();
    feed->pg = osy_pg_create(&(struct osy_pg_options){.url = options->database_url,
                                                      .application_name = options->application_name,
                                                      .read_only = true});
    feed->options = *options;
    feed->options.database_url = feed->options.application_name = NULL;
    feed->heard_ms = osy_clock_monotonic_ms();
    feed->since_s = osy_clock_wall_ms() / 1000 - OSY_JWT_LIFE_MAX_S;
    feed->query.data = feed;
    uv_timer_init(loop, &feed->timer);
    feed->timer.data = feed;
    uv_timer_start(&feed->timer, on_timer, 0, (uint64_t)options->interval_ms);
    return feed;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct osy_revocation_feed *feed = handle->data;
    feed->is_timer_closed = true;
    free_when_done(feed);
}

void osy_revocation_feed_destroy(struct osy_revocation_feed *feed)
{
    if (!feed)
        return;
    feed->is_destroyed = true;
    feed->redis = NULL;
    uv_close((uv_handle_t *)&feed->timer, on_timer_closed);
}

void osy_revocation_feed_attach(struct osy_revocation_feed *feed, struct osy_redis_shards *redis)
{
    feed->redis = redis;
    osy_redis_shards_subscribe(redis, &nobody, OSY_REVOCATION_CHANNEL);
}

static bool is_ours(const char *channel, size_t length)
{
    return length == sizeof OSY_REVOCATION_CHANNEL - 1 &&
           memcmp(channel, OSY_REVOCATION_CHANNEL, length) == 0;
}

bool osy_revocation_feed_on_message(struct osy_revocation_feed *feed, const char *channel,
                                    size_t channel_length, const char *message, size_t length)
{
    struct osy_revocation revocation;
    if (!is_ours(channel, channel_length))
        return false;
    if (osy_revocation_parse(message, length, &revocation))
        take(feed, &revocation);
    return true;
}

bool osy_revocation_feed_on_subscribed(struct osy_revocation_feed *feed, const char *channel,
                                       size_t channel_length)
{
    if (!is_ours(channel, channel_length))
        return false;
    feed->confirmed++;
    begin_query(feed); /* what was said while nobody listened */
    return true;
}

const struct osy_revocations *osy_revocation_feed_set(const struct osy_revocation_feed *feed)
{
    return feed->set;
}

bool osy_revocation_feed_is_current(const struct osy_revocation_feed *feed)
{
    return feed->is_complete && !feed->is_stale;
}
