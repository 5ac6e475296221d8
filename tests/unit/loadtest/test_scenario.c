#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/options.h"
#include "loadtest/scenario.h"

static bool parse(const char *text, struct load_options *options, struct osy_error *err)
{
    *options = (struct load_options){.tablets = 5, .kitchen = -1};
    return load_scenario_parse(options, text, strlen(text), err);
}

static void a_scenario_sets_options_by_their_names(void **state)
{
    struct load_options options;
    (void)state;
    assert_true(parse("{\"description\":\"x\",\"customers\":7,\"rate\":2.5,\"jitter\":\"15:2\","
                      "\"ack\":true,\"walk-in\":true,\"cook\":\"1:2:3:4.5\",\"stall-after\":3}",
                      &options, NULL));
    assert_int_equal(options.tablets, 5);
    assert_int_equal(options.customers, 7);
    assert_true(options.rate == 2.5 && options.ack && options.walk_in && options.cook.is_set);
    assert_true(options.cook.mean_s[3] == 4.5);
    assert_int_equal(options.jitter.every_ms, 15000);
    assert_int_equal(options.stall_after, 3);
}

static void phases_follow_one_another(void **state)
{
    struct load_options options;
    (void)state;
    assert_true(parse("{\"phases\":[{\"seconds\":5,\"rate\":[0,1]},"
                      "{\"name\":\"storm\",\"seconds\":2.5,\"rate\":3,\"cut\":0.5,\"away\":1.5}]}",
                      &options, NULL));
    assert_int_equal(options.phase_count, 2);
    assert_string_equal(options.phases[0].name, "1");
    assert_true(options.phases[0].from == 0 && options.phases[0].to == 1);
    assert_string_equal(options.phases[1].name, "storm");
    assert_true(options.phases[1].from == 3 && options.phases[1].to == 3);
    assert_true(options.phases[1].cut == 0.5);
    assert_int_equal(options.phases[1].away_ms, 1500);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"tablet\":1}", "'tablet' is not a known field"},
        {"{\"url\":\"http://x\"}", "'url' is not a known field"},
        {"{\"tablets\":-1}", "'tablets' must be an integer from 0 to 100000"},
        {"{\"tablets\":1.5}", "'tablets' must be an integer"},
        {"{\"tablets\":\"1\"}", "'tablets' must be a number"},
        {"{\"tablets\":null}", "'tablets' must be"},
        {"{\"ack\":1}", "'ack' must be true or false"},
        {"{\"jitter\":15}", "'jitter' must be a text"},
        {"{\"jitter\":\"15\"}", "'jitter' must be two numbers"},
        {"{\"skew\":9}", "'skew' must be a number from 0 to 3"},
        {"{\"description\":1}", "'description'"},
        {"{\"phases\":[]}", "'phases' must be an array of 1 to 16"},
        {"{\"phases\":{}}", "'phases' must be an array"},
        {"{\"phases\":[1]}", "'phases[0]' must be an object"},
        {"{\"phases\":[{\"seconds\":1},{\"rate\":1}]}", "'phases[1].seconds' is missing"},
        {"{\"phases\":[{\"seconds\":0}]}", "'phases[0].seconds' must be a number from 0.1"},
        {"{\"phases\":[{\"seconds\":1,\"rate\":[1]}]}", "'phases[0].rate'"},
        {"{\"phases\":[{\"seconds\":1,\"rate\":[1,-1]}]}", "'phases[0].rate'"},
        {"{\"phases\":[{\"seconds\":1,\"cut\":2}]}",
         "'phases[0].cut' must be a number from 0 to 1"},
        {"{\"phases\":[{\"seconds\":1,\"away\":\"2\"}]}", "'phases[0].away'"},
        {"{\"phases\":[{\"seconds\":1,\"name\":\"\"}]}", "'phases[0].name'"},
        {"{\"phases\":[{\"seconds\":1,\"speed\":1}]}", "'phases[0].speed' is not a known field"},
        {"{\"rate\":1,\"rate\":2}", "twice"},
        {"[]", "object"},
        {"{", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_options options;
        struct osy_error err = {0};
        if (parse(cases[i].text, &options, &err))
            fail_msg("was taken: %s", cases[i].text);
        if (!strstr(err.message, cases[i].named))
            fail_msg("%s: %s", cases[i].text, err.message);
    }
}

static void every_scenario_that_we_ship_can_be_read(void **state)
{
    static const char *const names[] = {"dinner",    "jitter",       "reconnect-storm",
                                        "broadcast", "slow-readers", "slow-start"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[128];
        struct load_options options = {0};
        struct osy_error err = {0};
        snprintf(path, sizeof(path), "loadtest/scenarios/%s.json", names[i]);
        if (!load_scenario_read(&options, path, &err))
            fail_msg("%s", err.message);
    }
}

static void the_command_line_goes_before_the_file_wherever_it_stands(void **state)
{
    char *argv[] = {"x",         "--rate", "7", "--scenario", "loadtest/scenarios/dinner.json",
                    "--seconds", "30"};
    struct load_options options;
    double seconds = 0;
    (void)state;
    assert_true(load_options_parse(&options, 7, argv, NULL));
    assert_true(options.rate == 7);
    for (size_t i = 0; i < options.phase_count; i++)
        seconds += options.phases[i].seconds;
    assert_true(seconds > 29.999 && seconds < 30.001);
}

static void without_phases_there_is_one_of_the_whole_length(void **state)
{
    char *argv[] = {"x", "--seconds", "9"};
    struct load_options options;
    (void)state;
    assert_true(load_options_parse(&options, 3, argv, NULL));
    assert_int_equal(options.phase_count, 1);
    assert_true(options.phases[0].seconds == 9 && options.phases[0].to == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scenario_sets_options_by_their_names),
        cmocka_unit_test(phases_follow_one_another),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(every_scenario_that_we_ship_can_be_read),
        cmocka_unit_test(the_command_line_goes_before_the_file_wherever_it_stands),
        cmocka_unit_test(without_phases_there_is_one_of_the_whole_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
