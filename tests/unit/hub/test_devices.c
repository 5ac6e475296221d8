#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/devices.h"

enum { MOST = 3, ROOM = 8 };

static struct hub_device device(const char *name)
{
    static const struct osy_uuid restaurant = {{1}};
    return hub_device_make(&restaurant, name);
}

static void come(struct hub_devices *devices, const char *name, int64_t now_ms)
{
    struct hub_device one = device(name);
    assert_true(hub_devices_come(devices, &one, now_ms));
}

static void leave(struct hub_devices *devices, const char *name, int64_t now_ms)
{
    struct hub_device one = device(name);
    hub_devices_leave(devices, &one, now_ms);
}

/* Takes what waits, which must be this one device, and settles. */
static void expect_written(struct hub_devices *devices, const char *name, int64_t connected_ms,
                           int64_t left_ms)
{
    struct hub_device_state states[ROOM];
    assert_int_equal(hub_devices_take(devices, states, ROOM), 1);
    assert_string_equal(states[0].device.name, name);
    assert_int_equal(states[0].connected_ms, connected_ms);
    assert_int_equal(states[0].left_ms, left_ms);
    hub_devices_settle(devices, true);
}

static void a_device_is_said_when_it_comes_and_when_it_leaves(void **state)
{
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "tablet-1", 10);
    expect_written(devices, "tablet-1", 10, 0);
    assert_int_equal(hub_devices_waiting(devices), 0);
    leave(devices, "tablet-1", 20);
    expect_written(devices, "tablet-1", 10, 20);
    assert_int_equal(hub_devices_waiting(devices), 0);
    hub_devices_destroy(devices);
}

static void only_the_latest_state_waits(void **state)
{
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    for (int64_t i = 1; i <= 100; i++) {
        come(devices, "tablet-1", 2 * i);
        leave(devices, "tablet-1", 2 * i + 1);
    }
    assert_int_equal(hub_devices_waiting(devices), 1);
    expect_written(devices, "tablet-1", 200, 201);
    hub_devices_destroy(devices);
}

static void a_second_socket_keeps_the_device_here(void **state)
{
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "tablet-1", 10);
    come(devices, "tablet-1", 20);
    leave(devices, "tablet-1", 30);
    expect_written(devices, "tablet-1", 20, 0);
    leave(devices, "tablet-1", 40);
    expect_written(devices, "tablet-1", 20, 40);
    hub_devices_destroy(devices);
}

static void what_could_not_be_written_waits_again_in_its_latest_state(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "tablet-1", 10);
    assert_int_equal(hub_devices_take(devices, states, ROOM), 1);
    leave(devices, "tablet-1", 20);
    hub_devices_settle(devices, false);
    expect_written(devices, "tablet-1", 10, 20);
    hub_devices_destroy(devices);
}

static void a_change_while_it_is_being_written_is_written_next(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "tablet-1", 10);
    assert_int_equal(hub_devices_take(devices, states, ROOM), 1);
    leave(devices, "tablet-1", 20);
    come(devices, "tablet-1", 30);
    hub_devices_settle(devices, true);
    expect_written(devices, "tablet-1", 30, 0);
    assert_int_equal(hub_devices_waiting(devices), 0);
    hub_devices_destroy(devices);
}

static void a_device_that_left_and_was_written_makes_room(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_device late = device("late");
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "a", 1);
    come(devices, "b", 1);
    come(devices, "c", 1);
    assert_false(hub_devices_come(devices, &late, 2));
    leave(devices, "a", 3);
    assert_false(hub_devices_come(devices, &late, 4)); /* that `a` has left is not written */
    assert_int_equal(hub_devices_take(devices, states, ROOM), 3);
    hub_devices_settle(devices, true);
    assert_true(hub_devices_come(devices, &late, 5));
    hub_devices_destroy(devices);
}

static void batches_are_bounded_and_oldest_first(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "a", 1);
    come(devices, "b", 2);
    come(devices, "c", 3);
    assert_int_equal(hub_devices_take(devices, states, 2), 2);
    assert_string_equal(states[0].device.name, "a");
    assert_string_equal(states[1].device.name, "b");
    hub_devices_settle(devices, true);
    expect_written(devices, "c", 3, 0);
    hub_devices_destroy(devices);
}

static void all_that_are_here_can_be_said_again(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_devices *devices = hub_devices_create(MOST);
    (void)state;
    come(devices, "a", 1);
    come(devices, "b", 2);
    assert_int_equal(hub_devices_take(devices, states, ROOM), 2);
    hub_devices_settle(devices, true);
    leave(devices, "a", 3);
    expect_written(devices, "a", 1, 3);
    hub_devices_repeat(devices);
    expect_written(devices, "b", 2, 0);
    hub_devices_destroy(devices);
}

static void a_device_that_is_only_believed_to_be_here_is_said_to_have_left(void **state)
{
    struct hub_device_state states[ROOM];
    struct hub_device here = device("here"), ghost = device("ghost"), late = device("late");
    struct hub_devices *devices = hub_devices_create(2);
    (void)state;
    come(devices, "here", 10);
    expect_written(devices, "here", 10, 0);
    assert_true(hub_devices_doubt(devices, &here, 10, 30));
    assert_true(hub_devices_doubt(devices, &ghost, 20, 30));
    assert_false(hub_devices_doubt(devices, &late, 20, 30));
    expect_written(devices, "ghost", 20, 30);
    come(devices, "ghost", 40);
    assert_true(hub_devices_doubt(devices, &ghost, 20, 50));
    assert_int_equal(hub_devices_take(devices, states, ROOM), 1);
    assert_int_equal(states[0].connected_ms, 40);
    assert_int_equal(states[0].left_ms, 0);
    hub_devices_destroy(devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_said_when_it_comes_and_when_it_leaves),
        cmocka_unit_test(only_the_latest_state_waits),
        cmocka_unit_test(a_second_socket_keeps_the_device_here),
        cmocka_unit_test(what_could_not_be_written_waits_again_in_its_latest_state),
        cmocka_unit_test(a_change_while_it_is_being_written_is_written_next),
        cmocka_unit_test(a_device_that_left_and_was_written_makes_room),
        cmocka_unit_test(batches_are_bounded_and_oldest_first),
        cmocka_unit_test(all_that_are_here_can_be_said_again),
        cmocka_unit_test(a_device_that_is_only_believed_to_be_here_is_said_to_have_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
