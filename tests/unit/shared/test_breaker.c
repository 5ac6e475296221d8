#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/breaker.h"

static const struct osy_breaker_options usual = {
    .failures = 3,
    .failing_ms = 1000,
    .percent = 50,
    .window_ms = 10000,
    .calls_least = 20,
    .probes = 2,
    .cool_down_ms = 100,
    .cool_down_most_ms = 800,
};

static void break_down(struct osy_breaker *breaker, int64_t started_ms, int64_t now_ms)
{
    osy_breaker_note(breaker, false, started_ms, now_ms);
}

static void end_well(struct osy_breaker *breaker, int64_t now_ms)
{
    osy_breaker_note(breaker, true, now_ms, now_ms);
}

static struct osy_breaker *make_open(int64_t now_ms)
{
    struct osy_breaker *breaker = osy_breaker_create(&usual);
    for (int i = 0; i < 3; i++)
        break_down(breaker, now_ms - 1000, now_ms);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_OPEN);
    return breaker;
}

static void failures_in_a_row_open_it_once_they_have_lasted(void **state)
{
    struct osy_breaker *breaker = osy_breaker_create(&usual);
    (void)state;
    for (int64_t now_ms = 0; now_ms < 1000; now_ms += 100)
        break_down(breaker, now_ms, now_ms);
    assert_true(osy_breaker_allows(breaker, 999));
    break_down(breaker, 1000, 1000);
    assert_false(osy_breaker_allows(breaker, 1000));
    osy_breaker_destroy(breaker);
}

static void calls_that_hang_have_lasted_when_they_end(void **state)
{
    struct osy_breaker *breaker = osy_breaker_create(&usual);
    (void)state;
    break_down(breaker, 0, 5000);
    break_down(breaker, 1, 5000);
    assert_true(osy_breaker_allows(breaker, 5000));
    break_down(breaker, 2, 5000);
    assert_false(osy_breaker_allows(breaker, 5000));
    osy_breaker_destroy(breaker);
}

static void one_that_ends_well_breaks_the_row(void **state)
{
    struct osy_breaker *breaker = osy_breaker_create(&usual);
    (void)state;
    for (int64_t now_ms = 0; now_ms < 60000; now_ms += 700) {
        break_down(breaker, now_ms, now_ms);
        break_down(breaker, now_ms, now_ms + 500);
        end_well(breaker, now_ms + 501);
        end_well(breaker, now_ms + 502);
        end_well(breaker, now_ms + 503);
    }
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_CLOSED);
    osy_breaker_destroy(breaker);
}

static void half_of_a_windows_calls_open_it(void **state)
{
    struct osy_breaker *breaker = osy_breaker_create(&usual);
    (void)state;
    for (int i = 0; i < 9; i++) {
        end_well(breaker, i);
        break_down(breaker, i, i);
    }
    end_well(breaker, 9);
    assert_true(osy_breaker_allows(breaker, 9));
    break_down(breaker, 9, 9);
    assert_false(osy_breaker_allows(breaker, 9));
    osy_breaker_destroy(breaker);
}

static void after_the_cool_down_so_many_probes_pass(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    assert_false(osy_breaker_allows(breaker, 5049));
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_false(osy_breaker_allows(breaker, 5101));
    end_well(breaker, 5102);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_HALF_OPEN);
    end_well(breaker, 5102);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_CLOSED);
    osy_breaker_destroy(breaker);
}

static void probe_that_fails_opens_it_for_longer(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    assert_true(osy_breaker_allows(breaker, 5101));
    break_down(breaker, 5101, 5101);
    assert_false(osy_breaker_allows(breaker, 5101 + 99));
    assert_true(osy_breaker_allows(breaker, 5101 + 201));
    osy_breaker_destroy(breaker);
}

static void probes_that_nobody_reports_on_are_forgotten(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_false(osy_breaker_allows(breaker, 5901));
    assert_true(osy_breaker_allows(breaker, 5902));
    osy_breaker_destroy(breaker);
}

static void call_from_before_that_ends_well_is_a_probe(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    end_well(breaker, 5001);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_HALF_OPEN);
    end_well(breaker, 5001);
    assert_true(osy_breaker_allows(breaker, 5001));
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_CLOSED);
    osy_breaker_destroy(breaker);
}

/* Two that ask may be answered by one transaction. */
static void probe_that_ends_well_makes_room_for_the_next(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_true(osy_breaker_allows(breaker, 5101));
    end_well(breaker, 5102);
    assert_true(osy_breaker_allows(breaker, 5102));
    assert_false(osy_breaker_allows(breaker, 5102));
    end_well(breaker, 5103);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_CLOSED);
    osy_breaker_destroy(breaker);
}

static void call_from_before_that_fails_says_nothing(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    assert_true(osy_breaker_allows(breaker, 5101));
    break_down(breaker, 5100, 5102);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_HALF_OPEN);
    /* Nor does forgetting probes make calls from before of them. */
    assert_true(osy_breaker_allows(breaker, 5102));
    assert_true(osy_breaker_allows(breaker, 5902));
    break_down(breaker, 5101, 5903);
    assert_int_equal(osy_breaker_state(breaker), OSY_BREAKER_OPEN);
    osy_breaker_destroy(breaker);
}

static void call_that_is_withdrawn_leaves_its_place_to_another(void **state)
{
    struct osy_breaker *breaker = make_open(5000);
    (void)state;
    osy_breaker_withdraw(breaker);
    assert_true(osy_breaker_allows(breaker, 5101));
    assert_true(osy_breaker_allows(breaker, 5101));
    osy_breaker_withdraw(breaker);
    assert_true(osy_breaker_allows(breaker, 5102));
    assert_false(osy_breaker_allows(breaker, 5102));
    osy_breaker_destroy(breaker);
}

/* ---- any history ---- */

struct history {
    enum osy_breaker_state state;
    unsigned changes;
};

static void on_change(void *context, enum osy_breaker_state state)
{
    struct history *history = context;
    /* Only the arrows of the drawing; a HALF_OPEN one may begin to probe anew. */
    assert_false(history->state == OSY_BREAKER_CLOSED && state == OSY_BREAKER_HALF_OPEN);
    assert_false(history->state == OSY_BREAKER_OPEN && state != OSY_BREAKER_HALF_OPEN);
    assert_false(history->state == OSY_BREAKER_CLOSED && state == OSY_BREAKER_CLOSED);
    history->state = state;
    history->changes++;
}

static uint32_t random_below(uint32_t bound) /* the same sequence in every run */
{
    static uint64_t seed = 7;
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % bound);
}

/* A dependency that is up and down for some time each, and callers that keep to the rules or forget to report. */
static void any_history_keeps_to_the_drawing_and_ends_closed(void **state)
{
    unsigned openings = 0;
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct history history = {0};
        struct osy_breaker_options options = usual;
        options.on_change = on_change;
        options.context = &history;
        struct osy_breaker *breaker = osy_breaker_create(&options);
        int64_t now_ms = random_below(100000), changes_at_ms = now_ms;
        bool is_up = true;
        uint32_t allowed_half_open = 0;
        for (int step = 0; step < 2000; step++) {
            now_ms += random_below(50);
            if (now_ms >= changes_at_ms) {
                is_up = !is_up;
                changes_at_ms = now_ms + random_below(6000);
            }
            unsigned changes_before = history.changes;
            bool allows = osy_breaker_allows(breaker, now_ms);
            if (history.changes != changes_before)
                allowed_half_open = 0;
            if (history.state == OSY_BREAKER_CLOSED)
                assert_true(allows);
            if (history.state == OSY_BREAKER_OPEN)
                assert_false(allows);
            allowed_half_open += history.state == OSY_BREAKER_HALF_OPEN && allows;
            if (history.state == OSY_BREAKER_HALF_OPEN)
                assert_in_range(allowed_half_open, 0, usual.probes);
            if (allows && random_below(10) > 0) {
                osy_breaker_note(breaker, is_up, now_ms - random_below(20), now_ms);
                allowed_half_open -= history.state == OSY_BREAKER_HALF_OPEN && is_up;
            }
            openings += history.state == OSY_BREAKER_OPEN;
            if (history.state != OSY_BREAKER_HALF_OPEN)
                allowed_half_open = 0;
        }
        /* What is up for good is called again before long. */
        for (int64_t end_ms = now_ms + 10000; now_ms < end_ms; now_ms += 10) {
            if (osy_breaker_allows(breaker, now_ms))
                end_well(breaker, now_ms);
        }
        assert_int_equal(history.state, OSY_BREAKER_CLOSED);
        osy_breaker_destroy(breaker);
    }
    assert_true(openings > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it_once_they_have_lasted),
        cmocka_unit_test(calls_that_hang_have_lasted_when_they_end),
        cmocka_unit_test(one_that_ends_well_breaks_the_row),
        cmocka_unit_test(half_of_a_windows_calls_open_it),
        cmocka_unit_test(after_the_cool_down_so_many_probes_pass),
        cmocka_unit_test(probe_that_fails_opens_it_for_longer),
        cmocka_unit_test(probes_that_nobody_reports_on_are_forgotten),
        cmocka_unit_test(call_from_before_that_ends_well_is_a_probe),
        cmocka_unit_test(probe_that_ends_well_makes_room_for_the_next),
        cmocka_unit_test(call_from_before_that_fails_says_nothing),
        cmocka_unit_test(call_that_is_withdrawn_leaves_its_place_to_another),
        cmocka_unit_test(any_history_keeps_to_the_drawing_and_ends_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
