#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <stdbool.h>

#include "shared/backoff.h"

static void delays_stay_below_a_bound_that_doubles(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct osy_backoff backoff = {.first_ms = 50, .most_ms = 2000};
        uint32_t bound_ms = 50;

        for (int attempt = 0; attempt < 100; attempt++) {
            assert_true(osy_backoff_next_ms(&backoff) <= bound_ms);
            bound_ms = bound_ms * 2 < 2000 ? bound_ms * 2 : 2000;
        }
    }
}

static void jitter_uses_the_whole_range(void **state)
{
    struct osy_backoff backoff = {.first_ms = 1, .most_ms = 1};
    bool zero = false, one = false;

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint32_t delay_ms = osy_backoff_next_ms(&backoff);

        zero |= delay_ms == 0;
        one |= delay_ms == 1;
    }
    assert_true(zero && one);
}

static void a_success_starts_it_anew(void **state)
{
    struct osy_backoff backoff = {.first_ms = 10, .most_ms = UINT32_MAX, .attempt = UINT32_MAX};

    (void)state;
    osy_backoff_next_ms(&backoff);
    assert_int_equal(backoff.attempt, UINT32_MAX); /* counts no further */
    osy_backoff_reset(&backoff);
    assert_true(osy_backoff_next_ms(&backoff) <= 10);
    assert_int_equal(backoff.attempt, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_stay_below_a_bound_that_doubles),
        cmocka_unit_test(jitter_uses_the_whole_range),
        cmocka_unit_test(a_success_starts_it_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
