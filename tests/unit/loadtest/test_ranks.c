#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/ranks.h"

static void the_median_is_in_the_middle(void **state)
{
    (void)state;
    assert_true(load_median((double[]){5, 1, 3}, 3) == 3);
    assert_true(load_median((double[]){4, 1, 3, 2}, 4) == 2.5);
    assert_true(load_median(NULL, 0) == 0);
}

static bool is_near(double number, double expected)
{
    return number > expected - 1e-9 && number < expected + 1e-9;
}

/* By the tables: two-sided, 2 of "n of all" ways lie as far apart. */
static void sets_that_lie_apart_have_the_smallest_p(void **state)
{
    (void)state;
    assert_true(is_near(load_ranks_p((double[]){1, 2, 3}, 3, (double[]){4, 5, 6}, 3), 0.1));
    assert_true(
        is_near(load_ranks_p((double[]){9, 8, 7, 6}, 4, (double[]){1, 2, 3, 4}, 4), 2.0 / 70));
    assert_true(is_near(load_ranks_least_p(3, 3), 0.1));
    assert_true(is_near(load_ranks_least_p(4, 4), 2.0 / 70));
    assert_true(is_near(load_ranks_least_p(1, 1), 1));
    assert_true(is_near(load_ranks_p((double[]){1, 2, 3, 4, 5}, 5, (double[]){6, 7, 8, 9, 10}, 5),
                        2.0 / 252));
}

/* U = 3 of 9: 7 of 20 ways are as far below, as many above. */
static void sets_that_overlap_have_a_larger_one(void **state)
{
    (void)state;
    assert_true(is_near(load_ranks_p((double[]){1, 2, 6}, 3, (double[]){3, 4, 5}, 3), 0.7));
}

static void equal_sets_cannot_be_told_apart(void **state)
{
    (void)state;
    assert_true(is_near(load_ranks_p((double[]){2, 2, 2}, 3, (double[]){2, 2, 2}, 3), 1));
    assert_true(is_near(load_ranks_p((double[]){1, 2}, 2, (double[]){1, 2}, 2), 1));
    assert_true(is_near(load_ranks_p(NULL, 0, (double[]){1}, 1), 1));
}

static void the_largest_sets_are_counted_without_overflow(void **state)
{
    double a[LOAD_RANKS_MOST], b[LOAD_RANKS_MOST];
    (void)state;
    for (size_t i = 0; i < LOAD_RANKS_MOST; i++) {
        a[i] = (double)i;
        b[i] = (double)i + 1000;
    }
    double p = load_ranks_p(a, LOAD_RANKS_MOST, b, LOAD_RANKS_MOST);
    assert_true(p > 0 && p < 1e-15);
    assert_true(load_ranks_p(a, LOAD_RANKS_MOST, a, LOAD_RANKS_MOST) > 0.99);
}

static void the_interval_holds_the_ratio(void **state)
{
    const double a[] = {10, 11, 9, 10, 12}, b[] = {20, 22, 19, 21, 20};
    (void)state;
    struct load_interval interval = load_ratio_interval(a, 5, b, 5);
    assert_true(interval.low >= 19.0 / 12 && interval.low <= 2);
    assert_true(interval.high >= 2 && interval.high <= 22.0 / 9);
    struct load_interval again = load_ratio_interval(a, 5, b, 5);
    assert_true(interval.low == again.low && interval.high == again.high);
    interval = load_ratio_interval((double[]){5}, 1, (double[]){10}, 1);
    assert_true(interval.low == 2 && interval.high == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_in_the_middle),
        cmocka_unit_test(sets_that_lie_apart_have_the_smallest_p),
        cmocka_unit_test(sets_that_overlap_have_a_larger_one),
        cmocka_unit_test(equal_sets_cannot_be_told_apart),
        cmocka_unit_test(the_largest_sets_are_counted_without_overflow),
        cmocka_unit_test(the_interval_holds_the_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
