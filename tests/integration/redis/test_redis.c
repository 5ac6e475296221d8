#include "shared/redis.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/alloc.h"
#include "shared/redis_blocking.h"
#include "tests/integration/redis/server.h"

/* How long a test waits for something that must happen before it is called a failure. */
#define PATIENCE_MS 60000

/* Everything that a client has told us, and the client itself. */
struct world {
    uv_loop_t loop;
    uv_timer_t patience;
    bool out_of_patience;
    struct server server;
    struct osy_redis_options options;
    struct osy_redis *redis; /* NULL once destroyed */
    bool commands_up, subscriptions_up;
    int state_changes, subscribed, messages;
    char last_channel[64], last_message[64];
    int expected_number; /* the burst test: what the next message says */
    int lost;
    char last_lost[64], last_reason[64];
};

static void on_state(void *context, bool commands_up, bool subscriptions_up)
{
    struct world *world = context;

    world->commands_up = commands_up;
    world->subscriptions_up = subscriptions_up;
    world->state_changes++;
}

static void on_subscribed(void *context, const char *channel, size_t length)
{
    struct world *world = context;

    (void)channel, (void)length;
    world->subscribed++;
}

static void on_message(void *context, const char *channel, size_t channel_length,
                       const char *message, size_t length)
{
    struct world *world = context;

    world->messages++;
    snprintf(world->last_channel, sizeof world->last_channel, "%.*s", (int)channel_length, channel);
    snprintf(world->last_message, sizeof world->last_message, "%.*s", (int)length, message);
}

static void on_lost(void *context, const char *channel, size_t length, const char *reason)
{
    struct world *world = context;

    world->lost++;
    snprintf(world->last_lost, sizeof world->last_lost, "%.*s", (int)length, channel);
    snprintf(world->last_reason, sizeof world->last_reason, "%s", reason ? reason : "");
}

static void on_patience_lost(uv_timer_t *timer)
{
    struct world *world = timer->data;

    world->out_of_patience = true;
}

/* Runs the loop until condition holds. Time is only the limit after which the test fails. */
#define WAIT_FOR(world, condition)                                            \
    do {                                                                      \
        uv_timer_start(&(world)->patience, on_patience_lost, PATIENCE_MS, 0); \
        while (!(condition) && !(world)->out_of_patience)                     \
            uv_run(&(world)->loop, UV_RUN_ONCE);                              \
        uv_timer_stop(&(world)->patience);                                    \
        if (!(condition))                                                     \
            fail_msg("waited in vain for: %s", #condition);                   \
    } while (0)

static int make_world(void **state)
{
    struct world *world = osy_alloc(sizeof *world);

    *state = world;
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->patience);
    world->patience.data = world;
    server_make(&world->server);
    world->options = (struct osy_redis_options){.url = world->server.url,
                                                .want_subscriptions = true,
                                                /* Time is the subject of a few tests alone. */
                                                .connect_timeout_ms = PATIENCE_MS,
                                                .command_timeout_ms = PATIENCE_MS,
                                                .backoff_first_ms = 5,
                                                .backoff_most_ms = 50,
                                                .on_message = on_message,
                                                .on_subscribed = on_subscribed,
                                                .on_lost = on_lost,
                                                .on_state = on_state,
                                                .context = world};
    return 0;
}

static void connect_client(struct world *world)
{
    world->redis = osy_redis_create(&world->loop, &world->options, NULL);
    assert_non_null(world->redis);
}

static void destroy_client(struct world *world)
{
    struct osy_redis *redis = world->redis;

    world->redis = NULL;
    osy_redis_destroy(redis);
}

static void start_all(struct world *world)
{
    server_start(&world->server);
    connect_client(world);
    WAIT_FOR(world, world->commands_up && world->subscriptions_up);
}

/* Whatever a test leaves, the loop must come to its end and hold nothing. */
static int end_world(void **state)
{
    struct world *world = *state;

    osy_redis_destroy(world->redis);
    uv_close((uv_handle_t *)&world->patience, NULL);
    if (uv_run(&world->loop, UV_RUN_DEFAULT) != 0 || uv_loop_close(&world->loop) != 0)
        return -1;
    server_remove(&world->server);
    free(world);
    return 0;
}

/* ---- small tools ---- */

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A command that somebody else gives. */
static void tell_server(struct world *world, int argc, const char *const *argv)
{
    struct osy_redis_blocking *other = osy_redis_blocking_create(world->server.url, 30000, NULL);
    struct osy_error err = {OSY_OK, ""};

    if (!osy_redis_blocking_command(other, argc, argv, NULL, NULL, NULL, &err))
        fail_msg("%s: %s", argv[0], err.message);
    osy_redis_blocking_destroy(other);
}
#define TELL_SERVER(world, ...)                                          \
    tell_server(world, (int)COUNT(((const char *const[]){__VA_ARGS__})), \
                (const char *const[]){__VA_ARGS__})

#define COMMAND(world, fn, context, err, ...)                                           \
    osy_redis_command((world)->redis, (int)COUNT(((const char *const[]){__VA_ARGS__})), \
                      (const char *const[]){__VA_ARGS__}, NULL, fn, context, err)

/* What came back for one command. */
struct answer {
    int calls;
    bool lost; /* no reply: err instead */
    enum osy_redis_type type;
    int64_t integer;
    char text[64];
    enum osy_error_code code;
};

static void on_answer(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct answer *answer = context;

    answer->calls++;
    answer->lost = !reply;
    if (!reply) {
        answer->code = err->code;
        return;
    }
    answer->type = reply->type;
    answer->integer = reply->integer;
    if (reply->text)
        snprintf(answer->text, sizeof answer->text, "%.*s", (int)reply->length, reply->text);
}

/* ---- commands ---- */

static void on_mget(void *context, const struct osy_redis_reply *reply, const struct osy_error *err)
{
    struct osy_redis_reply first, second, beyond;
    int *calls = context;

    (void)err;
    assert_int_equal(reply->type, OSY_REDIS_ARRAY);
    assert_int_equal(reply->count, 2);
    first = osy_redis_reply_at(reply, 0);
    second = osy_redis_reply_at(reply, 1);
    beyond = osy_redis_reply_at(reply, 2);
    assert_int_equal(first.type, OSY_REDIS_STRING);
    assert_int_equal(first.length, 3);
    assert_memory_equal(first.text, "a\0b", 3);
    assert_int_equal(second.type, OSY_REDIS_NIL);
    assert_int_equal(beyond.type, OSY_REDIS_NIL);
    ++*calls;
}

static void every_type_of_reply_arrives(void **state)
{
    struct world *world = *state;
    struct answer set = {0}, count = {0}, wrong = {0};
    const char *binary[] = {"SET", "key", "a\0b"};
    const size_t lengths[] = {3, 3, 3};
    int mget_calls = 0;

    start_all(world);
    assert_true(osy_redis_command(world->redis, 3, binary, lengths, on_answer, &set, NULL));
    assert_true(COMMAND(world, NULL, NULL, NULL, "SET", "unanswered", "is fine"));
    assert_true(COMMAND(world, on_mget, &mget_calls, NULL, "MGET", "key", "nothing"));
    assert_true(COMMAND(world, on_answer, &count, NULL, "INCRBY", "n", "-42"));
    assert_true(COMMAND(world, on_answer, &wrong, NULL, "INCR", "key"));
    WAIT_FOR(world, wrong.calls == 1);
    assert_int_equal(set.calls, 1); /* in order: all before are answered as well */
    assert_string_equal(set.text, "OK");
    assert_int_equal(mget_calls, 1);
    assert_int_equal(count.type, OSY_REDIS_INTEGER);
    assert_int_equal(count.integer, -42);
    assert_int_equal(wrong.type, OSY_REDIS_ERROR);
    assert_non_null(strstr(wrong.text, "not an integer"));
}

/* Whoever is behind the same name by then: the link connects anew. */
static void a_server_that_has_become_a_replica_is_left(void **state)
{
    struct world *world = *state;
    struct answer refused = {0}, taken = {0};

    start_all(world);
    TELL_SERVER(world, "REPLICAOF", "127.0.0.1", "1");
    assert_true(COMMAND(world, on_answer, &refused, NULL, "SET", "key", "value"));
    WAIT_FOR(world, !world->commands_up);
    assert_int_equal(refused.type, OSY_REDIS_ERROR);
    assert_non_null(strstr(refused.text, "READONLY"));
    assert_non_null(strstr(osy_redis_reason(world->redis), "replica"));
    TELL_SERVER(world, "REPLICAOF", "NO", "ONE");
    WAIT_FOR(world, world->commands_up);
    assert_true(COMMAND(world, on_answer, &taken, NULL, "SET", "key", "value"));
    WAIT_FOR(world, taken.calls == 1);
    assert_string_equal(taken.text, "OK");
}

static void on_big_value(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    size_t *length = context;

    if (!reply)
        fail_msg("%s", err->message);
    *length = reply->length;
}

static void a_value_larger_than_any_socket_buffer_goes_both_ways(void **state)
{
    enum { BIG = 4 << 20 };
    struct world *world = *state;
    char *value = osy_alloc(BIG + 1);
    size_t length = 0;

    memset(value, 'x', BIG);
    start_all(world);
    assert_true(COMMAND(world, NULL, NULL, NULL, "SET", "big", value));
    assert_true(COMMAND(world, on_big_value, &length, NULL, "GET", "big"));
    WAIT_FOR(world, length > 0);
    assert_int_equal(length, BIG);
    free(value);
}

static void pending_commands_are_bounded(void **state)
{
    struct world *world = *state;
    struct answer answers[3] = {{0}}, more = {0};
    struct osy_error err = {OSY_OK, ""};

    world->options.max_pending = 3;
    start_all(world);
    server_freeze(&world->server);
    for (size_t i = 0; i < 3; i++)
        assert_true(COMMAND(world, on_answer, &answers[i], &err, "PING"));
    assert_false(COMMAND(world, on_answer, &more, &err, "PING"));
    assert_int_equal(err.code, OSY_ERR_LIMIT);
    server_thaw(&world->server);
    WAIT_FOR(world, answers[2].calls == 1);
    assert_true(COMMAND(world, on_answer, &more, &err, "PING"));
    WAIT_FOR(world, more.calls == 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(answers[i].calls, 1);
}

/* ---- who may connect ---- */

static void a_name_a_password_and_a_database_lead_to_the_right_place(void **state)
{
    struct world *world = *state;
    struct osy_redis_blocking *other = NULL;
    struct answer answer = {0};
    char url[128];
    const char *get[] = {"GET", "where"};

    server_listen_on_tcp(&world->server, "p@ss/w:rd%");
    snprintf(url, sizeof url, "redis://:p%%40ss%%2Fw:rd%%25@localhost:%u/3", world->server.port);
    world->options.url = url;
    start_all(world);
    assert_true(COMMAND(world, on_answer, &answer, NULL, "SET", "where", "in 3"));
    WAIT_FOR(world, answer.calls == 1);
    other = osy_redis_blocking_create(url, 30000, NULL);
    memset(&answer, 0, sizeof answer);
    assert_true(osy_redis_blocking_command(other, 2, get, NULL, on_answer, &answer, NULL));
    assert_string_equal(answer.text, "in 3");
    osy_redis_blocking_destroy(other);
    snprintf(url, sizeof url, "redis://default:p%%40ss%%2Fw:rd%%25@127.0.0.1:%u",
             world->server.port);
    other = osy_redis_blocking_create(url, 30000, NULL);
    assert_true(osy_redis_blocking_command(other, 2, get, NULL, on_answer, &answer, NULL));
    assert_int_equal(answer.type, OSY_REDIS_NIL); /* database 0 has none */
    osy_redis_blocking_destroy(other);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
}

static void a_wrong_password_never_comes_up_and_says_why(void **state)
{
    struct world *world = *state;
    struct osy_error err = {OSY_OK, ""};
    char url[128];

    server_listen_on_tcp(&world->server, "right");
    snprintf(url, sizeof url, "redis://:wrong@127.0.0.1:%u", world->server.port);
    world->options.url = url;
    server_start(&world->server);
    connect_client(world);
    WAIT_FOR(world, strstr(osy_redis_reason(world->redis), "WRONGPASS"));
    assert_int_equal(world->state_changes, 0);
    assert_false(COMMAND(world, NULL, NULL, &err, "PING"));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_non_null(strstr(err.message, "WRONGPASS"));
}

static void a_server_that_comes_later_is_found(void **state)
{
    struct world *world = *state;
    struct osy_error err = {OSY_OK, ""};

    osy_redis_destroy(NULL);
    connect_client(world);
    osy_redis_subscribe(world->redis, "news"); /* remembered */
    assert_false(COMMAND(world, NULL, NULL, &err, "PING"));
    assert_int_equal(err.code, OSY_ERR_IO);
    WAIT_FOR(world, strstr(osy_redis_reason(world->redis), "No such file"));
    assert_int_equal(world->state_changes, 0);
    server_start(&world->server);
    WAIT_FOR(world, world->commands_up && world->subscribed == 1);
}

/* ---- subscriptions ---- */

static void messages_arrive_from_subscribing_to_unsubscribing(void **state)
{
    struct world *world = *state;

    start_all(world);
    osy_redis_subscribe(world->redis, "a");
    osy_redis_subscribe(world->redis, "b");
    osy_redis_subscribe(world->redis, "a"); /* once is enough */
    WAIT_FOR(world, world->subscribed == 2);
    TELL_SERVER(world, "PUBLISH", "a", "first");
    TELL_SERVER(world, "PUBLISH", "b", "second");
    WAIT_FOR(world, world->messages == 2);
    assert_string_equal(world->last_channel, "b");
    assert_string_equal(world->last_message, "second");
    osy_redis_unsubscribe(world->redis, "a");
    osy_redis_unsubscribe(world->redis, "a");
    osy_redis_unsubscribe(world->redis, "never heard of");
    TELL_SERVER(world, "PUBLISH", "a", "nobody listens");
    TELL_SERVER(world, "PUBLISH", "b", "third"); /* comes after that one would have */
    WAIT_FOR(world, strcmp(world->last_message, "third") == 0);
    assert_int_equal(world->messages, 3);
    assert_int_equal(world->subscribed, 2);
}

static void the_last_word_on_a_channel_counts(void **state)
{
    struct world *world = *state;

    start_all(world);
    for (int i = 0; i < 10; i++) { /* all of it before the server can answer */
        osy_redis_subscribe(world->redis, "kept");
        osy_redis_unsubscribe(world->redis, "kept");
        osy_redis_subscribe(world->redis, "dropped");
        osy_redis_unsubscribe(world->redis, "dropped");
    }
    osy_redis_subscribe(world->redis, "kept");
    WAIT_FOR(world, world->subscribed == 1);
    TELL_SERVER(world, "PUBLISH", "dropped", "nobody listens");
    TELL_SERVER(world, "PUBLISH", "kept", "heard");
    WAIT_FOR(world, world->messages > 0);
    assert_string_equal(world->last_message, "heard");
    assert_int_equal(world->messages, 1);
    assert_int_equal(world->subscribed, 1);
}

static void on_numbered_message(void *context, const char *channel, size_t channel_length,
                                const char *message, size_t length)
{
    struct world *world = context;
    char text[16];

    (void)channel, (void)channel_length;
    snprintf(text, sizeof text, "%.*s", (int)length, message);
    if (atoi(text) != world->expected_number)
        fail_msg("%s instead of %d", text, world->expected_number);
    world->expected_number++;
}

static void a_burst_arrives_whole_and_in_order(void **state)
{
    static const char script[] = "for i = 0, 49999 do redis.call('PUBLISH', 'news', i .. ' and "
                                 "some more text that fills the socket') end return 1";
    struct world *world = *state;

    world->options.on_message = on_numbered_message;
    start_all(world);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    TELL_SERVER(world, "EVAL", script, "0");
    WAIT_FOR(world, world->expected_number == 50000);
}

/* ---- faults ---- */

static void a_sharded_channel_has_messages_of_its_own(void **state)
{
    struct world *world = *state;

    start_all(world);
    osy_redis_subscribe_sharded(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    TELL_SERVER(world, "PUBLISH", "news", "to the others");
    TELL_SERVER(world, "SPUBLISH", "news", "one");
    WAIT_FOR(world, world->messages == 1);
    assert_string_equal(world->last_channel, "news");
    assert_string_equal(world->last_message, "one");

    server_kill(&world->server);
    WAIT_FOR(world, !world->subscriptions_up);
    server_start(&world->server);
    WAIT_FOR(world, world->subscribed == 2);
    TELL_SERVER(world, "SPUBLISH", "news", "two");
    WAIT_FOR(world, world->messages == 2);

    osy_redis_unsubscribe(world->redis, "news");
    osy_redis_subscribe(world->redis, "end");
    WAIT_FOR(world, world->subscribed == 3);
    TELL_SERVER(world, "SPUBLISH", "news", "three");
    TELL_SERVER(world, "PUBLISH", "end", "");
    WAIT_FOR(world, world->messages == 3);
    assert_string_equal(world->last_channel, "end");
    assert_int_equal(world->lost, 0);
}

/* An error does not say which channel it is about. */
static void a_refused_channel_is_named_and_its_neighbours_are_not(void **state)
{
    struct world *world = *state;

    start_all(world);
    TELL_SERVER(world, "ACL", "SETUSER", "default", "resetchannels", "&os:alive:*", "&good:*");
    osy_redis_subscribe_sharded(world->redis, "good:1");
    osy_redis_subscribe_sharded(world->redis, "bad:1");
    osy_redis_subscribe(world->redis, "bad:2");
    osy_redis_subscribe_sharded(world->redis, "bad:3");
    osy_redis_unsubscribe(world->redis, "bad:3");
    osy_redis_subscribe_sharded(world->redis, "good:2");
    WAIT_FOR(world, world->subscribed == 2);
    assert_int_equal(world->lost, 1);
    assert_string_equal(world->last_lost, "bad:1");
    assert_non_null(strstr(world->last_reason, "NOPERM"));
    TELL_SERVER(world, "ACL", "SETUSER", "default", "allchannels");
    osy_redis_subscribe_sharded(world->redis, "bad:1"); /* it is as if there had been nothing */
    WAIT_FOR(world, world->subscribed == 3);
    TELL_SERVER(world, "SPUBLISH", "bad:1", "one");
    WAIT_FOR(world, world->messages == 1);
}

static void a_killed_server_is_missed_and_found_again(void **state)
{
    struct world *world = *state;
    struct osy_error err = {OSY_OK, ""};
    struct answer answer = {0};

    start_all(world);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    for (int round = 1; round <= 3; round++) {
        server_kill(&world->server);
        WAIT_FOR(world, !world->commands_up && !world->subscriptions_up);
        assert_false(COMMAND(world, on_answer, &answer, &err, "PING"));
        assert_int_equal(err.code, OSY_ERR_IO);
        server_start(&world->server);
        WAIT_FOR(world, world->commands_up && world->subscriptions_up);
        WAIT_FOR(world, world->subscribed == 1 + round); /* renewed, and said so */
        TELL_SERVER(world, "PUBLISH", "news", "again");
        WAIT_FOR(world, world->messages == round);
        assert_true(COMMAND(world, on_answer, &answer, &err, "PING"));
        WAIT_FOR(world, answer.calls == round);
        assert_string_equal(answer.text, "PONG");
    }
}

static void commands_on_their_way_to_a_killed_server_are_reported_lost(void **state)
{
    struct world *world = *state;
    struct answer answers[100] = {{0}};

    start_all(world);
    server_freeze(&world->server);
    for (size_t i = 0; i < COUNT(answers); i++)
        assert_true(COMMAND(world, on_answer, &answers[i], NULL, "PING"));
    server_kill(&world->server);
    WAIT_FOR(world, !world->commands_up);
    for (size_t i = 0; i < COUNT(answers); i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_true(answers[i].lost);
        assert_int_equal(answers[i].code, OSY_ERR_IO);
    }
}

static void a_silently_dead_server_is_found_out(void **state)
{
    struct world *world = *state;

    world->options.ping_interval_ms = 40;
    world->options.command_timeout_ms = 1000;
    world->options.connect_timeout_ms = 1000;
    start_all(world);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    server_freeze(&world->server); /* its kernel goes on accepting connections */
    WAIT_FOR(world, !world->commands_up && !world->subscriptions_up);
    WAIT_FOR(world, strstr(osy_redis_reason(world->redis), "no connection in time"));
    assert_false(world->commands_up || world->subscriptions_up); /* accepted is not up */
    server_thaw(&world->server);
    WAIT_FOR(world, world->commands_up && world->subscribed >= 2);
    TELL_SERVER(world, "PUBLISH", "news", "back");
    WAIT_FOR(world, world->messages == 1);
}

static void a_command_without_an_answer_cuts_the_link(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};

    world->options.command_timeout_ms = 100;
    world->options.ping_interval_ms = PATIENCE_MS; /* it is not the ping that finds out */
    start_all(world);
    server_freeze(&world->server);
    assert_true(COMMAND(world, on_answer, &answer, NULL, "PING"));
    WAIT_FOR(world, !world->commands_up);
    assert_int_equal(answer.calls, 1);
    assert_true(answer.lost);
    assert_non_null(strstr(osy_redis_reason(world->redis), "no answer in time"));
    server_thaw(&world->server);
    WAIT_FOR(world, world->commands_up);
}

struct search {
    char text[64];
    int calls;
};

static void on_info(void *context, const struct osy_redis_reply *reply, const struct osy_error *err)
{
    struct search *search = context;
    const char *at = strstr(reply->text, search->text);

    (void)err;
    if (at)
        search->calls = atoi(at + strlen(search->text));
}

/* How often the server has run a command, by its own count. */
static int calls_of(struct world *world, const char *command)
{
    struct osy_redis_blocking *other = osy_redis_blocking_create(world->server.url, 30000, NULL);
    const char *info[] = {"INFO", "commandstats"};
    struct search search = {.calls = 0};

    snprintf(search.text, sizeof search.text, "cmdstat_%s:calls=", command);
    assert_true(osy_redis_blocking_command(other, 2, info, NULL, on_info, &search, NULL));
    osy_redis_blocking_destroy(other);
    return search.calls;
}

static void an_idle_link_is_tested_and_stays_up(void **state)
{
    struct world *world = *state;

    world->options.ping_interval_ms = 10;
    start_all(world);
    WAIT_FOR(world, calls_of(world, "ping") > 20 && calls_of(world, "publish") > 20);
    assert_int_equal(world->state_changes, 2);
    assert_true(world->commands_up && world->subscriptions_up);
    assert_int_equal(world->messages, 0); /* the liveness channel is nobody else's business */
}

static void a_subscriber_that_the_server_throws_out_comes_back(void **state)
{
    struct world *world = *state;

    start_all(world);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    TELL_SERVER(world, "CLIENT", "KILL", "TYPE", "pubsub");
    WAIT_FOR(world, world->subscribed == 2);
    assert_true(world->commands_up); /* the other link has not even noticed */
    TELL_SERVER(world, "PUBLISH", "news", "back");
    WAIT_FOR(world, world->messages == 1);
}

/*
 * A server that answers every command, confirms every subscription, and then delivers nothing: the
 * fault that only an end-to-end test of the subscription finds. It knows the four commands it will
 * be sent.
 */
struct deaf_server {
    uv_tcp_t listener;
    uv_tcp_t peers[8];
    int count, subscriptions;
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char bytes[65536];

    (void)handle, (void)suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes - 1);
}

static void reply_to(uv_stream_t *peer, const char *text)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));

    assert_int_equal(uv_try_write(peer, &buffer, 1), strlen(text));
}

static void confirm_subscription(uv_stream_t *peer, const char *command)
{
    const char *channel = strstr(command, "os:alive:");
    char text[128];

    assert_non_null(channel);
    snprintf(text, sizeof text, "*3\r\n$9\r\nsubscribe\r\n$45\r\n%.45s\r\n:1\r\n", channel);
    reply_to(peer, text);
}

static void on_deaf_read(uv_stream_t *peer, ssize_t got, const uv_buf_t *buffer)
{
    struct deaf_server *deaf = peer->data;
    const char *end = NULL;

    if (got <= 0) {
        uv_read_stop(peer);
        return;
    }
    buffer->base[got] = '\0';
    end = buffer->base + got;
    for (const char *at = buffer->base; at && at < end; at = strchr(at + 1, '*')) {
        const char *name = strchr(at, '\n');
        name = name ? strchr(name + 1, '\n') : NULL;
        if (!name)
            abort(); /* half a command: a loopback socket does not cut these few bytes */
        if (strncmp(name + 1, "PING", 4) == 0)
            reply_to(peer, "+PONG\r\n");
        else if (strncmp(name + 1, "PUBLISH", 7) == 0)
            reply_to(peer, ":1\r\n");
        else if (++deaf->subscriptions > 0)
            confirm_subscription(peer, name + 1);
    }
}

static void on_deaf_connection(uv_stream_t *listener, int status)
{
    struct deaf_server *deaf = listener->data;
    uv_tcp_t *peer = &deaf->peers[deaf->count];

    assert_int_equal(status, 0);
    assert_true(deaf->count++ < (int)COUNT(deaf->peers));
    uv_tcp_init(listener->loop, peer);
    peer->data = deaf;
    uv_accept(listener, (uv_stream_t *)peer);
    uv_read_start((uv_stream_t *)peer, on_alloc, on_deaf_read);
}

static void a_subscription_that_falls_silent_is_found_out(void **state)
{
    static struct deaf_server deaf;
    struct world *world = *state;
    struct sockaddr_in address;
    int length = sizeof address;
    char url[64];

    memset(&deaf, 0, sizeof deaf);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&world->loop, &deaf.listener);
    deaf.listener.data = &deaf;
    assert_int_equal(uv_tcp_bind(&deaf.listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&deaf.listener, 8, on_deaf_connection), 0);
    uv_tcp_getsockname(&deaf.listener, (struct sockaddr *)&address, &length);
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", ntohs(address.sin_port));
    world->options.url = url;
    world->options.ping_interval_ms = 50;
    world->options.command_timeout_ms = 1500;
    connect_client(world);
    WAIT_FOR(world, world->commands_up && world->subscriptions_up);
    WAIT_FOR(world, !world->subscriptions_up);
    assert_true(world->commands_up);          /* commands are answered all the time */
    WAIT_FOR(world, deaf.subscriptions >= 2); /* and it tries again */
    destroy_client(world);
    uv_close((uv_handle_t *)&deaf.listener, NULL);
    for (int i = 0; i < deaf.count; i++)
        uv_close((uv_handle_t *)&deaf.peers[i], NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* ---- scripts ---- */

static bool push_number(struct world *world, const struct osy_redis_script *script, int number,
                        struct answer *answer)
{
    char text[16];
    const char *arguments[] = {"list", text};

    snprintf(text, sizeof text, "%d", number);
    return osy_redis_eval(world->redis, script, 1, 2, arguments, NULL, on_answer, answer, NULL);
}

static void on_list(void *context, const struct osy_redis_reply *reply, const struct osy_error *err)
{
    int *count = context;

    (void)err;
    for (size_t i = 0; i < reply->count; i++)
        assert_int_equal(atoi(osy_redis_reply_at(reply, i).text), (int)i);
    *count = (int)reply->count;
}

static void scripts_run_in_order_also_when_the_server_has_forgotten_them(void **state)
{
    struct world *world = *state;
    struct osy_redis_script script;
    int count = -1;

    osy_redis_script_init(&script, "return redis.call('RPUSH', KEYS[1], ARGV[1])");
    assert_string_equal(script.sha1, "b9705020f551c492b7692cdba607bbdb64837972");
    start_all(world);
    for (int round = 1; round <= 3; round++) {
        struct answer answers[50] = {{0}};
        for (int i = 0; i < 50; i++)
            assert_true(push_number(world, &script, i, &answers[i]));
        WAIT_FOR(world, answers[49].calls == 1);
        for (int i = 0; i < 50; i++)
            assert_int_equal(answers[i].integer, i + 1);
        assert_true(COMMAND(world, on_list, &count, NULL, "LRANGE", "list", "0", "-1"));
        WAIT_FOR(world, count == 50);
        count = -1;
        if (round == 2) { /* known to this connection, and yet unknown to the server */
            TELL_SERVER(world, "SCRIPT", "FLUSH");
            TELL_SERVER(world, "DEL", "list");
            continue;
        }
        server_kill(&world->server);
        WAIT_FOR(world, !world->commands_up && !world->subscriptions_up);
        server_start(&world->server);
        WAIT_FOR(world, world->commands_up && world->subscriptions_up);
    }
}

static void a_script_that_fails_hands_its_error_over(void **state)
{
    struct world *world = *state;
    struct osy_redis_script script;
    struct answer answers[2] = {{0}};

    osy_redis_script_init(&script, "return redis.error_reply('MINE no')");
    start_all(world);
    for (int i = 0; i < 2; i++)
        assert_true(
            osy_redis_eval(world->redis, &script, 0, 0, NULL, NULL, on_answer, &answers[i], NULL));
    WAIT_FOR(world, answers[1].calls == 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(answers[i].type, OSY_REDIS_ERROR);
        assert_string_equal(answers[i].text, "MINE no");
    }
}

/* ---- destroying ---- */

static void destroy_on_answer(void *context, const struct osy_redis_reply *reply,
                              const struct osy_error *err)
{
    (void)reply, (void)err;
    destroy_client(context);
}

static void destroy_on_message(void *context, const char *channel, size_t channel_length,
                               const char *message, size_t length)
{
    on_message(context, channel, channel_length, message, length);
    destroy_client(context);
}

static void destroy_on_subscribed(void *context, const char *channel, size_t length)
{
    on_subscribed(context, channel, length);
    destroy_client(context);
}

static void destroy_on_down(void *context, bool commands_up, bool subscriptions_up)
{
    struct world *world = context;

    on_state(context, commands_up, subscriptions_up);
    if (world->state_changes == 3) /* two came up; this one goes down */
        destroy_client(world);
}

static void destroy_on_up(void *context, bool commands_up, bool subscriptions_up)
{
    on_state(context, commands_up, subscriptions_up);
    destroy_client(context);
}

static void destroying_in_a_reply_fails_the_others_before_it_returns(void **state)
{
    struct world *world = *state;
    struct answer before = {0}, after[20] = {{0}};

    start_all(world);
    assert_true(COMMAND(world, on_answer, &before, NULL, "PING"));
    assert_true(COMMAND(world, destroy_on_answer, world, NULL, "PING"));
    for (size_t i = 0; i < COUNT(after); i++)
        assert_true(COMMAND(world, on_answer, &after[i], NULL, "PING"));
    WAIT_FOR(world, !world->redis);
    assert_false(before.lost);
    for (size_t i = 0; i < COUNT(after); i++) {
        assert_int_equal(after[i].calls, 1);
        assert_true(after[i].lost);
    }
}

static void destroying_in_a_message_ends_the_messages(void **state)
{
    struct world *world = *state;

    world->options.on_message = destroy_on_message;
    start_all(world);
    osy_redis_subscribe(world->redis, "news");
    WAIT_FOR(world, world->subscribed == 1);
    TELL_SERVER(world, "EVAL", "for i = 1, 100 do redis.call('PUBLISH', 'news', i) end return 1",
                "0");
    WAIT_FOR(world, !world->redis);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(world->messages, 1);
}

static void destroying_in_a_confirmation_is_safe(void **state)
{
    struct world *world = *state;

    world->options.on_subscribed = destroy_on_subscribed;
    start_all(world);
    osy_redis_subscribe(world->redis, "a");
    osy_redis_subscribe(world->redis, "b");
    WAIT_FOR(world, !world->redis);
    assert_int_equal(world->subscribed, 1);
}

static void destroying_when_a_link_comes_up_is_safe(void **state)
{
    struct world *world = *state;

    world->options.on_state = destroy_on_up;
    server_start(&world->server);
    connect_client(world);
    WAIT_FOR(world, !world->redis);
    assert_int_equal(world->state_changes, 1);
}

static void destroying_when_a_link_goes_down_is_safe(void **state)
{
    struct world *world = *state;
    struct answer answers[5] = {{0}};

    world->options.on_state = destroy_on_down;
    start_all(world);
    server_freeze(&world->server);
    for (size_t i = 0; i < COUNT(answers); i++)
        assert_true(COMMAND(world, on_answer, &answers[i], NULL, "PING"));
    server_kill(&world->server);
    WAIT_FOR(world, !world->redis);
    for (size_t i = 0; i < COUNT(answers); i++)
        assert_int_equal(answers[i].calls, 1);
    assert_int_equal(world->state_changes, 3);
}

static void destroying_in_a_lost_reply_is_safe(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};

    start_all(world);
    server_freeze(&world->server);
    assert_true(COMMAND(world, destroy_on_answer, world, NULL, "PING"));
    assert_true(COMMAND(world, on_answer, &answer, NULL, "PING"));
    server_kill(&world->server);
    WAIT_FOR(world, !world->redis);
    assert_int_equal(answer.calls, 1);
    assert_true(answer.lost);
}

static void destroying_while_connecting_is_safe(void **state)
{
    struct world *world = *state;

    connect_client(world); /* before the first attempt */
    destroy_client(world);
    world->options.url = "redis://localhost:1"; /* during a name look-up */
    connect_client(world);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    destroy_client(world);
    connect_client(world); /* between two attempts */
    WAIT_FOR(world, strstr(osy_redis_reason(world->redis), "refused"));
    destroy_client(world);
    server_start(&world->server); /* connected, greeted, not answered */
    server_freeze(&world->server);
    world->options.url = world->server.url;
    connect_client(world);
    for (int i = 0; i < 5; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    destroy_client(world);
    assert_int_equal(world->state_changes, 0);
}

static void bad_urls_are_refused_at_once(void **state)
{
    struct world *world = *state;
    struct osy_error err = {OSY_OK, ""};

    world->options.url = "http://secret@host";
    assert_null(osy_redis_create(&world->loop, &world->options, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_null(strstr(err.message, "secret"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
    const struct CMUnitTest tests[] = {
        TEST(every_type_of_reply_arrives),
        TEST(a_server_that_has_become_a_replica_is_left),
        TEST(a_value_larger_than_any_socket_buffer_goes_both_ways),
        TEST(pending_commands_are_bounded),
        TEST(a_name_a_password_and_a_database_lead_to_the_right_place),
        TEST(a_wrong_password_never_comes_up_and_says_why),
        TEST(a_server_that_comes_later_is_found),
        TEST(messages_arrive_from_subscribing_to_unsubscribing),
        TEST(the_last_word_on_a_channel_counts),
        TEST(a_burst_arrives_whole_and_in_order),
        TEST(a_sharded_channel_has_messages_of_its_own),
        TEST(a_refused_channel_is_named_and_its_neighbours_are_not),
        TEST(a_killed_server_is_missed_and_found_again),
        TEST(commands_on_their_way_to_a_killed_server_are_reported_lost),
        TEST(a_silently_dead_server_is_found_out),
        TEST(a_command_without_an_answer_cuts_the_link),
        TEST(an_idle_link_is_tested_and_stays_up),
        TEST(a_subscription_that_falls_silent_is_found_out),
        TEST(a_subscriber_that_the_server_throws_out_comes_back),
        TEST(scripts_run_in_order_also_when_the_server_has_forgotten_them),
        TEST(a_script_that_fails_hands_its_error_over),
        TEST(destroying_in_a_reply_fails_the_others_before_it_returns),
        TEST(destroying_in_a_message_ends_the_messages),
        TEST(destroying_in_a_confirmation_is_safe),
        TEST(destroying_when_a_link_comes_up_is_safe),
        TEST(destroying_when_a_link_goes_down_is_safe),
        TEST(destroying_in_a_lost_reply_is_safe),
        TEST(destroying_while_connecting_is_safe),
        TEST(bad_urls_are_refused_at_once),
    };

    signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
