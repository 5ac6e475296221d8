#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/zipf.h"

static void without_skew_all_weigh_the_same(void **state)
{
    struct load_zipf zipf;
    (void)state;
    load_zipf_init(&zipf, 0, 0, 1, 4);
    assert_int_equal(zipf.count, 4);
    assert_true(load_zipf_total(&zipf) == 4);
    assert_int_equal(load_zipf_at(&zipf, 0), 0);
    assert_int_equal(load_zipf_at(&zipf, 0.2499), 0);
    assert_int_equal(load_zipf_at(&zipf, 0.25), 1);
    assert_int_equal(load_zipf_at(&zipf, 0.9999999), 3);
    load_zipf_deinit(&zipf);
}

static void with_one_the_weights_are_a_half_a_third_a_quarter(void **state)
{
    struct load_zipf zipf;
    (void)state;
    load_zipf_init(&zipf, 1, 0, 1, 4); /* 12, 6, 4 and 3 of 25 */
    assert_int_equal(load_zipf_at(&zipf, 11.9 / 25), 0);
    assert_int_equal(load_zipf_at(&zipf, 12.1 / 25), 1);
    assert_int_equal(load_zipf_at(&zipf, 18.1 / 25), 2);
    assert_int_equal(load_zipf_at(&zipf, 22.1 / 25), 3);
    load_zipf_deinit(&zipf);
}

static void generators_share_the_numbers_out(void **state)
{
    double all = 0, parts = 0;
    (void)state;
    for (size_t i = 0; i < 101; i++)
        all += load_zipf_weight(1.3, i);
    for (size_t first = 0; first < 3; first++) {
        struct load_zipf zipf;
        load_zipf_init(&zipf, 1.3, first, 3, 101);
        assert_int_equal(zipf.count, first < 2 ? 34 : 33);
        parts += load_zipf_total(&zipf);
        load_zipf_deinit(&zipf);
    }
    assert_true(parts > all - 1e-9 && parts < all + 1e-9);
}

/* Of 100,000 draws from 5, each count lies within six standard deviations: no chance to see otherwise. */
static void draws_follow_the_weights(void **state)
{
    static const double expected[] = {43795.6, 21897.8, 14598.5, 10948.9, 8759.1};
    size_t counts[5] = {0};
    struct load_zipf zipf;
    (void)state;
    load_zipf_init(&zipf, 1, 0, 1, 5);
    for (int i = 0; i < 100000; i++)
        counts[load_zipf_draw(&zipf)]++;
    for (size_t i = 0; i < 5; i++)
        assert_true((double)counts[i] > expected[i] - 950 && (double)counts[i] < expected[i] + 950);
    load_zipf_deinit(&zipf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_skew_all_weigh_the_same),
        cmocka_unit_test(with_one_the_weights_are_a_half_a_third_a_quarter),
        cmocka_unit_test(generators_share_the_numbers_out),
        cmocka_unit_test(draws_follow_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
