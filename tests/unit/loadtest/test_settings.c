/* The command line, the environment file, and the pacer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/environment.h"
#include "loadtest/options.h"
#include "loadtest/pacer.h"

static void the_documented_command_is_understood(void **state)
{
    char *argv[] = {"x",      "--tablets", "2000",      "--customers", "8000",
                    "--rate", "200",       "--seconds", "60"};
    struct load_options options;
    (void)state;
    assert_true(load_options_parse(&options, 9, argv, NULL));
    assert_int_equal(options.tablets, 2000);
    assert_int_equal(options.customers, 8000);
    assert_int_equal(options.restaurants, 200);
    assert_true(options.rate == 200);
    assert_true(options.kitchen == 200);
    assert_int_equal(options.seconds, 60);
}

static void there_is_a_tablet_for_each_restaurant(void **state)
{
    char *argv[] = {"x", "--tablets=10", "--kitchen=0.5"};
    struct load_options options;
    (void)state;
    assert_true(load_options_parse(&options, 3, argv, NULL));
    assert_int_equal(options.restaurants, 10);
    assert_true(options.kitchen == 0.5);
}

static void jitter_is_two_numbers_of_seconds(void **state)
{
    char *argv[] = {"x", "--jitter", "15:0.5", "--ack"};
    struct load_options options;
    (void)state;
    assert_true(load_options_parse(&options, 4, argv, NULL));
    assert_int_equal(options.jitter.every_ms, 15000);
    assert_int_equal(options.jitter.for_ms, 500);
    assert_true(options.ack);
}

static void wrong_arguments_name_themselves(void **state)
{
    static const struct {
        char *argument, *value;
        const char *named;
    } cases[] = {
        {"--tablet", "1", "--tablet"},
        {"--tablets", NULL, "--tablets"},
        {"--tablets", "-1", "--tablets"},
        {"--tablets", "1.5", "--tablets"},
        {"--tablets", "1x", "--tablets"},
        {"--rate", "nan", "--rate"},
        {"--rate", "inf", "--rate"},
        {"--restaurants", "0", "--restaurants"},
        {"--seconds", "0", "--seconds"},
        {"--help=yes", NULL, "--help"},
        {"tablets", NULL, "tablets"},
        {"--", NULL, "--"},
        {"--jitter", "15", "--jitter"},
        {"--jitter", "15:", "--jitter"},
        {"--jitter", "0:2", "--jitter"},
        {"--jitter", "15:2x", "--jitter"},
        {"--jitter", "x:2", "--jitter"},
        {"--jitter", "15:nan", "--jitter"},
        {"--ack", "yes", "yes"},
        {"--ack=1", NULL, "--ack"},
        {"--skew", "-1", "--skew"},
        {"--cook", "1:2:3", "--cook"},
        {"--cook", "1:2:3:4:5", "--cook"},
        {"--generators", "65", "--generators"},
        {"--scenario", "/no/such.json", "/no/such.json"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *argv[] = {"x", cases[i].argument, cases[i].value};
        struct load_options options;
        struct osy_error err = {0};
        if (load_options_parse(&options, cases[i].value ? 3 : 2, argv, &err))
            fail_msg("was taken: %s", cases[i].argument);
        assert_non_null(strstr(err.message, cases[i].named));
    }
}

static void shell_assignments_are_read_as_a_shell_does(void **state)
{
    static const struct {
        const char *line, *name, *value; /* name NULL: not an assignment */
    } cases[] = {
        {"A=b", "A", "b"},
        {"export EDGE_URL='http://127.0.0.1:8080'\n", "EDGE_URL", "http://127.0.0.1:8080"},
        {"export PIDS=\"1 2\"", "PIDS", "1 2"},
        {"PIDS=1\\ 2", "PIDS", "1 2"},
        {"A='it'\\''s'", "A", "it's"},
        {"A=\"a\\\"b\\n\"", "A", "a\"b\\n"},
        {"A='a\\b'", "A", "a\\b"},
        {"A=b # comment", "A", "b"},
        {"A=", "A", ""},
        {"  A=''  ", "A", ""},
        {"# A=b", NULL, NULL},
        {"", NULL, NULL},
        {"A", NULL, NULL},
        {"1A=b", NULL, NULL},
        {"A='open", NULL, NULL},
        {"A=12345678901234567890123456789012", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char name[16], value[32];
        bool ok =
            load_environment_parse_line(cases[i].line, name, sizeof(name), value, sizeof(value));
        if (ok != (cases[i].name != NULL))
            fail_msg("%s", cases[i].line);
        if (!ok)
            continue;
        assert_string_equal(name, cases[i].name);
        assert_string_equal(value, cases[i].value);
    }
}

static void a_late_pacer_catches_up_on_its_schedule(void **state)
{
    struct load_pacer pacer;
    uint64_t due_ns;
    (void)state;
    load_pacer_start(&pacer, 1000, 5000000);
    assert_true(load_pacer_take(&pacer, 5000000, &due_ns));
    assert_int_equal(due_ns, 5000000);
    assert_false(load_pacer_take(&pacer, 5999999, &due_ns));
    assert_true(load_pacer_take(&pacer, 8000000, &due_ns));
    assert_int_equal(due_ns, 6000000);
    assert_true(load_pacer_take(&pacer, 8000000, &due_ns));
    assert_true(load_pacer_take(&pacer, 8000000, &due_ns));
    assert_int_equal(due_ns, 8000000);
    assert_false(load_pacer_take(&pacer, 8000000, &due_ns));
    assert_int_equal(pacer.launched, 4);
}

static void a_rate_of_zero_is_never(void **state)
{
    struct load_pacer pacer;
    uint64_t due_ns;
    (void)state;
    load_pacer_start(&pacer, 0, 0);
    assert_false(load_pacer_take(&pacer, UINT64_MAX, &due_ns));
}

static size_t take_all(struct load_pacer *pacer, uint64_t until_ns, uint64_t *last_ns)
{
    size_t count = 0;
    while (load_pacer_take(pacer, until_ns, last_ns))
        count++;
    return count;
}

static void a_rate_may_rise_and_fall_evenly(void **state)
{
    struct load_pacer pacer;
    uint64_t due_ns = 0;
    (void)state;
    load_pacer_start_slope(&pacer, 0, 200, 10, 0);
    assert_int_equal(take_all(&pacer, UINT64_C(5000000000), &due_ns), 251); /* one is due at once */
    assert_int_equal(take_all(&pacer, UINT64_C(9999999999), &due_ns), 749);
    load_pacer_start_slope(&pacer, 200, 0, 10, 0);
    assert_int_equal(take_all(&pacer, UINT64_C(5000000000), &due_ns), 751);
    assert_int_equal(take_all(&pacer, UINT64_C(60000000000), &due_ns), 250);
    assert_int_equal(due_ns, UINT64_C(10000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_command_is_understood),
        cmocka_unit_test(there_is_a_tablet_for_each_restaurant),
        cmocka_unit_test(jitter_is_two_numbers_of_seconds),
        cmocka_unit_test(wrong_arguments_name_themselves),
        cmocka_unit_test(shell_assignments_are_read_as_a_shell_does),
        cmocka_unit_test(a_late_pacer_catches_up_on_its_schedule),
        cmocka_unit_test(a_rate_of_zero_is_never),
        cmocka_unit_test(a_rate_may_rise_and_fall_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
