#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/log.h"

/* stderr is this file while a test runs; cmocka reports elsewhere, or after it is back. */
static FILE *captured;
static int real_stderr;

static int capture_stderr(void **state)
{
    (void)state;
    captured = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    osy_log_init("ordersync-test", OSY_LOG_DEBUG);
    return captured && dup2(fileno(captured), STDERR_FILENO) >= 0 ? 0 : -1;
}

static int restore_stderr(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    return fclose(captured);
}

/* The next captured line as JSON (give it back), or NULL at the end. */
static json_t *next_line(void)
{
    char line[8192];
    json_t *object;

    if (!fgets(line, sizeof line, captured))
        return NULL;
    assert_int_equal(line[strlen(line) - 1], '\n');
    object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(object));
    return object;
}

static json_t *only_line(void)
{
    json_t *line;

    rewind(captured);
    line = next_line();
    assert_non_null(line);
    assert_null(next_line());
    return line;
}

static const char *text_of(const json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}

static void a_line_is_one_json_object(void **state)
{
    json_t *line;

    (void)state;
    OSY_INFO("socket_open", OSY_STR("rid", "r-1"), OSY_INT("sockets", -3), OSY_NUM("load", 0.25),
             OSY_STR("origin", NULL));
    line = only_line();
    assert_int_equal(strlen(text_of(line, "time")), 24);
    assert_string_equal(text_of(line, "level"), "info");
    assert_string_equal(text_of(line, "program"), "ordersync-test");
    assert_string_equal(text_of(line, "event"), "socket_open");
    assert_string_equal(text_of(line, "rid"), "r-1");
    assert_int_equal(json_integer_value(json_object_get(line, "sockets")), -3);
    assert_true(json_real_value(json_object_get(line, "load")) == 0.25);
    assert_true(json_is_null(json_object_get(line, "origin")));
    assert_int_equal(json_object_size(line), 8);
    json_decref(line);
}

static void hostile_text_stays_in_its_field(void **state)
{
    static const char text[] = "a\r\n{\"level\":\"error\"}\x1b[2J\xE2\x80\xA8\xFF";
    json_t *line;

    (void)state;
    OSY_WARN("odd_header", OSY_STR("value", text));
    line = only_line();
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "value"),
                        "a\r\n{\"level\":\"error\"}\x1b[2J\xE2\x80\xA8\xEF\xBF\xBD");
    json_decref(line);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    char text[3001];
    json_t *line;

    (void)state;
    memset(text, 'a', 3);
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xEA\xB0\x80", 4);
    OSY_INFO("long", OSY_STR("text", text));
    line = only_line();
    assert_in_range(strlen(text_of(line, "text")), 990, 1000);
    assert_memory_equal(text_of(line, "text"), text, strlen(text_of(line, "text")));
    json_decref(line);
}

static void what_is_not_a_number_is_null(void **state)
{
    json_t *line;

    (void)state;
    OSY_INFO("ratio", OSY_NUM("nan", NAN), OSY_NUM("infinite", INFINITY));
    line = only_line();
    assert_true(json_is_null(json_object_get(line, "nan")));
    assert_true(json_is_null(json_object_get(line, "infinite")));
    json_decref(line);
}

static void levels_below_the_least_are_silent(void **state)
{
    json_t *line;

    (void)state;
    osy_log_init("ordersync-test", OSY_LOG_WARN);
    OSY_DEBUG("quiet");
    OSY_INFO("quiet");
    OSY_ERROR("loud");
    assert_false(osy_log_enabled(OSY_LOG_INFO));
    assert_true(osy_log_enabled(OSY_LOG_WARN));
    line = only_line();
    assert_string_equal(text_of(line, "event"), "loud");
    json_decref(line);
}

static void the_trace_of_the_thread_is_added(void **state)
{
    json_t *line;

    (void)state;
    osy_log_set_trace("4bf92f3577b34da6a3ce929d0e0e4736");
    OSY_INFO("traced");
    osy_log_set_trace(NULL);
    line = only_line();
    assert_string_equal(text_of(line, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    json_decref(line);
}

static void *log_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 500; i++)
        OSY_INFO("tick", OSY_INT("i", i), OSY_STR("filler", "as long as a usual line of ours"));
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    pthread_t threads[4];
    size_t lines = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    rewind(captured);
    for (json_t *line; (line = next_line()) != NULL; lines++)
        json_decref(line);
    assert_int_equal(lines, 4 * 500);
}

static void level_names_are_parsed(void **state)
{
    enum osy_log_level level;

    (void)state;
    assert_true(osy_log_level_parse("debug", &level));
    assert_int_equal(level, OSY_LOG_DEBUG);
    assert_true(osy_log_level_parse("error", &level));
    assert_int_equal(level, OSY_LOG_ERROR);
    assert_false(osy_log_level_parse("ERROR", &level));
    assert_false(osy_log_level_parse("", &level));
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture_stderr, restore_stderr)

static void limit_lets_one_line_a_second_through(void **state)
{
    struct osy_log_limit limit = {0};
    uint64_t suppressed = 99;
    (void)state;
    assert_true(osy_log_limit_pass(&limit, 5000, &suppressed));
    assert_int_equal(suppressed, 0);
    assert_false(osy_log_limit_pass(&limit, 5000, &suppressed));
    assert_false(osy_log_limit_pass(&limit, 5999, &suppressed));
    assert_true(osy_log_limit_pass(&limit, 6000, &suppressed));
    assert_int_equal(suppressed, 2);
    assert_true(osy_log_limit_pass(&limit, 60000, &suppressed));
    assert_int_equal(suppressed, 0);
}

static void *pass_often(void *context)
{
    uint64_t passed = 0, suppressed = 0;
    for (int64_t i = 0; i < 20000; i++) {
        if (osy_log_limit_pass(context, 1000 + i / 100, &suppressed))
            passed += 1 + suppressed;
    }
    return (void *)(uintptr_t)passed;
}

static void limit_counts_what_threads_leave_out(void **state)
{
    struct osy_log_limit limit = {0};
    pthread_t threads[4];
    uint64_t counted = 0, suppressed = 0;
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &limit), 0);
    for (size_t i = 0; i < 4; i++) {
        void *passed = NULL;
        pthread_join(threads[i], &passed);
        counted += (uintptr_t)passed;
    }
    assert_int_equal(counted, 1); /* all happened within a second */
    assert_true(osy_log_limit_pass(&limit, 9000, &suppressed));
    assert_int_equal(counted + suppressed, 80000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(a_line_is_one_json_object),
        CAPTURED(hostile_text_stays_in_its_field),
        CAPTURED(a_long_text_is_cut_between_characters),
        CAPTURED(what_is_not_a_number_is_null),
        CAPTURED(levels_below_the_least_are_silent),
        CAPTURED(the_trace_of_the_thread_is_added),
        CAPTURED(lines_of_several_threads_do_not_mix),
        cmocka_unit_test(level_names_are_parsed),
        cmocka_unit_test(limit_lets_one_line_a_second_through),
        cmocka_unit_test(limit_counts_what_threads_leave_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
