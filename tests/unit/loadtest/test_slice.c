#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/slice.h"

static struct load_options options_of(const char *first, const char *second)
{
    char *argv[] = {"x", (char *)(uintptr_t)first, (char *)(uintptr_t)second};
    struct load_options options;
    assert_true(load_options_parse(&options, second ? 3 : 2, argv, NULL));
    return options;
}

static void slices_add_up(const struct load_options *whole, size_t count)
{
    long tablets = 0, customers = 0, dashboards = 0, stalled = 0, restaurants = 0;
    double rate = 0, kitchen = 0;
    for (size_t i = 0; i < count; i++) {
        struct load_options slice;
        load_slice_cut(&slice, whole, i, count);
        tablets += slice.tablets;
        customers += slice.customers;
        dashboards += slice.dashboards;
        stalled += slice.stalled;
        restaurants += slice.restaurants;
        rate += slice.rate;
        kitchen += slice.kitchen;
        assert_true(slice.restaurants >= 1 && slice.tablets >= 0 && slice.customers >= 0);
    }
    assert_int_equal(tablets, whole->tablets);
    assert_int_equal(customers, whole->customers);
    assert_int_equal(dashboards, whole->dashboards);
    assert_int_equal(stalled, whole->stalled);
    assert_int_equal(restaurants, whole->restaurants);
    assert_true(rate > whole->rate - 1e-6 && rate < whole->rate + 1e-6);
    assert_true(kitchen > whole->kitchen - 1e-6 && kitchen < whole->kitchen + 1e-6);
}

static void all_slices_together_are_the_whole(void **state)
{
    struct load_options options = options_of("--tablets=1999", "--customers=8003");
    (void)state;
    options.dashboards = 11;
    options.stalled = 7;
    for (size_t count = 1; count <= 9; count++)
        for (double skew = 0; skew <= 2; skew += 0.5) {
            options.skew = skew;
            slices_add_up(&options, count);
        }
}

static void one_slice_is_the_whole(void **state)
{
    struct load_options options = options_of("--tablets=1999", NULL), slice;
    (void)state;
    load_slice_cut(&slice, &options, 0, 1);
    assert_int_equal(slice.tablets, options.tablets);
    assert_int_equal(slice.customers, options.customers);
    assert_int_equal(slice.ramp, options.ramp);
    assert_true(slice.rate == options.rate);
}

static void a_restaurant_has_one_generator_at_most(void **state)
{
    struct load_options options = options_of("--generators=8", "--restaurants=3");
    (void)state;
    assert_int_equal(load_slice_count(&options, 64), 3);
}

static void a_small_load_needs_one_and_a_large_one_more(void **state)
{
    struct load_options small = options_of("--rate=50", NULL);
    struct load_options large = options_of("--rate=20000", NULL);
    (void)state;
    assert_int_equal(load_slice_count(&small, 16), 1);
    assert_true(load_slice_count(&large, 16) > 2);
    assert_int_equal(load_slice_count(&large, 2), 1); /* the servers need the other core */
    large.generators = 2;
    assert_int_equal(load_slice_count(&large, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_slices_together_are_the_whole),
        cmocka_unit_test(one_slice_is_the_whole),
        cmocka_unit_test(a_restaurant_has_one_generator_at_most),
        cmocka_unit_test(a_small_load_needs_one_and_a_large_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
