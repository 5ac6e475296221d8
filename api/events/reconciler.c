#include "api/events/reconciler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "api/events/blocking_publisher.h"
#include "api/events/event_row.h"
#include "api/events/stream_keys.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/event.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

enum {
    CHUNK = 200,                    /* events read and published at a time */
    FULL_PASS_EVERY_MS = 5 * 60000, /* whatever else may have been overlooked */
    IDENTITY_BYTES = 48,            /* of a server */
};

/* Held by Redis beside the streams, so whoever loses them loses it, too. */
#define MARK_KEY "os:reconciler:mark"

/* An event's place in a stream; the id is nil when it is not known. */
struct place {
    uint64_t seq;
    struct osy_uuid id;
};

/* What is known to be in Redis, so that a stream inside the margin is not asked for again and again. */
struct published_stream {
    struct osy_uuid restaurant_id; /* key */
    struct place last;
    UT_hash_handle hh;
};

struct api_reconciler {
    struct api_reconciler_options options;
    struct api_blocking_publisher *publisher; /* owned */
    struct published_stream *known;
    char since[48];                /* "" : look at everything */
    struct osy_buffer redis;       /* who Redis is, and its data: run ids and the mark */
    char database[IDENTITY_BYTES]; /* who PostgreSQL is */
    int64_t full_pass_due_ms;
    size_t behind, told_behind; /* streams: in this pass, and what the gauge has of us */
};

void api_reconciler_metrics_init(struct api_reconciler_metrics *metrics,
                                 struct osy_metrics *registry)
{
    metrics->published =
        osy_metrics_counter(registry, "reconciler_events_published_total",
                            "Events that Redis lacked and the reconciler published");
    metrics->failures = osy_metrics_counter(registry, "reconciler_failures_total",
                                            "Passes that PostgreSQL or Redis failed");
    metrics->behind = osy_metrics_gauge(registry, "reconciler_streams_behind",
                                        "Streams that lacked events in the last pass");
}

struct api_reconciler *api_reconciler_create(const struct api_reconciler_options *options)
{
    struct api_reconciler *reconciler = osy_alloc(sizeof *reconciler);
    reconciler->options = *options;
    reconciler->publisher = api_blocking_publisher_create(options->redis, options->stream_max);
    return reconciler;
}

static void forget_all(struct api_reconciler *reconciler)
{
    struct published_stream *stream, *next;
    HASH_ITER(hh, reconciler->known, stream, next) {
        HASH_DEL(reconciler->known, stream);
        free(stream);
    }
    reconciler->since[0] = '\0';
}

void api_reconciler_destroy(struct api_reconciler *reconciler)
{
    if (!reconciler)
        return;
    forget_all(reconciler);
    api_blocking_publisher_destroy(reconciler->publisher);
    osy_buffer_deinit(&reconciler->redis);
    free(reconciler);
}

static struct published_stream *find_known(struct api_reconciler *reconciler,
                                           const struct osy_uuid *restaurant_id)
{
    struct published_stream *stream;
    HASH_FIND(hh, reconciler->known, restaurant_id, sizeof *restaurant_id, stream);
    if (stream)
        return stream;
    stream = osy_alloc(sizeof *stream);
    stream->restaurant_id = *restaurant_id;
    HASH_ADD(hh, reconciler->known, restaurant_id, sizeof stream->restaurant_id, stream);
    return stream;
}

static bool has_cluster(const struct api_reconciler *reconciler)
{
    return osy_redis_blocking_shards_is_cluster(reconciler->options.redis);
}

static bool is_ours(const struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id)
{
    return has_cluster(reconciler) ||
           osy_redis_blocking_shards_find(reconciler->options.redis, restaurant_id) ==
               reconciler->options.shard;
}

/* --- who Redis is ---------------------------------------------------------------------------- */

static void append_run_id(void *context, const struct osy_redis_reply *reply,
                          const struct osy_error *err)
{
    static const char name[] = "run_id:";
    (void)err;
    const char *found = reply->text ? memmem(reply->text, reply->length, name, strlen(name)) : NULL;
    if (found)
        osy_buffer_append(context, found, strcspn(found, "\r\n"));
}

static bool read_run_id(struct osy_redis_blocking *server, struct osy_buffer *identity,
                        struct osy_error *err)
{
    const char *argv[] = {"INFO", "server"};
    return osy_redis_blocking_command(server, 2, argv, NULL, append_run_id, identity, err);
}

static void append_mark(void *context, const struct osy_redis_reply *reply,
                        const struct osy_error *err)
{
    (void)err;
    if (reply->type == OSY_REDIS_STRING)
        osy_buffer_append(context, reply->text, reply->length);
}

/* A new mark is left where there is none, so a loss shows once to every reconciler, also when it happens in
 * the middle of a pass. */
static bool read_mark(struct osy_redis_blocking *server, struct osy_buffer *identity,
                      struct osy_error *err)
{
    char mark[OSY_UUID_TEXT_BYTES];
    struct osy_uuid id = osy_uuid_v4();
    osy_uuid_format(&id, mark);
    const char *leave[] = {"SET", MARK_KEY, mark, "NX"}, *read[] = {"GET", MARK_KEY};
    return osy_redis_blocking_command(server, 4, leave, NULL, NULL, NULL, err) &&
           osy_redis_blocking_command(server, 2, read, NULL, append_mark, identity, err);
}

/* A node that is away is another when it is back, most likely. Marks would need a key in each node's slots: a
 * node that was emptied, and not restarted, is found by the next full pass. */
static void identify_cluster(struct api_reconciler *reconciler, struct osy_buffer *identity)
{
    struct osy_redis_blocking_shards *redis = reconciler->options.redis;
    for (size_t i = 0; i < osy_redis_blocking_shards_count(redis); i++) {
        struct osy_redis_blocking *node = osy_redis_blocking_shards_at(redis, i);
        if (node && !read_run_id(node, identity, NULL))
            osy_buffer_text(identity, "away");
    }
}

static bool identify_server(struct api_reconciler *reconciler, struct osy_buffer *identity,
                            struct osy_error *err)
{
    struct osy_redis_blocking *server =
        osy_redis_blocking_shards_at(reconciler->options.redis, reconciler->options.shard);
    return read_run_id(server, identity, err) && read_mark(server, identity, err);
}

static bool is_same_text(const struct osy_buffer *a, const struct osy_buffer *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* A Redis that was restarted or emptied may have lost its streams: nothing is known of it any more. */
static bool notice_loss(struct api_reconciler *reconciler, struct osy_error *err)
{
    struct osy_buffer identity = OSY_BUFFER_INIT;
    bool ok = true;
    if (has_cluster(reconciler))
        identify_cluster(reconciler, &identity);
    else
        ok = identify_server(reconciler, &identity, err);
    int64_t now_ms = osy_clock_monotonic_ms();
    if (ok &&
        (!is_same_text(&identity, &reconciler->redis) || now_ms >= reconciler->full_pass_due_ms)) {
        forget_all(reconciler);
        osy_buffer_clear(&reconciler->redis);
        osy_buffer_append(&reconciler->redis, identity.bytes, identity.length);
        reconciler->full_pass_due_ms = now_ms + FULL_PASS_EVERY_MS;
    }
    osy_buffer_deinit(&identity);
    return ok;
}

/* --- a stream in Redis ---------------------------------------------------------------------- */

struct search {
    const struct osy_uuid *restaurant_id;
    struct place found;
};

/* [id, [field, envelope]] */
static void read_entry(const struct osy_redis_reply *entry, struct search *search)
{
    struct osy_redis_reply id = osy_redis_reply_at(entry, 0); /* "<seq>-0", NUL-terminated */
    struct osy_redis_reply fields = osy_redis_reply_at(entry, 1);
    if (id.type != OSY_REDIS_STRING || fields.type != OSY_REDIS_ARRAY || fields.count != 2)
        return;
    struct osy_redis_reply text = osy_redis_reply_at(&fields, 1);
    struct osy_envelope envelope = {0};
    search->found.seq = strtoull(id.text, NULL, 10);
    if (text.type == OSY_REDIS_STRING &&
        osy_envelope_parse(text.text, text.length, search->restaurant_id, &envelope, NULL))
        search->found.id = envelope.id;
}

static void copy_entry(void *context, const struct osy_redis_reply *reply,
                       const struct osy_error *err)
{
    (void)err;
    if (reply->type != OSY_REDIS_ARRAY || reply->count == 0)
        return;
    struct osy_redis_reply entry = osy_redis_reply_at(reply, 0);
    if (entry.type == OSY_REDIS_ARRAY && entry.count == 2)
        read_entry(&entry, context);
}

/* The newest that Redis has up to number seq; seq 0 when there is none. */
static bool find_published(struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id,
                           uint64_t seq, struct place *found, struct osy_error *err)
{
    struct search search = {.restaurant_id = restaurant_id};
    char key[API_STREAM_KEY_BYTES], upto[24];
    api_stream_log_key(restaurant_id, key);
    snprintf(upto, sizeof upto, "%" PRIu64, seq);
    const char *argv[] = {"XREVRANGE", key, upto, "-", "COUNT", "1"};
    bool ok = osy_redis_blocking_shards_command(reconciler->options.redis, restaurant_id, 6, argv,
                                                NULL, copy_entry, &search, err);
    *found = search.found;
    return ok;
}

static bool is_same(const struct place *a, const struct place *b)
{
    return a->seq == b->seq && osy_uuid_equal(&a->id, &b->id);
}

/* Whether what Redis has, the newest of it up to the head being at, contradicts the head: another event in its
 * place, or later ones alone. */
static bool check_head(struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id,
                       const struct place *head, const struct place *at, bool *is_contradicted,
                       struct osy_error *err)
{
    struct place newest = *at;
    if (at->seq == 0 && !find_published(reconciler, restaurant_id, UINT64_MAX, &newest, err))
        return false;
    *is_contradicted = newest.seq >= head->seq && !is_same(&newest, head);
    return true;
}

/* What Redis has is of a history that PostgreSQL has lost: away with it. What the API publishes
 * meanwhile stays behind a hole, which hubs fill from PostgreSQL. */
static bool start_over(struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id,
                       const struct place *head, struct place *at, struct osy_error *err)
{
    char key[API_STREAM_KEY_BYTES];
    api_stream_log_key(restaurant_id, key);
    uint64_t most = reconciler->options.stream_max;
    *at = (struct place){.seq = head->seq > most ? head->seq - most : 0};
    return osy_redis_blocking_shards_command(reconciler->options.redis, restaurant_id, 2,
                                             (const char *[]){"DEL", key}, NULL, NULL, NULL, err);
}

/* --- publishing ----------------------------------------------------------------------------- */

/* Publishes an event, if it is the one behind *at, and moves *at on. */
static bool publish_next(struct api_reconciler *reconciler, const struct osy_event *event,
                         struct place *at, size_t *published, struct osy_error *err)
{
    bool added = false;
    if (!api_blocking_publisher_publish(reconciler->publisher, event, &added, err))
        return false;
    *at = (struct place){event->seq, event->id};
    *published += added;
    return true;
}

static bool contradicts(const struct place *at, const struct osy_event *next)
{
    return !osy_uuid_is_nil(&at->id) && !osy_uuid_equal(&at->id, &next->previous_id);
}

/* Publishes up to CHUNK events after *at and moves it on. *rows_left tells whether to go on. */
static bool publish_chunk(struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id,
                          const struct place *head, struct place *at, size_t *published,
                          bool *rows_left, struct osy_error *err)
{
    char rid[OSY_UUID_TEXT_BYTES], after[24], limit[16];
    osy_uuid_format(restaurant_id, rid);
    snprintf(after, sizeof after, "%" PRIu64, at->seq);
    snprintf(limit, sizeof limit, "%d", CHUNK);
    PGresult *rows = osy_pg_query(reconciler->options.pg, sql_find_events, 3,
                                  (const char *const[]){rid, after, limit}, err);
    if (!rows)
        return false;
    bool ok = true, goes_on = true;
    for (int row = 0; ok && goes_on && row < PQntuples(rows); row++) {
        struct osy_event event;
        ok = api_event_row_read(rows, row, restaurant_id, &event, err);
        goes_on = ok && !contradicts(at, &event);
        if (ok)
            ok = goes_on ? publish_next(reconciler, &event, at, published, err)
                         : start_over(reconciler, restaurant_id, head, at, err);
    }
    *rows_left = !goes_on || PQntuples(rows) == CHUNK;
    PQclear(rows);
    return ok;
}

static bool reconcile_stream(struct api_reconciler *reconciler,
                             const struct osy_uuid *restaurant_id, const struct place *head,
                             size_t *published, struct osy_error *err)
{
    struct published_stream *known = find_known(reconciler, restaurant_id);
    if (is_same(&known->last, head))
        return true;
    struct place at;
    if (!find_published(reconciler, restaurant_id, head->seq, &at, err))
        return false;
    bool is_other;
    if (!check_head(reconciler, restaurant_id, head, &at, &is_other, err) ||
        (is_other && !start_over(reconciler, restaurant_id, head, &at, err)))
        return false;
    if (at.seq < head->seq)
        reconciler->behind++;
    if (head->seq - at.seq > reconciler->options.stream_max)
        at = (struct place){.seq = head->seq - reconciler->options.stream_max};
    for (bool rows_left = at.seq < head->seq; rows_left;) {
        if (!publish_chunk(reconciler, restaurant_id, head, &at, published, &rows_left, err))
            return false;
    }
    known->last = at;
    return true;
}

/* Columns of find_changed_streams.sql. */
enum { STREAM_SINCE = 0, STREAM_SERVER, STREAM_RESTAURANT, STREAM_SEQ, STREAM_EVENT };

/* The first failure of a server is enough for the rest of its streams, and no other's. */
static bool reconcile_rows(struct api_reconciler *reconciler, const PGresult *rows,
                           size_t *published, struct osy_error *err)
{
    uint64_t away = 0; /* a bit for each place */
    for (int row = 0; row < PQntuples(rows); row++) {
        struct osy_uuid restaurant_id;
        struct place head;
        if (PQgetisnull(rows, row, STREAM_RESTAURANT))
            continue; /* no stream has changed */
        if (!osy_uuid_parse(PQgetvalue(rows, row, STREAM_RESTAURANT), 36, &restaurant_id) ||
            !osy_uuid_parse(PQgetvalue(rows, row, STREAM_EVENT), 36, &head.id))
            return osy_error_set(err, OSY_ERR_INVALID,
                                 "restaurant_streams has a row with a bad id");
        head.seq = strtoull(PQgetvalue(rows, row, STREAM_SEQ), NULL, 10);
        uint64_t bit = UINT64_C(1)
                       << osy_redis_blocking_shards_find(reconciler->options.redis, &restaurant_id);
        if (is_ours(reconciler, &restaurant_id) && !(away & bit) &&
            !reconcile_stream(reconciler, &restaurant_id, &head, published, err))
            away |= bit;
    }
    return away == 0;
}

static PGresult *find_changed_streams(struct api_reconciler *reconciler, struct osy_error *err)
{
    char grace[16];
    snprintf(grace, sizeof grace, "%" PRIu32, reconciler->options.grace_ms);
    const char *values[] = {reconciler->since[0] ? reconciler->since : NULL, grace};
    PGresult *rows = osy_pg_query(reconciler->options.pg, sql_find_changed_streams, 2, values, err);
    assert(!rows || PQntuples(rows) > 0);
    return rows;
}

/* Another PostgreSQL than before, a promoted standby or a restored backup, may have gone back in time, and then no
 * stream there has changed lately. */
static bool notice_other_database(struct api_reconciler *reconciler, const PGresult *rows)
{
    const char *server = PQgetvalue(rows, 0, STREAM_SERVER);
    bool is_other = strcmp(server, reconciler->database) != 0;
    snprintf(reconciler->database, sizeof reconciler->database, "%s", server);
    if (is_other)
        forget_all(reconciler);
    return is_other;
}

static bool run_pass(struct api_reconciler *reconciler, size_t *published, struct osy_error *err)
{
    if (!notice_loss(reconciler, err))
        return false;
    PGresult *rows = find_changed_streams(reconciler, err);
    if (rows && notice_other_database(reconciler, rows)) {
        PQclear(rows);
        rows = find_changed_streams(reconciler, err);
    }
    bool ok = rows && reconcile_rows(reconciler, rows, published, err);
    if (ok)
        snprintf(reconciler->since, sizeof reconciler->since, "%s",
                 PQgetvalue(rows, 0, STREAM_SINCE));
    PQclear(rows);
    return ok;
}

bool api_reconciler_pass(struct api_reconciler *reconciler, size_t *published,
                         struct osy_error *err)
{
    const struct api_reconciler_metrics *metrics = &reconciler->options.metrics;
    *published = 0;
    reconciler->behind = 0;
    bool ok = OSY_BUG("reconciler_idle", "what its publisher lost is never published") ||
              run_pass(reconciler, published, err);
    osy_metric_add(metrics->published, (double)*published);
    osy_metric_add(metrics->behind, (double)reconciler->behind - (double)reconciler->told_behind);
    reconciler->told_behind = reconciler->behind;
    if (!ok) {
        if (has_cluster(reconciler)) /* what is known of the other nodes holds */
            reconciler->since[0] = '\0';
        else
            forget_all(reconciler);
        osy_metric_inc(metrics->failures);
    }
    return ok;
}
