#include "api/events/reconciler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "api/events/blocking_publisher.h"
#include "api/events/stream_keys.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/event.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking.h"

enum {
    CHUNK = 200,                   /* events read and published at a time */
    FULL_PASS_EVERY_MS = 5 * 60000 /* a flushed Redis keeps its run id */
};

/* What is known to be in Redis, so that a stream inside the margin is not asked for again and again. */
struct published_stream {
    struct osy_uuid restaurant_id; /* key */
    uint64_t seq;
    UT_hash_handle hh;
};

struct api_reconciler {
    struct api_reconciler_options options;
    struct api_blocking_publisher *publisher; /* owned */
    struct published_stream *known;
    char since[48]; /* "" : look at everything */
    char run_id[48];
    int64_t full_pass_due_ms;
    struct osy_metric *published, *failures, *behind;
};

struct api_reconciler *api_reconciler_create(const struct api_reconciler_options *options)
{
    struct api_reconciler *reconciler = osy_alloc(sizeof *reconciler);
    reconciler->options = *options;
    reconciler->publisher = api_blocking_publisher_create(options->redis, options->stream_max);
    reconciler->published =
        osy_metrics_counter(options->metrics, "reconciler_events_published_total",
                            "Events that Redis lacked and the reconciler published");
    reconciler->failures = osy_metrics_counter(options->metrics, "reconciler_failures_total",
                                               "Passes that PostgreSQL or Redis failed");
    reconciler->behind = osy_metrics_gauge(options->metrics, "reconciler_streams_behind",
                                           "Streams that lacked events in the last pass");
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

static void copy_run_id(void *context, const struct osy_redis_reply *reply,
                        const struct osy_error *err)
{
    char *run_id = context;
    static const char name[] = "run_id:";
    (void)err;
    const char *found = reply->text ? memmem(reply->text, reply->length, name, strlen(name)) : NULL;
    size_t length = found ? strcspn(found + strlen(name), "\r\n") : 0;
    if (length > 0 && length < sizeof((struct api_reconciler *)0)->run_id) {
        memcpy(run_id, found + strlen(name), length);
        run_id[length] = '\0';
    }
}

/* A Redis that was restarted may have lost its streams: nothing is known of it any more. */
static bool notice_restart(struct api_reconciler *reconciler, struct osy_error *err)
{
    char run_id[sizeof reconciler->run_id] = "";
    const char *argv[] = {"INFO", "server"};
    if (!osy_redis_blocking_command(reconciler->options.redis, 2, argv, NULL, copy_run_id, run_id,
                                    err))
        return false;
    int64_t now_ms = osy_clock_monotonic_ms();
    if (strcmp(run_id, reconciler->run_id) != 0 || now_ms >= reconciler->full_pass_due_ms) {
        forget_all(reconciler);
        memcpy(reconciler->run_id, run_id, sizeof run_id);
        reconciler->full_pass_due_ms = now_ms + FULL_PASS_EVERY_MS;
    }
    return true;
}

static void copy_last_id(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    uint64_t *seq = context;
    (void)err;
    *seq = 0;
    if (reply->type != OSY_REDIS_ARRAY || reply->count == 0)
        return;
    struct osy_redis_reply entry = osy_redis_reply_at(reply, 0);
    if (entry.type != OSY_REDIS_ARRAY || entry.count == 0)
        return;
    struct osy_redis_reply id = osy_redis_reply_at(&entry, 0); /* "<seq>-0", NUL-terminated */
    if (id.type == OSY_REDIS_STRING)
        *seq = strtoull(id.text, NULL, 10);
}

static bool find_last_published(struct api_reconciler *reconciler,
                                const struct osy_uuid *restaurant_id, uint64_t *seq,
                                struct osy_error *err)
{
    char key[API_STREAM_KEY_BYTES];
    api_stream_log_key(restaurant_id, key);
    const char *argv[] = {"XREVRANGE", key, "+", "-", "COUNT", "1"};
    return osy_redis_blocking_command(reconciler->options.redis, 6, argv, NULL, copy_last_id, seq,
                                      err);
}

/* A row of find_events.sql. Texts are borrowed from rows. */
static bool read_event(const PGresult *rows, int row, const struct osy_uuid *restaurant_id,
                       struct osy_event *event, struct osy_error *err)
{
    *event = (struct osy_event){
        .seq = strtoull(PQgetvalue(rows, row, 0), NULL, 10),
        .version = strtoull(PQgetvalue(rows, row, 2), NULL, 10), /* null: "", 0 */
        .restaurant_id = *restaurant_id,
        .type = PQgetvalue(rows, row, 4),
        .time_ms = strtoll(PQgetvalue(rows, row, 5), NULL, 10),
        .traceparent = PQgetvalue(rows, row, 6),
        .alert = PQgetvalue(rows, row, 7),
        .data = PQgetvalue(rows, row, 8),
        .data_length = (size_t)PQgetlength(rows, row, 8),
    };
    bool is_first = PQgetisnull(rows, row, 9);
    if (!osy_uuid_parse(PQgetvalue(rows, row, 1), 36, &event->order_id) ||
        !osy_uuid_parse(PQgetvalue(rows, row, 3), 36, &event->id) ||
        (!is_first && !osy_uuid_parse(PQgetvalue(rows, row, 9), 36, &event->previous_id)))
        return osy_error_set(err, OSY_ERR_INVALID, "order_events has a row with a bad id");
    return true;
}

/* Publishes up to CHUNK events after *last and moves *last on. *rows_left tells whether to go on. */
static bool publish_chunk(struct api_reconciler *reconciler, const struct osy_uuid *restaurant_id,
                          uint64_t *last, size_t *published, bool *rows_left, struct osy_error *err)
{
    char rid[OSY_UUID_TEXT_BYTES], after[24], limit[16];
    osy_uuid_format(restaurant_id, rid);
    snprintf(after, sizeof after, "%" PRIu64, *last);
    snprintf(limit, sizeof limit, "%d", CHUNK);
    PGresult *rows = osy_pg_query(reconciler->options.pg, sql_find_events, 3,
                                  (const char *const[]){rid, after, limit}, err);
    if (!rows)
        return false;
    bool ok = true;
    for (int row = 0; ok && row < PQntuples(rows); row++) {
        struct osy_event event;
        bool added = false;
        ok = read_event(rows, row, restaurant_id, &event, err) &&
             api_blocking_publisher_publish(reconciler->publisher, &event, &added, err);
        if (ok) {
            *last = event.seq;
            *published += added;
        }
    }
    *rows_left = PQntuples(rows) == CHUNK;
    PQclear(rows);
    return ok;
}

static bool reconcile_stream(struct api_reconciler *reconciler,
                             const struct osy_uuid *restaurant_id, uint64_t seq, size_t *published,
                             struct osy_error *err)
{
    struct published_stream *known = find_known(reconciler, restaurant_id);
    if (known->seq >= seq)
        return true;
    uint64_t last = 0;
    if (!find_last_published(reconciler, restaurant_id, &last, err))
        return false;
    if (last < seq) {
        osy_metric_inc(reconciler->behind);
        if (seq - last > reconciler->options.stream_max)
            last = seq - reconciler->options.stream_max;
    }
    for (bool rows_left = last < seq; rows_left;) {
        if (!publish_chunk(reconciler, restaurant_id, &last, published, &rows_left, err))
            return false;
    }
    known->seq = last;
    return true;
}

static bool reconcile_rows(struct api_reconciler *reconciler, const PGresult *rows,
                           size_t *published, struct osy_error *err)
{
    for (int row = 0; row < PQntuples(rows); row++) {
        struct osy_uuid restaurant_id;
        if (PQgetisnull(rows, row, 1))
            continue; /* no stream has changed */
        if (!osy_uuid_parse(PQgetvalue(rows, row, 1), 36, &restaurant_id))
            return osy_error_set(err, OSY_ERR_INVALID,
                                 "restaurant_streams has a row with a bad id");
        uint64_t seq = strtoull(PQgetvalue(rows, row, 2), NULL, 10);
        if (!reconcile_stream(reconciler, &restaurant_id, seq, published, err))
            return false;
    }
    return true;
}

static bool run_pass(struct api_reconciler *reconciler, size_t *published, struct osy_error *err)
{
    char grace[16];
    if (!notice_restart(reconciler, err))
        return false;
    snprintf(grace, sizeof grace, "%" PRIu32, reconciler->options.grace_ms);
    const char *values[] = {reconciler->since[0] ? reconciler->since : NULL, grace};
    PGresult *rows = osy_pg_query(reconciler->options.pg, sql_find_changed_streams, 2, values, err);
    if (!rows)
        return false;
    assert(PQntuples(rows) > 0);
    bool ok = reconcile_rows(reconciler, rows, published, err);
    if (ok)
        snprintf(reconciler->since, sizeof reconciler->since, "%s", PQgetvalue(rows, 0, 0));
    PQclear(rows);
    return ok;
}

bool api_reconciler_pass(struct api_reconciler *reconciler, size_t *published,
                         struct osy_error *err)
{
    *published = 0;
    osy_metric_set(reconciler->behind, 0);
    bool ok = OSY_BUG("reconciler_idle", "what its publisher lost is never published") ||
              run_pass(reconciler, published, err);
    osy_metric_add(reconciler->published, (double)*published);
    if (!ok) {
        forget_all(reconciler);
        osy_metric_inc(reconciler->failures);
    }
    return ok;
}
