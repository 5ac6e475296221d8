#include "hub/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

enum { OTHERS = HUB_DESCRIPTORS_ADMIN + HUB_DESCRIPTORS_SPARE };

static void enough_gives_what_was_wanted_and_takes_no_more(void **state)
{
    struct hub_descriptors plan;
    (void)state;
    assert_true(hub_descriptors_plan(10000, 1000000, &plan, NULL));
    assert_int_equal(plan.sockets, 10000);
    assert_true(plan.connections > plan.sockets);
    assert_int_equal(plan.limit, plan.connections + OTHERS);
    assert_true(plan.limit < 12000);
}

/* Under every limit that serves at all: never more than there is, and always room to say no. */
static void too_little_gives_less_sockets_and_room_to_refuse(void **state)
{
    struct hub_descriptors plan;
    size_t before = 0;
    (void)state;
    for (size_t limit = 192; limit <= 12000; limit++) {
        assert_true(hub_descriptors_plan(10000, limit, &plan, NULL));
        assert_true(plan.limit <= limit);
        assert_true(plan.connections + OTHERS == plan.limit);
        assert_true(plan.sockets > 0 && plan.sockets < plan.connections);
        assert_true(plan.sockets <= 10000 && plan.sockets >= before);
        before = plan.sockets;
    }
    assert_int_equal(before, 10000);
}

static void next_to_nothing_is_refused(void **state)
{
    struct hub_descriptors plan;
    struct osy_error err = {0};
    (void)state;
    for (size_t limit = 0; limit < 192; limit++) {
        assert_false(hub_descriptors_plan(1, limit, &plan, &err));
        assert_int_equal(err.code, OSY_ERR_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_gives_what_was_wanted_and_takes_no_more),
        cmocka_unit_test(too_little_gives_less_sockets_and_room_to_refuse),
        cmocka_unit_test(next_to_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
