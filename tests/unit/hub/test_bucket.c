#include "hub/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

enum { RATE = 20, BURST = 40, START_MS = 1000000 };

static int take_all(struct hub_bucket *bucket, int64_t now_ms)
{
    int taken = 0;
    while (hub_bucket_take(bucket, RATE, BURST, now_ms))
        taken++;
    return taken;
}

static void a_full_one_holds_the_burst(void **state)
{
    struct hub_bucket bucket;
    (void)state;
    hub_bucket_init(&bucket, BURST, START_MS);
    assert_int_equal(take_all(&bucket, START_MS), BURST);
    assert_int_equal(take_all(&bucket, START_MS), 0);
}

static void an_empty_one_fills_at_its_rate(void **state)
{
    struct hub_bucket bucket;
    int taken = 0;
    (void)state;
    hub_bucket_init(&bucket, BURST, START_MS);
    take_all(&bucket, START_MS);
    assert_int_equal(take_all(&bucket, START_MS + 49), 0);
    assert_int_equal(take_all(&bucket, START_MS + 50), 1);
    for (int64_t now_ms = START_MS + 51; now_ms <= START_MS + 10050; now_ms++)
        taken += take_all(&bucket, now_ms);
    assert_int_equal(taken, 10 * RATE);
}

static void a_long_pause_brings_no_more_than_the_burst(void **state)
{
    struct hub_bucket bucket;
    (void)state;
    hub_bucket_init(&bucket, BURST, START_MS);
    take_all(&bucket, START_MS);
    assert_int_equal(take_all(&bucket, INT64_MAX / 2), BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_one_holds_the_burst),
        cmocka_unit_test(an_empty_one_fills_at_its_rate),
        cmocka_unit_test(a_long_pause_brings_no_more_than_the_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
