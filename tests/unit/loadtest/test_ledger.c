#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/ledger.h"

/* A ledger with one restaurant, two tablets and a few orders. */
struct fixture {
    struct load_ledger *ledger;
    struct load_view one, other;
    struct load_order *orders[3];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.ledger = load_ledger_create(1)};
    load_view_start(fixture.ledger, &fixture.one, 0);
    load_view_start(fixture.ledger, &fixture.other, 0);
    for (size_t i = 0; i < 3; i++) {
        struct osy_uuid id = {.bytes = {(uint8_t)(i + 1)}};
        fixture.orders[i] = load_ledger_order(fixture.ledger, 0, &id);
    }
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    load_view_deinit(&fixture->one);
    load_view_deinit(&fixture->other);
    load_ledger_destroy(fixture->ledger);
    return 0;
}

/* The creation of order n reaches the tablet; its position is named after it. */
static enum load_verdict see(struct fixture *fixture, struct load_view *view, size_t n)
{
    static const char *const positions[] = {"first", "second", "third"};
    return load_view_event(fixture->ledger, view, fixture->orders[n], 1, positions[n]);
}

static void an_order_is_found_again_by_its_id(void **state)
{
    struct fixture *fixture = *state;
    assert_ptr_equal(load_ledger_order(fixture->ledger, 0, &fixture->orders[1]->id),
                     fixture->orders[1]);
}

static void tablets_that_see_the_same_log_are_good(void **state)
{
    struct fixture *fixture = *state;
    for (size_t n = 0; n < 3; n++)
        assert_int_equal(see(fixture, &fixture->one, n), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 3);
    for (size_t n = 0; n < 3; n++)
        assert_int_equal(see(fixture, &fixture->other, n), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->one), 0);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
}

static void a_hole_is_lacking_until_it_is_filled_out_of_order(void **state)
{
    struct fixture *fixture = *state;
    for (size_t n = 0; n < 3; n++)
        see(fixture, &fixture->one, n);
    assert_int_equal(see(fixture, &fixture->other, 2), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 2);
    assert_int_equal(see(fixture, &fixture->other, 1), LOAD_VERDICT_OUT_OF_ORDER);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 1);
    assert_int_equal(see(fixture, &fixture->other, 0), LOAD_VERDICT_OUT_OF_ORDER);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
}

static void a_lacking_view_names_an_example(void **state)
{
    struct fixture *fixture = *state;
    uint32_t version = 0;
    assert_null(load_view_example(fixture->ledger, &fixture->other, &version));
    see(fixture, &fixture->one, 0);
    see(fixture, &fixture->one, 1);
    assert_ptr_equal(load_view_example(fixture->ledger, &fixture->other, &version),
                     fixture->orders[0]);
    assert_int_equal(version, 1);
    see(fixture, &fixture->other, 1);
    assert_ptr_equal(load_view_example(fixture->ledger, &fixture->other, &version),
                     fixture->orders[0]);
}

static void a_second_sight_is_a_duplicate(void **state)
{
    struct fixture *fixture = *state;
    see(fixture, &fixture->one, 0);
    see(fixture, &fixture->one, 1);
    assert_int_equal(see(fixture, &fixture->one, 1), LOAD_VERDICT_DUPLICATE);
    assert_int_equal(see(fixture, &fixture->one, 0), LOAD_VERDICT_DUPLICATE);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->one), 0);
}

static void a_late_event_that_comes_twice_is_late_once(void **state)
{
    struct fixture *fixture = *state;
    see(fixture, &fixture->one, 0);
    see(fixture, &fixture->one, 1);
    see(fixture, &fixture->other, 1);
    assert_int_equal(see(fixture, &fixture->other, 0), LOAD_VERDICT_OUT_OF_ORDER);
    assert_int_equal(see(fixture, &fixture->other, 0), LOAD_VERDICT_DUPLICATE);
}

static void an_acknowledged_event_that_nobody_saw_is_unseen(void **state)
{
    struct fixture *fixture = *state;
    const struct load_order *example;
    size_t counts[1];
    load_order_acknowledge(fixture->orders[0], 1);
    load_order_acknowledge(fixture->orders[1], 2);
    see(fixture, &fixture->one, 0);
    see(fixture, &fixture->one, 1);
    assert_int_equal(load_ledger_unseen(fixture->ledger, counts, &example), 1);
    assert_int_equal(counts[0], 1);
    assert_ptr_equal(example, fixture->orders[1]);
    load_view_event(fixture->ledger, &fixture->one, fixture->orders[1], 2, "later");
    assert_int_equal(load_ledger_unseen(fixture->ledger, NULL, &example), 0);
    assert_null(example);
}

static enum load_verdict alert(struct fixture *fixture, struct load_view *view,
                               const char *position)
{
    return load_view_event(fixture->ledger, view, fixture->orders[0], 0, position);
}

static void alerts_have_a_place_in_the_log_by_their_position(void **state)
{
    struct fixture *fixture = *state;
    uint32_t version = 9;
    see(fixture, &fixture->one, 0);
    assert_int_equal(alert(fixture, &fixture->one, "ring"), LOAD_VERDICT_GOOD);
    assert_int_equal(alert(fixture, &fixture->one, "ring again"), LOAD_VERDICT_GOOD);
    assert_int_equal(alert(fixture, &fixture->one, "ring"), LOAD_VERDICT_DUPLICATE);
    see(fixture, &fixture->other, 0);
    assert_int_equal(alert(fixture, &fixture->other, "ring again"), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 1);
    assert_ptr_equal(load_view_example(fixture->ledger, &fixture->other, &version),
                     fixture->orders[0]);
    assert_int_equal(version, 0);
    assert_int_equal(alert(fixture, &fixture->other, "ring"), LOAD_VERDICT_OUT_OF_ORDER);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
}

static void an_alert_stands_for_no_version(void **state)
{
    struct fixture *fixture = *state;
    see(fixture, &fixture->one, 0);
    load_order_acknowledge(fixture->orders[0], 2);
    alert(fixture, &fixture->one, "ring");
    assert_int_equal(load_ledger_unseen(fixture->ledger, NULL, NULL), 1);
}

static void alerts_of_an_earlier_run_are_not_judged(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(alert(fixture, &fixture->one, "ring"), LOAD_VERDICT_NOT_OURS);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
    see(fixture, &fixture->one, 0);
    assert_int_equal(alert(fixture, &fixture->one, "ring again"), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 2);
}

static void acknowledgements_never_go_back(void **state)
{
    struct fixture *fixture = *state;
    load_order_acknowledge(fixture->orders[0], 3);
    load_order_acknowledge(fixture->orders[0], 2);
    assert_int_equal(fixture->orders[0]->acknowledged, 3);
    load_order_acknowledge(fixture->orders[0], LOAD_VERSIONS + 1);
    assert_int_equal(fixture->orders[0]->acknowledged, 3);
}

static void events_before_the_start_are_foreign(void **state)
{
    struct fixture *fixture = *state;
    struct load_view early = {0};
    assert_int_equal(see(fixture, &early, 0), LOAD_VERDICT_FOREIGN);
    see(fixture, &fixture->one, 1);
    load_view_start(fixture->ledger, &early, 0);
    assert_int_equal(load_view_lacks(fixture->ledger, &early), 0);
    assert_int_equal(see(fixture, &early, 2), LOAD_VERDICT_GOOD);
}

static void a_reset_to_a_known_event_accounts_for_all_before_it(void **state)
{
    struct fixture *fixture = *state;
    for (size_t n = 0; n < 3; n++)
        see(fixture, &fixture->one, n);
    load_view_reset(fixture->ledger, &fixture->other, "second");
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 1);
    assert_int_equal(see(fixture, &fixture->other, 2), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
}

static void a_reset_ahead_of_everybody_waits_for_its_event(void **state)
{
    struct fixture *fixture = *state;
    see(fixture, &fixture->one, 0);
    load_view_reset(fixture->ledger, &fixture->other, "second");
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
    see(fixture, &fixture->one, 1);
    see(fixture, &fixture->one, 2);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 1);
    assert_int_equal(see(fixture, &fixture->other, 2), LOAD_VERDICT_GOOD);
    assert_int_equal(load_view_lacks(fixture->ledger, &fixture->other), 0);
}

static void a_trail_counts_what_was_acknowledged_and_has_not_come(void **state)
{
    struct fixture *fixture = *state;
    struct load_trail trail;
    load_order_acknowledge(fixture->orders[0], 1);
    load_trail_start(&trail, fixture->orders[0], 1);
    assert_int_equal(load_trail_lacks(&trail), 0);
    load_order_acknowledge(fixture->orders[0], 4);
    assert_int_equal(load_trail_lacks(&trail), 3);
    assert_int_equal(load_trail_event(&trail, 2), LOAD_VERDICT_GOOD);
    assert_int_equal(load_trail_event(&trail, 4), LOAD_VERDICT_GOOD);
    assert_int_equal(load_trail_lacks(&trail), 1);
    assert_int_equal(load_trail_event(&trail, 3), LOAD_VERDICT_OUT_OF_ORDER);
    assert_int_equal(load_trail_event(&trail, 3), LOAD_VERDICT_DUPLICATE);
    assert_int_equal(load_trail_lacks(&trail), 0);
}

static void a_trail_takes_what_the_reply_showed_for_a_duplicate(void **state)
{
    struct fixture *fixture = *state;
    struct load_trail trail;
    load_trail_start(&trail, fixture->orders[0], 1);
    assert_int_equal(load_trail_event(&trail, 1), LOAD_VERDICT_DUPLICATE);
    load_order_acknowledge(fixture->orders[0], 3);
    load_trail_reset(&trail, 3);
    assert_int_equal(load_trail_lacks(&trail), 0);
    assert_int_equal(load_trail_event(&trail, 4), LOAD_VERDICT_GOOD);
}

static void impossible_versions_are_foreign(void **state)
{
    struct fixture *fixture = *state;
    struct load_trail trail;
    load_trail_start(&trail, fixture->orders[0], 1);
    assert_int_equal(load_trail_event(&trail, 0), LOAD_VERDICT_FOREIGN);
    assert_int_equal(load_trail_event(&trail, LOAD_VERSIONS + 1), LOAD_VERDICT_FOREIGN);
    assert_int_equal(load_view_event(fixture->ledger, &fixture->one, fixture->orders[0],
                                     LOAD_VERSIONS + 1, "far"),
                     LOAD_VERDICT_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        CASE(an_order_is_found_again_by_its_id),
        CASE(tablets_that_see_the_same_log_are_good),
        CASE(a_hole_is_lacking_until_it_is_filled_out_of_order),
        CASE(a_lacking_view_names_an_example),
        CASE(a_second_sight_is_a_duplicate),
        CASE(a_late_event_that_comes_twice_is_late_once),
        CASE(an_acknowledged_event_that_nobody_saw_is_unseen),
        CASE(alerts_have_a_place_in_the_log_by_their_position),
        CASE(an_alert_stands_for_no_version),
        CASE(alerts_of_an_earlier_run_are_not_judged),
        CASE(acknowledgements_never_go_back),
        CASE(events_before_the_start_are_foreign),
        CASE(a_reset_to_a_known_event_accounts_for_all_before_it),
        CASE(a_reset_ahead_of_everybody_waits_for_its_event),
        CASE(a_trail_counts_what_was_acknowledged_and_has_not_come),
        CASE(a_trail_takes_what_the_reply_showed_for_a_duplicate),
        CASE(impossible_versions_are_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
