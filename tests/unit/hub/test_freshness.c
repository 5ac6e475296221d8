#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/freshness.h"

enum { STALE_MS = 15000 };

static struct hub_freshness at(int64_t now_ms)
{
    struct hub_freshness freshness;
    hub_freshness_init(&freshness, now_ms, STALE_MS);
    return freshness;
}

static void a_view_is_stale_until_it_is_proven(void **state)
{
    struct hub_freshness freshness = at(1000);
    (void)state;
    assert_int_equal(hub_freshness_age_ms(&freshness, 1000), STALE_MS);
    hub_freshness_note_delivered(&freshness, 7);
    assert_int_equal(hub_freshness_age_ms(&freshness, 1500), STALE_MS + 500);
}

static void a_proof_holds_for_the_moment_of_the_question(void **state)
{
    struct hub_freshness freshness = at(0);
    (void)state;
    hub_freshness_note_head(&freshness, 1000, 5, 5);
    assert_int_equal(hub_freshness_age_ms(&freshness, 61000), 60000); /* the answer came late */
}

static void what_is_missing_is_proof_only_once_it_was_delivered(void **state)
{
    struct hub_freshness freshness = at(0);
    (void)state;
    hub_freshness_note_head(&freshness, 1000, 5, 5);
    hub_freshness_note_head(&freshness, 6000, 9, 5);
    hub_freshness_note_delivered(&freshness, 8);
    assert_int_equal(hub_freshness_age_ms(&freshness, 7000), 6000);
    hub_freshness_note_delivered(&freshness, 9);
    assert_int_equal(hub_freshness_age_ms(&freshness, 7000), 1000);
}

static void steady_lag_is_told_as_it_is(void **state)
{
    struct hub_freshness freshness = at(0);
    (void)state;
    hub_freshness_note_head(&freshness, 1000, 10, 5);
    hub_freshness_note_head(&freshness, 6000, 20, 9); /* the first claim goes on */
    hub_freshness_note_delivered(&freshness, 12);
    assert_int_equal(hub_freshness_age_ms(&freshness, 7000), 6000);
    hub_freshness_note_head(&freshness, 11000, 30, 15);
    hub_freshness_note_delivered(&freshness, 30);
    assert_int_equal(hub_freshness_age_ms(&freshness, 12000), 1000);
}

static void a_claim_that_never_came_true_is_forgotten(void **state)
{
    struct hub_freshness freshness = at(0);
    (void)state;
    hub_freshness_note_head(&freshness, 1000, 10, 5);
    hub_freshness_note_head(&freshness, 6000, 5, 5);
    assert_int_equal(hub_freshness_age_ms(&freshness, 6000), 0);
    hub_freshness_note_delivered(&freshness, 10);
    assert_int_equal(hub_freshness_age_ms(&freshness, 6000), 0);
}

static void an_older_proof_takes_nothing_back(void **state)
{
    struct hub_freshness freshness = at(0);
    (void)state;
    hub_freshness_note_head(&freshness, 5000, 3, 3);
    hub_freshness_note_head(&freshness, 2000, 3, 3);
    assert_int_equal(hub_freshness_age_ms(&freshness, 6000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_stale_until_it_is_proven),
        cmocka_unit_test(a_proof_holds_for_the_moment_of_the_question),
        cmocka_unit_test(what_is_missing_is_proof_only_once_it_was_delivered),
        cmocka_unit_test(steady_lag_is_told_as_it_is),
        cmocka_unit_test(a_claim_that_never_came_true_is_forgotten),
        cmocka_unit_test(an_older_proof_takes_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
