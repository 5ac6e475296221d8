#include "shared/redis_blocking.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/redis/server.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define COMMAND(redis, answer, err, ...)                                                \
    osy_redis_blocking_command(redis, (int)COUNT(((const char *const[]){__VA_ARGS__})), \
                               (const char *const[]){__VA_ARGS__}, NULL, on_answer, answer, err)

struct answer {
    int calls;
    enum osy_redis_type type;
    int64_t integer;
    char text[64];
    size_t length;
};

static void on_answer(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct answer *answer = context;

    assert_null(err);
    answer->calls++;
    answer->type = reply->type;
    answer->integer = reply->integer;
    answer->length = reply->length;
    if (reply->text)
        memcpy(answer->text, reply->text, reply->length < 64 ? reply->length : 64);
}

static int start_server(void **state)
{
    static struct server server;

    server_make(&server);
    server_listen_on_tcp(&server, NULL);
    server_start(&server);
    *state = &server;
    return 0;
}

static int end_server(void **state)
{
    server_remove(*state);
    return 0;
}

static void replies_come_and_errors_are_errors(void **state)
{
    const struct server *server = *state;
    struct osy_redis_blocking *redis = osy_redis_blocking_create(server->url, 30000, NULL);
    struct osy_error err = {OSY_OK, ""};
    struct answer answer = {0};
    const char *binary[] = {"SET", "key", "a\0b"};
    const size_t lengths[] = {3, 3, 3};

    assert_true(osy_redis_blocking_command(redis, 3, binary, lengths, NULL, NULL, &err));
    assert_true(COMMAND(redis, &answer, &err, "GET", "key"));
    assert_int_equal(answer.length, 3);
    assert_memory_equal(answer.text, "a\0b", 3);
    assert_true(COMMAND(redis, &answer, &err, "STRLEN", "key"));
    assert_int_equal(answer.integer, 3);
    assert_false(COMMAND(redis, &answer, &err, "INCR", "key"));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_non_null(strstr(err.message, "not an integer"));
    assert_int_equal(answer.calls, 2);
    assert_true(COMMAND(redis, &answer, &err, "GET", "nothing")); /* the connection is fine */
    assert_int_equal(answer.type, OSY_REDIS_NIL);
    osy_redis_blocking_destroy(redis);
}

/* Whoever is behind the same name by then: the next command connects anew. */
static void a_server_that_has_become_a_replica_is_left(void **state)
{
    const struct server *server = *state;
    struct osy_redis_blocking *redis = osy_redis_blocking_create(server->url, 30000, NULL);
    struct osy_error err = {OSY_OK, ""};
    struct answer before = {0}, after = {0};

    assert_true(COMMAND(redis, &before, &err, "CLIENT", "ID"));
    assert_true(COMMAND(redis, &after, &err, "REPLICAOF", "127.0.0.1", "1"));
    assert_true(COMMAND(redis, &after, &err, "CLIENT", "ID"));
    assert_int_equal(after.integer, before.integer);
    assert_false(COMMAND(redis, &after, &err, "SET", "key", "value"));
    assert_non_null(strstr(err.message, "READONLY"));
    assert_true(COMMAND(redis, &after, &err, "CLIENT", "ID"));
    assert_int_not_equal(after.integer, before.integer);
    osy_redis_blocking_destroy(redis);
}

static void scripts_run_also_when_the_server_does_not_know_them(void **state)
{
    struct server *server = *state;
    struct osy_redis_blocking *redis = osy_redis_blocking_create(server->url, 30000, NULL);
    struct osy_redis_script script;
    struct osy_error err = {OSY_OK, ""};
    const char *arguments[] = {"number", "5"};

    osy_redis_script_init(&script, "return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for (int i = 1; i <= 4; i++) {
        struct answer answer = {0};
        if (i == 3)
            assert_true(COMMAND(redis, &answer, &err, "SCRIPT", "FLUSH"));
        assert_true(osy_redis_blocking_eval(redis, &script, 1, 2, arguments, NULL, on_answer,
                                            &answer, &err));
        assert_int_equal(answer.integer, 5 * i);
    }
    server_kill(server);
    server_start(server);
    assert_true(osy_redis_blocking_eval(redis, &script, 1, 2, arguments, NULL, NULL, NULL, &err));
    osy_redis_blocking_destroy(redis);
}

static void check_server_death(struct server *server, const char *url)
{
    struct osy_redis_blocking *redis = osy_redis_blocking_create(url, 30000, NULL);
    struct osy_error err = {OSY_OK, ""};
    struct answer answer = {0};

    assert_true(COMMAND(redis, &answer, &err, "PING"));
    server_kill(server);
    assert_false(COMMAND(redis, &answer, &err, "PING"));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_false(COMMAND(redis, &answer, &err, "PING"));
    assert_int_equal(err.code, OSY_ERR_IO);
    server_start(server);
    assert_true(COMMAND(redis, &answer, &err, "PING"));
    server_kill(server); /* and back before anybody noticed: the old connection is not used */
    server_start(server);
    assert_true(COMMAND(redis, &answer, &err, "PING"));
    assert_int_equal(answer.calls, 3);
    osy_redis_blocking_destroy(redis);
}

static void a_server_that_was_gone_is_used_again(void **state)
{
    struct server *server = *state;
    char url[64];

    check_server_death(server, server->url);
    snprintf(url, sizeof url, "redis://127.0.0.1:%u/2", server->port);
    check_server_death(server, url);
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    struct server *server = *state;
    struct osy_redis_blocking *redis = osy_redis_blocking_create(server->url, 300, NULL);
    struct osy_redis_blocking *patient = osy_redis_blocking_create(server->url, 30000, NULL);
    struct osy_error err = {OSY_OK, ""};
    struct answer answer = {0};

    assert_true(COMMAND(redis, &answer, &err, "SET", "key", "before"));
    server_freeze(server);
    assert_false(COMMAND(redis, &answer, &err, "SET", "key", "while frozen"));
    assert_int_equal(err.code, OSY_ERR_IO);
    server_thaw(server);
    /* The answer to the lost command must not be taken for the answer to the next one. */
    assert_true(COMMAND(patient, &answer, &err, "ECHO", "mine"));
    assert_memory_equal(answer.text, "mine", 4);
    osy_redis_blocking_destroy(patient);
    osy_redis_blocking_destroy(redis);
}

static void a_bad_url_is_refused(void **state)
{
    struct osy_error err = {OSY_OK, ""};

    (void)state;
    assert_null(osy_redis_blocking_create("rediss://host:1", 1000, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    osy_redis_blocking_destroy(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_server, end_server)
    const struct CMUnitTest tests[] = {
        TEST(replies_come_and_errors_are_errors),
        TEST(a_server_that_has_become_a_replica_is_left),
        TEST(scripts_run_also_when_the_server_does_not_know_them),
        TEST(a_server_that_was_gone_is_used_again),
        TEST(a_silent_server_is_given_up_in_time),
        TEST(a_bad_url_is_refused),
    };

    signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
