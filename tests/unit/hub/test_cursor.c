#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/cursor.h"
#include "shared/uuid.h"

/* A cursor behind event number `last`, whose id is {{1}}. */
static struct hub_cursor cursor_at(uint64_t last)
{
    return (struct hub_cursor){.last = last, .last_id = {{1}}, .target = last, .target_id = {{1}}};
}

static enum hub_verdict judge(uint64_t last, const struct osy_envelope *event)
{
    struct hub_cursor cursor = cursor_at(last);
    return hub_cursor_judge(&cursor, event);
}

static void the_next_event_is_delivered(void **state)
{
    struct hub_cursor fresh = {0};
    (void)state;
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 8, .id = {{2}}, .previous_id = {{1}}}),
                     HUB_VERDICT_DELIVER);
    assert_int_equal(hub_cursor_judge(&fresh, &(struct osy_envelope){.seq = 1, .id = {{1}}}),
                     HUB_VERDICT_DELIVER);
}

static void an_event_that_came_before_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 7, .id = {{1}}}), HUB_VERDICT_DROP);
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 1, .id = {{9}}}), HUB_VERDICT_DROP);
}

static void an_event_beyond_the_next_is_a_gap(void **state)
{
    struct osy_envelope event = {.seq = 9, .id = {{3}}, .previous_id = {{1}}};
    (void)state;
    assert_int_equal(judge(7, &event), HUB_VERDICT_GAP);
    event.seq = UINT64_MAX;
    assert_int_equal(judge(7, &event), HUB_VERDICT_GAP);
}

static void an_event_of_another_history_is_neither_next_nor_known(void **state)
{
    (void)state;
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 8, .id = {{2}}, .previous_id = {{9}}}),
                     HUB_VERDICT_FORK);
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 8, .id = {{2}}}), HUB_VERDICT_FORK);
    assert_int_equal(judge(7, &(struct osy_envelope){.seq = 7, .id = {{9}}}), HUB_VERDICT_FORK);
}

static void advancing_reaches_the_target(void **state)
{
    struct osy_uuid id = osy_uuid_v4();
    struct hub_cursor cursor = {0};
    (void)state;
    hub_cursor_expect(&cursor, 2, &id);
    assert_true(hub_cursor_is_behind(&cursor));
    hub_cursor_advance(&cursor, 1, &(struct osy_uuid){{1}});
    assert_true(hub_cursor_is_behind(&cursor));
    assert_true(osy_uuid_equal(&cursor.target_id, &id));
    hub_cursor_advance(&cursor, 2, &id);
    assert_false(hub_cursor_is_behind(&cursor));
    assert_true(osy_uuid_equal(&cursor.last_id, &id));
}

static void what_is_expected_never_goes_back(void **state)
{
    struct osy_uuid id = osy_uuid_v4();
    struct hub_cursor cursor = {.last = 5, .target = 9};
    (void)state;
    hub_cursor_expect(&cursor, 8, &id);
    hub_cursor_expect(&cursor, 3, &id);
    assert_int_equal(cursor.target, 9);
    assert_true(osy_uuid_is_nil(&cursor.target_id));
    hub_cursor_expect(&cursor, 9, &id);
    assert_true(osy_uuid_equal(&cursor.target_id, &id));
}

static void giving_up_ends_the_wait(void **state)
{
    struct osy_envelope next = {.seq = 6, .id = {{2}}, .previous_id = {{1}}};
    struct hub_cursor cursor = cursor_at(5);
    (void)state;
    hub_cursor_expect(&cursor, 9, NULL);
    hub_cursor_give_up(&cursor);
    assert_false(hub_cursor_is_behind(&cursor));
    assert_int_equal(hub_cursor_judge(&cursor, &next), HUB_VERDICT_DELIVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_event_is_delivered),
        cmocka_unit_test(an_event_that_came_before_is_dropped),
        cmocka_unit_test(an_event_beyond_the_next_is_a_gap),
        cmocka_unit_test(an_event_of_another_history_is_neither_next_nor_known),
        cmocka_unit_test(advancing_reaches_the_target),
        cmocka_unit_test(what_is_expected_never_goes_back),
        cmocka_unit_test(giving_up_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
