#include "shared/redis_common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const char *actual, const char *expected)
{
    if (expected)
        assert_string_equal(actual, expected);
    else
        assert_null(actual);
}

static void urls_are_read(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *path, *user, *password, *database;
    } rows[] = {
        {"redis://localhost:6379", "localhost", 6379, NULL, NULL, NULL, NULL},
        {"redis://127.0.0.1:1/", "127.0.0.1", 1, NULL, NULL, NULL, NULL},
        {"redis://127.0.0.1:65535/0", "127.0.0.1", 65535, NULL, NULL, NULL, NULL},
        {"redis://[::1]:7000/15", "::1", 7000, NULL, NULL, NULL, "15"},
        {"redis://:secret@redis.example:6379/2", "redis.example", 6379, NULL, NULL, "secret", "2"},
        {"redis://hub:s%40c%2Fr%3at%25@r:6379", "r", 6379, NULL, "hub", "s@c/r:t%", NULL},
        {"redis://u:a:b@c@r:6379", "r", 6379, NULL, "u", "a:b@c", NULL},
        {"unix:/run/redis.sock", NULL, 0, "/run/redis.sock", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct osy_redis_url url;
        struct osy_error err = {OSY_OK, ""};
        if (!osy_redis_url_parse(rows[i].text, &url, &err))
            fail_msg("%s: %s", rows[i].text, err.message);
        expect_text(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        expect_text(url.path, rows[i].path);
        expect_text(url.user, rows[i].user);
        expect_text(url.password, rows[i].password);
        expect_text(url.database, rows[i].database);
        osy_redis_url_deinit(&url);
    }
}

static void urls_of_sentinels_are_read(void **state)
{
    static const struct {
        const char *text, *sentinels, *master, *user, *password, *database;
    } rows[] = {
        {"sentinel://s:26379/m", "s:26379", "m", NULL, NULL, NULL},
        {"sentinel://a:1;b:2;[::1]:3/my-master/", "a:1;b:2;[::1]:3", "my-master", NULL, NULL, NULL},
        {"sentinel://:p%3bw@a:1;b:2/m/7", "a:1;b:2", "m", NULL, "p;w", "7"},
        {"sentinel://hub:secret@a:1/m/0", "a:1", "m", "hub", "secret", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct osy_redis_url url;
        struct osy_error err = {OSY_OK, ""};
        if (!osy_redis_url_parse(rows[i].text, &url, &err))
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_null(url.host);
        expect_text(url.sentinels, rows[i].sentinels);
        expect_text(url.master, rows[i].master);
        expect_text(url.user, rows[i].user);
        expect_text(url.password, rows[i].password);
        expect_text(url.database, rows[i].database);
        osy_redis_url_deinit(&url);
    }
}

static void bad_urls_are_refused_without_being_quoted(void **state)
{
    static const char *const rows[] = {
        "",
        "localhost:6379",
        "http://:hunter2@host:6379",
        "rediss://:hunter2@host:6379",
        "REDIS://host:6379",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@host",
        "redis://:hunter2@host:",
        "redis://:hunter2@host:0",
        "redis://:hunter2@host:65536",
        "redis://:hunter2@host:port",
        "redis://:hunter2@:6379",
        "redis://:hunter2@[::1:6379",
        "redis://:hunter2@host:6379/x",
        "redis://:hunter2@host:6379/-1",
        "redis://:hunter2@host:6379/1/2",
        "redis://:hunter2@host:6379/1000",
        "redis://:hunter2@host:6379/99999999999999999999",
        "redis://:hunter2%@host:6379",
        "redis://:hunter2%4@host:6379",
        "redis://:hunter2%zz@host:6379",
        "redis://:hunter2%00@host:6379",
        "redis://hunter2@host:6379", /* a user alone: most likely a password in its place */
        "redis://:@host:6379",
        "unix:",
        "unix:relative/hunter2",
        "cluster://:hunter2@host:1",
        "sentinel://",
        "sentinel:///m",
        "sentinel://:hunter2@host:1",
        "sentinel://:hunter2@host:1/",
        "sentinel://:hunter2@host:1//0",
        "sentinel://:hunter2@host/m",
        "sentinel://:hunter2@a:1;;b:2/m",
        "sentinel://:hunter2@a:1;b/m",
        "sentinel://:hunter2@a:1,b:2/m",
        "sentinel://:hunter2@a:1/m/x",
        "sentinel://:hunter2@a:1/m/1/2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct osy_redis_url url;
        struct osy_error err = {OSY_OK, ""};
        if (osy_redis_url_parse(rows[i], &url, &err))
            fail_msg("accepted: %s", rows[i]);
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void authentication_has_as_many_arguments_as_it_needs(void **state)
{
    const char *argv[OSY_REDIS_AUTH_ARGUMENTS];
    struct osy_redis_url url;

    (void)state;
    assert_true(osy_redis_url_parse("redis://host:1", &url, NULL));
    assert_int_equal(osy_redis_url_auth(&url, argv), 0);
    osy_redis_url_deinit(&url);
    assert_true(osy_redis_url_parse("redis://:p@host:1", &url, NULL));
    assert_int_equal(osy_redis_url_auth(&url, argv), 2);
    assert_string_equal(argv[1], "p");
    osy_redis_url_deinit(&url);
    assert_true(osy_redis_url_parse("redis://u:p@host:1", &url, NULL));
    assert_int_equal(osy_redis_url_auth(&url, argv), 3);
    assert_string_equal(argv[0], "AUTH");
    assert_string_equal(argv[1], "u");
    assert_string_equal(argv[2], "p");
    osy_redis_url_deinit(&url);
}

static void script_calls_carry_the_name_or_the_text(void **state)
{
    struct osy_redis_script script;
    struct osy_redis_arguments arguments;
    const char *given[] = {"key", "a\0b"};
    const size_t lengths[] = {3, 3};

    (void)state;
    osy_redis_script_init(&script, "return 1");
    assert_string_equal(script.sha1, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    osy_redis_arguments_init(&arguments, &script, false, 1, 2, given, lengths);
    assert_int_equal(arguments.argc, 5);
    assert_string_equal(arguments.argv[0], "EVALSHA");
    assert_string_equal(arguments.argv[1], script.sha1);
    assert_string_equal(arguments.argv[2], "1");
    assert_int_equal(arguments.lengths[1], 40);
    assert_int_equal(arguments.lengths[4], 3);
    assert_memory_equal(arguments.argv[4], "a\0b", 3);
    osy_redis_arguments_deinit(&arguments);
    osy_redis_arguments_init(&arguments, &script, true, 1, 1, given, NULL);
    assert_string_equal(arguments.argv[0], "EVAL");
    assert_string_equal(arguments.argv[1], "return 1");
    assert_int_equal(arguments.lengths[3], 3);
    osy_redis_arguments_deinit(&arguments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(urls_of_sentinels_are_read),
        cmocka_unit_test(bad_urls_are_refused_without_being_quoted),
        cmocka_unit_test(authentication_has_as_many_arguments_as_it_needs),
        cmocka_unit_test(script_calls_carry_the_name_or_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
