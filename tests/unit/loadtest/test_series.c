#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/series.h"

static struct load_stats stats;

static void each_moment_has_what_came_in_it(void **state)
{
    static struct load_series series;
    struct load_balance balance = {.group_count = 1, .groups = {{.name = "HUB", .cpu_us = 500}}};
    (void)state;
    stats.orders.accepted = 100; /* before the load */
    load_histogram_record(&stats.to_socket[LOAD_PART_BEFORE], 9000);
    load_series_begin(&series, &stats, &balance);
    stats.orders.accepted = 130;
    stats.to_tablets = 60;
    load_histogram_record(&stats.to_socket[LOAD_PART_BEFORE], 20);
    load_histogram_record(&stats.to_socket[LOAD_PART_AFTER], 40);
    balance.groups[0].cpu_us = 1700;
    load_series_note(&series, 1.5, &stats, &balance);
    load_series_note(&series, 2, &stats, &balance);
    assert_int_equal(series.count, 2);
    assert_int_equal(series.moments[0].orders, 30);
    assert_int_equal(series.moments[0].deliveries, 60);
    assert_int_equal(series.moments[0].p50_us, 20);
    assert_int_equal(series.moments[0].most_us, 40);
    assert_int_equal(series.moments[0].cpu_us[0], 1200);
    assert_true(series.moments[0].seconds == 1.5);
    assert_int_equal(series.moments[1].orders, 0);
    assert_int_equal(series.moments[1].most_us, 0);
    assert_true(series.moments[1].seconds == 0.5);
    load_series_deinit(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_moment_has_what_came_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
