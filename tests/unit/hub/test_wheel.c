#include <stdbool.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/wheel.h"

enum { TIMERS = 200 };

static struct hub_wheel wheel;
static int64_t now_ms;

static struct item {
    struct hub_wheel_timer timer; /* first: the callback casts */
    int64_t due_ms;               /* -1: not armed */
    int fired;
} items[TIMERS];

static void on_fire(struct hub_wheel_timer *timer)
{
    struct item *item = (struct item *)timer;
    assert_true(item->due_ms >= 0);
    assert_true(now_ms >= item->due_ms);                            /* never early */
    assert_true(now_ms - item->due_ms < 20000 + HUB_WHEEL_TICK_MS); /* one jump of this test */
    item->due_ms = -1;
    item->fired++;
}

static void arm(struct item *item, int64_t due_ms)
{
    item->due_ms = due_ms;
    hub_wheel_arm(&wheel, &item->timer, due_ms, on_fire);
}

/* Random arming, re-arming, cancelling and jumps of the clock, against the due times themselves. */
static void every_timer_fires_once_and_not_early(void **state)
{
    (void)state;
    srand(11);
    now_ms = 123456;
    hub_wheel_init(&wheel, now_ms);
    for (int i = 0; i < TIMERS; i++)
        items[i].due_ms = -1;
    for (int step = 0; step < 100000; step++) {
        struct item *item = &items[rand() % TIMERS];
        switch (rand() % 4) {
        case 0: arm(item, now_ms + rand() % 120000); break;
        case 1:
            hub_wheel_cancel(&item->timer);
            item->due_ms = -1;
            break;
        default:
            now_ms += rand() % 100 ? rand() % 300 : rand() % 20000;
            hub_wheel_turn(&wheel, now_ms);
        }
        assert_int_equal(hub_wheel_is_armed(&item->timer), item->due_ms >= 0);
    }
    now_ms += 200000;
    for (int i = 0; i < TIMERS; i++) /* the last jump is longer than on_fire allows */
        items[i].due_ms = items[i].due_ms >= 0 ? now_ms : -1;
    hub_wheel_turn(&wheel, now_ms);
    for (int i = 0; i < TIMERS; i++)
        assert_false(hub_wheel_is_armed(&items[i].timer));
}

static void a_due_timer_fires_within_two_ticks(void **state)
{
    (void)state;
    now_ms = 1000050;
    hub_wheel_init(&wheel, now_ms);
    items[0] = (struct item){0};
    arm(&items[0], now_ms + 1);
    now_ms += 1 + 2 * HUB_WHEEL_TICK_MS;
    hub_wheel_turn(&wheel, now_ms);
    assert_int_equal(items[0].fired, 1);
}

static struct item *victim;

static void on_fire_and_cancel(struct hub_wheel_timer *timer)
{
    ((struct item *)timer)->fired++;
    hub_wheel_cancel(&victim->timer);
    hub_wheel_arm(&wheel, timer, now_ms,
                  on_fire_and_cancel); /* itself again: next tick, not this one */
}

static void a_callback_may_cancel_a_timer_that_is_due_as_well(void **state)
{
    (void)state;
    now_ms = 500;
    hub_wheel_init(&wheel, now_ms);
    items[0] = items[1] = (struct item){0};
    hub_wheel_arm(&wheel, &items[0].timer, 600, on_fire_and_cancel);
    hub_wheel_arm(&wheel, &items[1].timer, 600, on_fire_and_cancel);
    /* whichever comes first cancels the other */
    victim = &items[0];
    struct item *other = &items[1];
    now_ms = 600;
    hub_wheel_turn(&wheel, now_ms);
    assert_int_equal(other->fired, 1);
    hub_wheel_cancel(&items[0].timer);
    hub_wheel_cancel(&items[1].timer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_timer_fires_once_and_not_early),
        cmocka_unit_test(a_due_timer_fires_within_two_ticks),
        cmocka_unit_test(a_callback_may_cancel_a_timer_that_is_due_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
