#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/stages.h"

static const char page[] = "HTTP/1.1 200 OK\r\n\r\n"
                           "# HELP a_seconds A.\n"
                           "a_seconds_bucket{le=\"0.001\"} 2\n"
                           "a_seconds_bucket{le=\"0.01\"} 6\n"
                           "a_seconds_bucket{le=\"+Inf\"} 7\n"
                           "a_seconds_sum 0.5\n"
                           "a_seconds_count 7\n"
                           "b_seconds_bucket{le=\"0.5\"} 1\n"
                           "b_seconds_bucket{le=\"+Inf\"} 1\n"
                           "b_seconds_sum 0.25\n"
                           "b_seconds_count 1\n";

static void a_histogram_is_read_by_its_name(void **state)
{
    struct load_stage_histogram a = {.total = 0}, b = {.total = 0}, c = {.total = 0};
    (void)state;
    assert_true(load_stage_parse(&a, page, "a_seconds"));
    assert_true(load_stage_parse(&b, page, "b_seconds"));
    assert_false(load_stage_parse(&c, page, "c_seconds"));
    assert_int_equal(a.bound_count, 2);
    assert_int_equal(a.counts[0], 2);
    assert_int_equal(a.counts[1], 4);
    assert_int_equal(a.counts[2], 1);
    assert_int_equal(a.total, 7);
    assert_true(load_stage_mean(&b) == 0.25);
}

static void servers_of_a_kind_add_up_and_bounds_must_agree(void **state)
{
    static const char other[] = "\na_seconds_bucket{le=\"0.002\"} 2\n"
                                "a_seconds_bucket{le=\"+Inf\"} 2\na_seconds_sum 1\n";
    struct load_stage_histogram a = {.total = 0};
    (void)state;
    assert_true(load_stage_parse(&a, page, "a_seconds"));
    assert_true(load_stage_parse(&a, page, "a_seconds"));
    assert_int_equal(a.total, 14);
    assert_int_equal(a.counts[1], 8);
    assert_true(a.sum == 1);
    assert_false(load_stage_parse(&a, other, "a_seconds"));
}

static void quantiles_lie_inside_of_their_bucket(void **state)
{
    struct load_stage_histogram a = {.total = 0};
    (void)state;
    assert_true(load_stage_quantile(&a, 0.5) == 0);
    assert_true(load_stage_parse(&a, page, "a_seconds"));
    double median = load_stage_quantile(&a, 0.5); /* 1.5 of the second bucket's 4 */
    assert_true(median > 0.00437 && median < 0.00438);
    assert_true(load_stage_quantile(&a, 1) == 0.01); /* above all bounds: the last one */
}

static void what_was_before_is_subtracted(void **state)
{
    struct load_stages before = {.is_known = true}, now = {.is_known = true};
    (void)state;
    for (size_t i = 0; i < LOAD_STAGES; i++) {
        assert_true(load_stage_parse(&before.of[i], page, "a_seconds"));
        assert_true(load_stage_parse(&now.of[i], page, "a_seconds"));
        now.of[i].counts[0] += 3;
        now.of[i].total += 3;
        now.of[i].sum += 0.001;
    }
    assert_true(load_stages_subtract(&now, &before));
    assert_int_equal(now.of[LOAD_STAGE_WRITE].total, 3);
    assert_int_equal(now.of[LOAD_STAGE_WRITE].counts[0], 3);
    assert_int_equal(now.of[LOAD_STAGE_WRITE].counts[1], 0);
}

static void a_server_that_was_restarted_leaves_nothing_known(void **state)
{
    struct load_stages before = {.is_known = true}, now = {.is_known = true};
    (void)state;
    for (size_t i = 0; i < LOAD_STAGES; i++)
        assert_true(load_stage_parse(&before.of[i], page, "a_seconds"));
    assert_false(load_stages_subtract(&now, &before));
}

/* Of several servers the others may have counted more meanwhile than the one had before. */
static void a_restart_shows_even_where_every_count_has_grown(void **state)
{
    struct load_stages before = {.is_known = true}, now = {.is_known = true};
    (void)state;
    assert_true(load_stage_parse_start(&before.started_s, "\nprocess_start_time_seconds 100.5\n"));
    assert_true(load_stage_parse_start(&before.started_s, "\nprocess_start_time_seconds 200\n"));
    assert_true(load_stage_parse_start(&now.started_s, "\nprocess_start_time_seconds 100.5\n"));
    assert_true(load_stage_parse_start(&now.started_s, "\nprocess_start_time_seconds 207\n"));
    for (size_t i = 0; i < LOAD_STAGES; i++)
        assert_true(load_stage_parse(&now.of[i], page, "a_seconds"));
    for (size_t i = 0; i < LOAD_STAGES; i++)
        before.of[i].bound_count = now.of[i].bound_count;
    assert_false(load_stages_subtract(&now, &before));
    assert_false(load_stage_parse_start(&now.started_s, page));
}

static void a_server_that_did_not_answer_leaves_nothing_known(void **state)
{
    struct load_stages before = {.is_known = false}, now = {.is_known = true};
    (void)state;
    assert_false(load_stages_subtract(&now, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_is_read_by_its_name),
        cmocka_unit_test(servers_of_a_kind_add_up_and_bounds_must_agree),
        cmocka_unit_test(quantiles_lie_inside_of_their_bucket),
        cmocka_unit_test(what_was_before_is_subtracted),
        cmocka_unit_test(a_server_that_was_restarted_leaves_nothing_known),
        cmocka_unit_test(a_restart_shows_even_where_every_count_has_grown),
        cmocka_unit_test(a_server_that_did_not_answer_leaves_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
