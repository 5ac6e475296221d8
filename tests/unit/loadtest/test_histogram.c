#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loadtest/histogram.h"

static void empty_histogram_answers_zero(void **state)
{
    struct load_histogram histogram = {.total = 0};
    (void)state;
    assert_int_equal(load_histogram_quantile(&histogram, 0.5), 0);
    assert_int_equal(load_histogram_quantile(&histogram, 1), 0);
    assert_true(load_histogram_mean(&histogram) == 0);
}

static void small_values_are_exact(void **state)
{
    struct load_histogram histogram = {.total = 0};
    (void)state;
    for (uint64_t value = 1; value <= 2000; value++)
        load_histogram_record(&histogram, value);
    assert_int_equal(load_histogram_quantile(&histogram, 0), 1);
    assert_int_equal(load_histogram_quantile(&histogram, 0.5), 1000);
    assert_int_equal(load_histogram_quantile(&histogram, 0.99), 1980);
    assert_int_equal(load_histogram_quantile(&histogram, 0.999), 1998);
    assert_int_equal(load_histogram_quantile(&histogram, 1), 2000);
}

/* Alone in a histogram a value is its own maximum; the larger one behind it lets its bucket show. */
static uint64_t kept_as(uint64_t value)
{
    struct load_histogram histogram = {.total = 0};
    load_histogram_record(&histogram, value);
    load_histogram_record(&histogram, LOAD_HISTOGRAM_MOST);
    uint64_t kept = load_histogram_quantile(&histogram, 0.5);
    return kept;
}

static void every_value_keeps_three_significant_digits(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < LOAD_HISTOGRAM_MOST; value += value / 37 + 1) {
        uint64_t kept = kept_as(value);
        assert_true(kept >= value);
        assert_true((kept - value) * 1000 <= value);
    }
}

static void powers_of_two_and_their_neighbours_stay_apart(void **state)
{
    (void)state;
    for (unsigned bit = 11; bit < 31; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        assert_int_equal(kept_as(power - 1), power - 1);
        assert_true(kept_as(power) >= power);
        assert_true(kept_as(power) < power + (power >> 9));
    }
}

static void quantiles_agree_with_sorted_values(void **state)
{
    const size_t count = 10000;
    static const double quantiles[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t *values = calloc(count, sizeof(*values));
    struct load_histogram histogram = {.total = 0};
    uint64_t seed = 42;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t value = (seed >> 33) % 5000000;
        load_histogram_record(&histogram, value);
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
        uint64_t exact = values[(size_t)(quantiles[i] * (double)count) - 1];
        uint64_t told = load_histogram_quantile(&histogram, quantiles[i]);
        assert_true(told >= exact);
        assert_true((told - exact) * 1000 <= exact);
    }
    free(values);
}

static void merging_is_recording_both(void **state)
{
    struct load_histogram one = {.total = 0}, other = {.total = 0};
    (void)state;
    load_histogram_record(&one, 10);
    load_histogram_record(&other, 20);
    load_histogram_record(&other, 30);
    load_histogram_merge(&one, &other);
    assert_int_equal(one.total, 3);
    assert_int_equal(load_histogram_quantile(&one, 0), 10);
    assert_int_equal(load_histogram_quantile(&one, 0.5), 20);
    assert_int_equal(load_histogram_quantile(&one, 1), 30);
    assert_true(load_histogram_mean(&one) == 20);
}

static void parts_merged_are_the_whole(void **state)
{
    struct load_histogram whole = {.total = 0}, merged = {.total = 0};
    struct load_histogram parts[3] = {{.total = 0}, {.total = 0}, {.total = 0}};
    uint64_t value = 7;
    (void)state;
    for (size_t i = 0; i < 30000; i++) {
        value = value * 48271 % 2147483647;
        load_histogram_record(&whole, value % 9000000);
        load_histogram_record(&parts[i % 3], value % 9000000);
    }
    for (size_t i = 0; i < 3; i++)
        load_histogram_merge(&merged, &parts[i]);
    assert_memory_equal(merged.counts, whole.counts, sizeof(whole.counts));
    assert_int_equal(merged.total, whole.total);
    assert_int_equal(merged.most, whole.most);
    for (double quantile = 0; quantile <= 1; quantile += 0.001)
        assert_int_equal(load_histogram_quantile(&merged, quantile),
                         load_histogram_quantile(&whole, quantile));
}

static void what_came_since_a_copy_can_be_told(void **state)
{
    struct load_histogram now = {.total = 0}, since = {.total = 99, .most = 99};
    (void)state;
    load_histogram_record(&now, 5);
    load_histogram_record(&now, 900000);
    struct load_histogram before = now;
    load_histogram_record(&now, 30);
    load_histogram_record(&now, 50);
    load_histogram_since(&since, &now, &before);
    assert_int_equal(since.total, 2);
    assert_int_equal(load_histogram_quantile(&since, 0.5), 30);
    assert_int_equal(load_histogram_quantile(&since, 1), 50);
    assert_true(load_histogram_mean(&since) == 40);
}

static void values_above_an_hour_count_as_an_hour(void **state)
{
    struct load_histogram histogram = {.total = 0};
    (void)state;
    load_histogram_record(&histogram, UINT64_MAX);
    assert_int_equal(load_histogram_quantile(&histogram, 1), LOAD_HISTOGRAM_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_histogram_answers_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(every_value_keeps_three_significant_digits),
        cmocka_unit_test(powers_of_two_and_their_neighbours_stay_apart),
        cmocka_unit_test(quantiles_agree_with_sorted_values),
        cmocka_unit_test(merging_is_recording_both),
        cmocka_unit_test(parts_merged_are_the_whole),
        cmocka_unit_test(what_came_since_a_copy_can_be_told),
        cmocka_unit_test(values_above_an_hour_count_as_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
