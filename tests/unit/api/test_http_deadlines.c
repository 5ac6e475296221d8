#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/http/deadlines.h"

#define TIMER_COUNT 300

struct timer {
    struct api_deadline deadline;
    struct api_deadlines *wheel;
    int64_t expected_ms, fired_ms; /* fired_ms 0: not yet */
    struct timer *clears;          /* what it clears when it fires */
    int64_t again_ms;              /* when it sets itself again; 0: never */
    int fired_count;
};

static int64_t now_ms; /* the tests' clock */

static void on_due(void *owner)
{
    struct timer *timer = owner;
    timer->fired_ms = now_ms;
    timer->fired_count++;
    if (timer->clears)
        api_deadline_clear(&timer->clears->deadline);
    if (timer->again_ms)
        api_deadlines_set(timer->wheel, &timer->deadline, timer->again_ms);
    timer->again_ms = 0;
}

static void set(struct api_deadlines *wheel, struct timer *timer, int64_t due_ms)
{
    timer->deadline.fn = on_due;
    timer->deadline.owner = timer;
    timer->wheel = wheel;
    timer->expected_ms = due_ms;
    api_deadlines_set(wheel, &timer->deadline, due_ms);
}

static void run_until(struct api_deadlines *wheel, int64_t end_ms, int64_t step_ms)
{
    for (; now_ms <= end_ms; now_ms += step_ms)
        api_deadlines_sweep(wheel, now_ms);
}

static void deadlines_fire_in_their_tick_and_never_early(void **state)
{
    static const int64_t steps[] = {1, 250, 333, 5000};
    (void)state;
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        static struct timer timers[TIMER_COUNT];
        struct api_deadlines wheel;
        now_ms = 1000007;
        api_deadlines_init(&wheel, now_ms);
        for (int i = 0; i < TIMER_COUNT; i++) {
            timers[i] = (struct timer){0};
            set(&wheel, &timers[i], now_ms + i * 7);
        }
        run_until(&wheel, now_ms + 15000, steps[s]);
        for (int i = 0; i < TIMER_COUNT; i++) {
            int64_t late_ms = timers[i].fired_ms - timers[i].expected_ms;
            assert_int_equal(timers[i].fired_count, 1);
            assert_in_range(late_ms, 0, API_DEADLINES_TICK_MS + steps[s]);
        }
    }
}

static void deadline_beyond_a_round_waits_for_it(void **state)
{
    struct api_deadlines wheel;
    struct timer timer = {0};
    int64_t due_ms;
    (void)state;
    now_ms = 500;
    due_ms = now_ms + (int64_t)API_DEADLINES_TICK_MS * API_DEADLINES_SLOTS * 2 + 10;
    api_deadlines_init(&wheel, now_ms);
    set(&wheel, &timer, due_ms);
    run_until(&wheel, due_ms - 1, 100);
    assert_int_equal(timer.fired_count, 0);
    run_until(&wheel, due_ms + 1000, 100);
    assert_int_equal(timer.fired_count, 1);
}

static void sweep_after_a_long_sleep_misses_nothing(void **state)
{
    struct api_deadlines wheel;
    struct timer near = {0}, far = {0};
    (void)state;
    now_ms = 1;
    api_deadlines_init(&wheel, now_ms);
    set(&wheel, &near, 300);
    set(&wheel, &far, 100000);
    now_ms = 1000000;
    api_deadlines_sweep(&wheel, now_ms);
    assert_int_equal(near.fired_count, 1);
    assert_int_equal(far.fired_count, 1);
}

static void moved_and_cleared_deadlines_do_not_fire(void **state)
{
    struct api_deadlines wheel;
    struct timer moved = {0}, cleared = {0};
    (void)state;
    now_ms = 1;
    api_deadlines_init(&wheel, now_ms);
    set(&wheel, &moved, 500);
    set(&wheel, &cleared, 500);
    set(&wheel, &moved, 3000);
    api_deadline_clear(&cleared.deadline);
    api_deadline_clear(&cleared.deadline);
    run_until(&wheel, 2999, 250);
    assert_int_equal(moved.fired_count, 0);
    run_until(&wheel, 4000, 250);
    assert_int_equal(moved.fired_count, 1);
    assert_int_equal(cleared.fired_count, 0);
}

static void callback_may_clear_its_neighbour_and_set_itself(void **state)
{
    struct api_deadlines wheel;
    struct timer first = {0}, second = {0};
    (void)state;
    now_ms = 1;
    api_deadlines_init(&wheel, now_ms);
    set(&wheel, &first, 500);
    set(&wheel, &second, 500);
    first.clears = &second;
    second.clears = &first; /* whichever comes first ends the other */
    run_until(&wheel, 1000, 250);
    assert_int_equal(first.fired_count + second.fired_count, 1);
    first = second = (struct timer){0};
    set(&wheel, &first, 1500);
    first.again_ms = 2500;
    run_until(&wheel, 4000, 250);
    assert_int_equal(first.fired_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_fire_in_their_tick_and_never_early),
        cmocka_unit_test(deadline_beyond_a_round_waits_for_it),
        cmocka_unit_test(sweep_after_a_long_sleep_misses_nothing),
        cmocka_unit_test(moved_and_cleared_deadlines_do_not_fire),
        cmocka_unit_test(callback_may_clear_its_neighbour_and_set_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
