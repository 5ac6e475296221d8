/*
 * The reconciler between a real PostgreSQL (DATABASE_URL, see with_postgres) and a real Redis. Events are
 * committed and not published, as by an API process that died in between; what then stands in the stream
 * and what a subscriber hears is held against what was committed. Every test has a Redis of its own and
 * takes its events away again, because a pass looks at every restaurant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "api/events/blocking_publisher.h"
#include "api/events/reconciler.h"
#include "api/events/stream_keys.h"
#include "shared/alloc.h"
#include "shared/error.h"
#include "shared/event.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis.h"
#include "shared/redis_blocking_shards.h"
#include "shared/uuid.h"
#include "tests/integration/redis/server.h"
#include "tests/integration/writer/database.h"

enum {
    HEARD_MAX = 4096,
    REDIS_TIMEOUT_MS = 30000,
    STREAM_MAX = 100000,
    LONG_GRACE_MS = 3600000,
    TWO_CHUNKS = 400, /* the reconciler reads 200 at a time */
};
#define END_MARK "end"

/* A reconciler with all that it needs of its own, as a process has. */
struct worker {
    struct osy_metrics *metrics;
    struct osy_pg *pg;
    struct osy_redis_blocking_shards *redis;
    struct api_reconciler *reconciler;
};

struct numbers {
    uint64_t all[HEARD_MAX];
    size_t count;
};

struct fixture {
    struct server server;
    struct osy_pg *pg;
    struct osy_uuid restaurant_id;
    struct worker worker;
    uv_loop_t loop;
    struct osy_redis *subscriber;
    char channel[API_STREAM_KEY_BYTES];
    bool is_subscribed, has_ended;
    struct numbers heard;
};

/* ---- help ---- */

static struct worker make_worker(const struct fixture *f, uint32_t grace_ms, uint64_t stream_max)
{
    struct osy_error err = {0};
    struct worker worker = {
        .metrics = osy_metrics_create(),
        .pg = osy_pg_create(&(struct osy_pg_options){.url = database_url_as("ordersync_worker"),
                                                     .application_name = "test"}),
        .redis = osy_redis_blocking_shards_create(f->server.url, REDIS_TIMEOUT_MS, &err),
    };
    struct api_reconciler_metrics counts;
    assert_non_null(worker.redis);
    api_reconciler_metrics_init(&counts, worker.metrics);
    worker.reconciler =
        api_reconciler_create(&(struct api_reconciler_options){.pg = worker.pg,
                                                               .redis = worker.redis,
                                                               .metrics = counts,
                                                               .grace_ms = grace_ms,
                                                               .stream_max = stream_max});
    return worker;
}

static void end_worker(struct worker *worker)
{
    api_reconciler_destroy(worker->reconciler);
    osy_redis_blocking_shards_destroy(worker->redis);
    osy_pg_destroy(worker->pg);
    osy_metrics_destroy(worker->metrics);
}

static size_t run_pass(struct worker *worker)
{
    struct osy_error err = {0};
    size_t published = 0;
    if (!api_reconciler_pass(worker->reconciler, &published, &err))
        fail_msg("%s", err.message);
    return published;
}

/* What the order writer leaves behind, count times, in one transaction. */
static void commit_events(struct fixture *f, int count)
{
    char id[OSY_UUID_TEXT_BYTES], number[16];
    osy_uuid_format(&f->restaurant_id, id);
    snprintf(number, sizeof number, "%d", count);
    PQclear(database_query(
        f->pg,
        "WITH fresh AS MATERIALIZED ("
        "    SELECT n, gen_random_uuid() AS id FROM generate_series(1, $2::integer) AS n),"
        " stream AS (UPDATE restaurant_streams"
        "    SET seq = seq + $2::integer, updated_at = clock_timestamp(),"
        "        last_event_id = (SELECT id FROM fresh WHERE n = $2::integer)"
        "    WHERE restaurant_id = $1::uuid RETURNING seq)"
        " INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time,"
        "                           data)"
        " SELECT $1::uuid, seq - $2::integer + n, gen_random_uuid(), 1,"
        "        id, 'order.created', clock_timestamp(), '{\"n\":' || n || '}'"
        "   FROM stream, fresh",
        2, (const char *const[]){id, number}));
}

static void emit_restaurant_event(struct fixture *f)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->restaurant_id, id);
    PQclear(database_query(f->pg,
                           "SELECT emit_restaurant_event($1::uuid, 'menu.updated', $1::uuid,"
                           "                             '{\"kind\":\"items\"}')",
                           1, (const char *const[]){id}));
}

/* What the promotion of a standby that lagged leaves of the history. */
static void go_back_to(struct fixture *f, int seq)
{
    char id[OSY_UUID_TEXT_BYTES], number[16];
    osy_uuid_format(&f->restaurant_id, id);
    snprintf(number, sizeof number, "%d", seq);
    const char *values[] = {id, number};
    PQclear(database_query(
        f->pg, "DELETE FROM order_events WHERE restaurant_id = $1::uuid AND seq > $2::bigint", 2,
        values));
    PQclear(database_query(
        f->pg,
        "UPDATE restaurant_streams SET (seq, last_event_id) ="
        "    (SELECT seq, id FROM order_events WHERE restaurant_id = $1::uuid AND seq = $2::bigint)"
        " WHERE restaurant_id = $1::uuid",
        2, values));
}

static uint64_t envelope_seq(const struct fixture *f, const char *bytes, size_t length)
{
    struct osy_envelope envelope;
    struct osy_error err = {0};
    if (!osy_envelope_parse(bytes, length, &f->restaurant_id, &envelope, &err))
        fail_msg("%s", err.message);
    return envelope.seq;
}

static void add_number(struct numbers *numbers, uint64_t number)
{
    assert_true(numbers->count < HEARD_MAX);
    numbers->all[numbers->count++] = number;
}

/* first to last, each once and in order; none at all when last is before first. */
static void assert_numbers(const struct numbers *numbers, uint64_t first, uint64_t last)
{
    assert_int_equal(numbers->count, last + 1 - first);
    for (size_t i = 0; i < numbers->count; i++)
        assert_int_equal(numbers->all[i], first + i);
}

struct reading {
    const struct fixture *fixture;
    struct numbers found;
};

static void read_entries(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    struct reading *reading = context;
    (void)err;
    for (size_t i = 0; i < reply->count; i++) {
        struct osy_redis_reply entry = osy_redis_reply_at(reply, i);
        struct osy_redis_reply id = osy_redis_reply_at(&entry, 0);
        struct osy_redis_reply fields = osy_redis_reply_at(&entry, 1);
        struct osy_redis_reply envelope = osy_redis_reply_at(&fields, 1);
        uint64_t seq = envelope_seq(reading->fixture, envelope.text, envelope.length);
        assert_int_equal(strtoull(id.text, NULL, 10), seq);
        add_number(&reading->found, seq);
    }
}

static void command(struct worker *worker, int argc, const char *const *argv, osy_redis_reply_fn fn,
                    void *context)
{
    struct osy_error err = {0};
    const struct osy_uuid nobody = {{0}};
    if (!osy_redis_blocking_shards_command(worker->redis, &nobody, argc, argv, NULL, fn, context,
                                           &err))
        fail_msg("%s: %s", argv[0], err.message);
}

static void assert_stream(struct fixture *f, uint64_t first, uint64_t last)
{
    struct reading *reading = osy_alloc(sizeof *reading);
    char key[API_STREAM_KEY_BYTES];
    reading->fixture = f;
    api_stream_log_key(&f->restaurant_id, key);
    command(&f->worker, 4, (const char *const[]){"XRANGE", key, "-", "+"}, read_entries, reading);
    assert_numbers(&reading->found, first, last);
    free(reading);
}

/* The id of event number seq, as PostgreSQL has it. */
static void read_true_id(struct fixture *f, uint64_t seq, char id[OSY_UUID_TEXT_BYTES])
{
    char restaurant_id[OSY_UUID_TEXT_BYTES], number[24];
    osy_uuid_format(&f->restaurant_id, restaurant_id);
    snprintf(number, sizeof number, "%" PRIu64, seq);
    PGresult *rows = database_query(
        f->pg, "SELECT id FROM order_events WHERE restaurant_id = $1::uuid AND seq = $2::bigint", 2,
        (const char *const[]){restaurant_id, number});
    assert_int_equal(PQntuples(rows), 1);
    snprintf(id, OSY_UUID_TEXT_BYTES, "%s", PQgetvalue(rows, 0, 0));
    PQclear(rows);
}

static void check_ids(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct fixture *f = context;
    (void)err;
    for (size_t i = 0; i < reply->count; i++) {
        struct osy_redis_reply entry = osy_redis_reply_at(reply, i);
        struct osy_redis_reply fields = osy_redis_reply_at(&entry, 1);
        struct osy_redis_reply text = osy_redis_reply_at(&fields, 1);
        struct osy_envelope envelope;
        char id[OSY_UUID_TEXT_BYTES], true_id[OSY_UUID_TEXT_BYTES];
        assert_true(osy_envelope_parse(text.text, text.length, &f->restaurant_id, &envelope, NULL));
        osy_uuid_format(&envelope.id, id);
        read_true_id(f, envelope.seq, true_id);
        assert_string_equal(id, true_id);
    }
}

/* The stream has these, and they are PostgreSQL's. */
static void assert_true_stream(struct fixture *f, uint64_t first, uint64_t last)
{
    char key[API_STREAM_KEY_BYTES];
    assert_stream(f, first, last);
    api_stream_log_key(&f->restaurant_id, key);
    command(&f->worker, 4, (const char *const[]){"XRANGE", key, "-", "+"}, check_ids, f);
}

/* ---- the subscriber ---- */

static void on_subscribed(void *context, const char *channel, size_t length)
{
    struct fixture *f = context;
    if (strlen(f->channel) == length && memcmp(f->channel, channel, length) == 0)
        f->is_subscribed = true;
}

static void on_message(void *context, const char *channel, size_t channel_length,
                       const char *message, size_t length)
{
    struct fixture *f = context;
    (void)channel;
    (void)channel_length;
    if (length == strlen(END_MARK) && memcmp(message, END_MARK, length) == 0)
        f->has_ended = true;
    else
        add_number(&f->heard, envelope_seq(f, message, length));
}

static void wait_until(struct fixture *f, const bool *condition)
{
    while (!*condition)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* A channel keeps the order of its messages: what is not heard before our mark was not published. Takes
 * what was heard since the last time. */
static void assert_heard(struct fixture *f, uint64_t first, uint64_t last)
{
    f->has_ended = false;
    command(&f->worker, 3, (const char *const[]){"PUBLISH", f->channel, END_MARK}, NULL, NULL);
    wait_until(f, &f->has_ended);
    assert_numbers(&f->heard, first, last);
    f->heard.count = 0;
}

static void assert_silence(struct fixture *f)
{
    assert_heard(f, 1, 0);
}

/* Redis comes back with nothing in it; the subscriber has found it again. */
static void restart_redis(struct fixture *f)
{
    f->is_subscribed = false;
    server_kill(&f->server);
    server_start(&f->server);
    wait_until(f, &f->is_subscribed);
}

/* ---- */

/* As the API does after its commit: the newest event alone. */
static void publish_newest(struct fixture *f)
{
    char restaurant_id[OSY_UUID_TEXT_BYTES];
    struct osy_error err = {0};
    osy_uuid_format(&f->restaurant_id, restaurant_id);
    PGresult *rows =
        database_query(f->pg,
                       "SELECT seq, id, order_id FROM order_events WHERE restaurant_id = $1::uuid"
                       " ORDER BY seq DESC LIMIT 1",
                       1, (const char *const[]){restaurant_id});
    struct osy_event event = {
        .seq = strtoull(PQgetvalue(rows, 0, 0), NULL, 10),
        .version = 1,
        .restaurant_id = f->restaurant_id,
        .type = "order.created",
        .data = "{}",
        .data_length = 2,
    };
    assert_true(osy_uuid_parse(PQgetvalue(rows, 0, 1), 36, &event.id));
    assert_true(osy_uuid_parse(PQgetvalue(rows, 0, 2), 36, &event.order_id));
    PQclear(rows);
    struct api_blocking_publisher *publisher =
        api_blocking_publisher_create(f->worker.redis, STREAM_MAX);
    bool added = false;
    if (!api_blocking_publisher_publish(publisher, &event, &added, &err))
        fail_msg("%s", err.message);
    api_blocking_publisher_destroy(publisher);
}

static int set_up(void **state)
{
    struct osy_error err = {0};
    struct fixture *f = osy_alloc(sizeof *f);
    server_make(&f->server);
    server_start(&f->server);
    f->pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    database_add_restaurant(f->pg, &f->restaurant_id, NULL, 0);
    f->worker = make_worker(f, 0, STREAM_MAX);
    uv_loop_init(&f->loop);
    f->subscriber = osy_redis_create(&f->loop,
                                     &(struct osy_redis_options){.url = f->server.url,
                                                                 .want_subscriptions = true,
                                                                 .on_message = on_message,
                                                                 .on_subscribed = on_subscribed,
                                                                 .context = f},
                                     &err);
    assert_non_null(f->subscriber);
    api_stream_live_channel(&f->restaurant_id, f->channel);
    osy_redis_subscribe(f->subscriber, f->channel);
    wait_until(f, &f->is_subscribed);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->restaurant_id, id);
    PQclear(database_query(f->pg, "DELETE FROM order_events WHERE restaurant_id = $1::uuid", 1,
                           (const char *const[]){id}));
    PQclear(database_query(f->pg, "DELETE FROM restaurant_streams WHERE restaurant_id = $1::uuid",
                           1, (const char *const[]){id}));
    osy_redis_destroy(f->subscriber);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_loop_close(&f->loop);
    end_worker(&f->worker);
    osy_pg_destroy(f->pg);
    server_remove(&f->server);
    free(f);
    return 0;
}

/* ---- tests ---- */

static void committed_events_are_published_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    commit_events(f, TWO_CHUNKS + 50);
    assert_int_equal(run_pass(&f->worker), TWO_CHUNKS + 50);
    assert_heard(f, 1, TWO_CHUNKS + 50);
    assert_int_equal(run_pass(&f->worker), 0);
    assert_silence(f);
    assert_stream(f, 1, TWO_CHUNKS + 50);
}

/* The last chunk is full: whether more follows shows only at the next. */
static void an_event_of_the_restaurant_alone_takes_its_place_between_those_of_orders(void **state)
{
    struct fixture *f = *state;
    commit_events(f, 2);
    emit_restaurant_event(f);
    commit_events(f, 2);
    assert_int_equal(run_pass(&f->worker), 5);
    assert_heard(f, 1, 5);
    assert_true_stream(f, 1, 5);
}

static void a_whole_number_of_chunks_ends(void **state)
{
    struct fixture *f = *state;
    commit_events(f, TWO_CHUNKS);
    assert_int_equal(run_pass(&f->worker), TWO_CHUNKS);
    assert_heard(f, 1, TWO_CHUNKS);
    assert_stream(f, 1, TWO_CHUNKS);
}

static void nothing_to_do_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run_pass(&f->worker), 0);
    assert_int_equal(run_pass(&f->worker), 0);
    assert_silence(f);
    assert_stream(f, 1, 0);
}

static void later_events_are_seen_by_later_passes(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 5; seq++) {
        commit_events(f, 1);
        assert_int_equal(run_pass(&f->worker), 1);
        assert_heard(f, seq, seq);
    }
    assert_stream(f, 1, 5);
}

/* As after the death of a process that had published a part: a new one knows only what Redis says. */
static void a_stream_that_stops_in_the_middle_is_continued(void **state)
{
    struct fixture *f = *state;
    commit_events(f, 30);
    run_pass(&f->worker);
    assert_heard(f, 1, 30);
    commit_events(f, 40);
    struct worker other = make_worker(f, 0, STREAM_MAX);
    assert_int_equal(run_pass(&other), 40);
    assert_heard(f, 31, 70);
    assert_stream(f, 1, 70);
    end_worker(&other);
    assert_int_equal(run_pass(&f->worker), 0);
    assert_silence(f);
}

static void what_is_young_is_left_to_the_api(void **state)
{
    struct fixture *f = *state;
    struct worker patient = make_worker(f, LONG_GRACE_MS, STREAM_MAX);
    commit_events(f, 3);
    assert_int_equal(run_pass(&patient), 0);
    assert_silence(f);
    end_worker(&patient);
    assert_int_equal(run_pass(&f->worker), 3);
    assert_heard(f, 1, 3);
}

static void only_what_a_stream_keeps_is_published(void **state)
{
    struct fixture *f = *state;
    struct worker frugal = make_worker(f, 0, 20);
    commit_events(f, 50);
    assert_int_equal(run_pass(&frugal), 20);
    assert_heard(f, 31, 50);
    end_worker(&frugal);
}

static void a_pass_without_redis_fails_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct osy_error err = {0};
    size_t published = 0;
    commit_events(f, 10);
    run_pass(&f->worker);
    assert_heard(f, 1, 10);
    f->is_subscribed = false;
    server_kill(&f->server);
    commit_events(f, 5);
    assert_false(api_reconciler_pass(f->worker.reconciler, &published, &err));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_int_equal(published, 0);
    server_start(&f->server);
    wait_until(f, &f->is_subscribed);
    assert_int_equal(run_pass(&f->worker), 15);
    assert_heard(f, 1, 15);
    assert_stream(f, 1, 15);
}

/* No pass has failed in between, and no stream has changed: the run id alone tells that Redis is empty. */
static void a_redis_that_was_restarted_empty_is_filled_again(void **state)
{
    struct fixture *f = *state;
    commit_events(f, 25);
    run_pass(&f->worker);
    assert_heard(f, 1, 25);
    restart_redis(f);
    assert_int_equal(run_pass(&f->worker), 25);
    assert_heard(f, 1, 25);
    assert_stream(f, 1, 25);
}

/* The same run id, no failure, no change: only the mark is missing. */
static void a_redis_that_was_emptied_is_filled_again(void **state)
{
    struct fixture *f = *state;
    commit_events(f, 25);
    run_pass(&f->worker);
    assert_heard(f, 1, 25);
    command(&f->worker, 1, (const char *const[]){"FLUSHALL"}, NULL, NULL);
    assert_int_equal(run_pass(&f->worker), 25);
    assert_heard(f, 1, 25);
    assert_true_stream(f, 1, 25);
    assert_int_equal(run_pass(&f->worker), 0);
}

/* ---- a database that went back ---- */

struct branch {
    int committed, kept, new;
};

static void assert_replaced(struct fixture *f, struct worker *worker, const struct branch *branch)
{
    commit_events(f, branch->committed);
    run_pass(worker);
    go_back_to(f, branch->kept);
    commit_events(f, branch->new);
    run_pass(worker);
    assert_true_stream(f, 1, (uint64_t)(branch->kept + branch->new));
}

static void a_lost_history_is_replaced_below_its_end(void **state)
{
    struct fixture *f = *state;
    assert_replaced(f, &f->worker, &(struct branch){.committed = 30, .kept = 20, .new = 5});
}

static void a_lost_history_is_replaced_at_its_end(void **state)
{
    struct fixture *f = *state;
    assert_replaced(f, &f->worker, &(struct branch){.committed = 30, .kept = 20, .new = 10});
}

static void a_lost_history_is_replaced_beyond_its_end(void **state)
{
    struct fixture *f = *state;
    assert_replaced(f, &f->worker, &(struct branch){.committed = 30, .kept = 20, .new = 300});
}

static void a_lost_history_is_replaced_when_the_stream_has_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct worker frugal = make_worker(f, 0, 20);
    commit_events(f, 60);
    run_pass(&frugal);
    end_worker(&frugal);
    go_back_to(f, 10);
    commit_events(f, 3);
    assert_int_equal(run_pass(&f->worker), 13);
    assert_true_stream(f, 1, 13);
}

/* The API's own publication is enough, and its event is heard. */
static void a_publisher_replaces_a_lost_history(void **state)
{
    struct fixture *f = *state;
    commit_events(f, 10);
    run_pass(&f->worker);
    assert_heard(f, 1, 10);
    go_back_to(f, 7);
    commit_events(f, 1);
    publish_newest(f);
    assert_heard(f, 8, 8);
    assert_true_stream(f, 8, 8);
    publish_newest(f);
    assert_silence(f);
    assert_true_stream(f, 8, 8);
}

/* ---- two at once ---- */

struct racer {
    struct worker worker;
    pthread_barrier_t *start;
    pthread_t thread;
    size_t published;
    bool ok;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct osy_error err = {0};
    pthread_barrier_wait(racer->start);
    racer->ok = api_reconciler_pass(racer->worker.reconciler, &racer->published, &err);
    return NULL;
}

static void two_reconcilers_publish_each_event_once(void **state)
{
    enum { ROUNDS = 10, EVENTS = 230 };
    struct fixture *f = *state;
    struct racer racers[2];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (size_t i = 0; i < 2; i++)
        racers[i] = (struct racer){.worker = make_worker(f, 0, STREAM_MAX), .start = &start};
    for (uint64_t round = 0; round < ROUNDS; round++) {
        commit_events(f, EVENTS);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        for (size_t i = 0; i < 2; i++)
            pthread_join(racers[i].thread, NULL);
        assert_true(racers[0].ok && racers[1].ok);
        assert_int_equal(racers[0].published + racers[1].published, EVENTS);
        assert_heard(f, round * EVENTS + 1, (round + 1) * EVENTS);
    }
    assert_stream(f, 1, ROUNDS * EVENTS);
    for (size_t i = 0; i < 2; i++)
        end_worker(&racers[i].worker);
    pthread_barrier_destroy(&start);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(committed_events_are_published_once_and_in_order),
        TEST(an_event_of_the_restaurant_alone_takes_its_place_between_those_of_orders),
        TEST(a_whole_number_of_chunks_ends),
        TEST(nothing_to_do_publishes_nothing),
        TEST(later_events_are_seen_by_later_passes),
        TEST(a_stream_that_stops_in_the_middle_is_continued),
        TEST(what_is_young_is_left_to_the_api),
        TEST(only_what_a_stream_keeps_is_published),
        TEST(a_pass_without_redis_fails_and_loses_nothing),
        TEST(a_redis_that_was_restarted_empty_is_filled_again),
        TEST(a_redis_that_was_emptied_is_filled_again),
        TEST(a_lost_history_is_replaced_below_its_end),
        TEST(a_lost_history_is_replaced_at_its_end),
        TEST(a_lost_history_is_replaced_beyond_its_end),
        TEST(a_lost_history_is_replaced_when_the_stream_has_nothing_else),
        TEST(a_publisher_replaces_a_lost_history),
        TEST(two_reconcilers_publish_each_event_once),
    };
    signal(SIGPIPE, SIG_IGN);
    osy_log_init("test_reconciler", OSY_LOG_ERROR);
    return cmocka_run_group_tests(tests, database_migrate, NULL);
}
