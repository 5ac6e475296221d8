#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/cursor.h"
#include "shared/uuid.h"

static void the_next_event_is_delivered(void **state)
{
    struct hub_cursor cursor = {.last = 7, .target = 7};
    (void)state;
    assert_int_equal(hub_cursor_judge(&cursor, 8), HUB_VERDICT_DELIVER);
}

static void an_event_that_came_before_is_dropped(void **state)
{
    struct hub_cursor cursor = {.last = 7, .target = 7};
    (void)state;
    assert_int_equal(hub_cursor_judge(&cursor, 7), HUB_VERDICT_DROP);
    assert_int_equal(hub_cursor_judge(&cursor, 1), HUB_VERDICT_DROP);
}

static void an_event_beyond_the_next_is_a_gap(void **state)
{
    struct hub_cursor cursor = {0};
    (void)state;
    assert_int_equal(hub_cursor_judge(&cursor, 2), HUB_VERDICT_GAP);
    assert_int_equal(hub_cursor_judge(&cursor, UINT64_MAX), HUB_VERDICT_GAP);
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
    struct hub_cursor cursor = {.last = 5, .target = 9};
    (void)state;
    hub_cursor_give_up(&cursor);
    assert_false(hub_cursor_is_behind(&cursor));
    assert_int_equal(hub_cursor_judge(&cursor, 6), HUB_VERDICT_DELIVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_event_is_delivered),
        cmocka_unit_test(an_event_that_came_before_is_dropped),
        cmocka_unit_test(an_event_beyond_the_next_is_a_gap),
        cmocka_unit_test(advancing_reaches_the_target),
        cmocka_unit_test(what_is_expected_never_goes_back),
        cmocka_unit_test(giving_up_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
