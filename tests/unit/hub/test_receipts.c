#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/receipts.h"
#include "shared/random.h"

enum { MOST = 3, ROOM = 8 };

static struct hub_receipt receipt(const char *name, uint64_t after, uint64_t upto, int64_t at_ms)
{
    static const struct osy_uuid restaurant = {{1}};
    return (struct hub_receipt){
        .device = hub_device_make(&restaurant, name),
        .after = after,
        .upto = {.kind = OSY_POSITION_RESTAURANT, .number = upto, .event_id = {{(uint8_t)upto}}},
        .at_ms = at_ms,
    };
}

static void add(struct hub_receipts *receipts, const struct hub_receipt *one)
{
    assert_true(hub_receipts_add(receipts, one));
}

static void acks_of_a_device_become_one(void **state)
{
    struct hub_receipt out[ROOM];
    struct hub_receipts *receipts = hub_receipts_create(MOST);
    (void)state;
    for (uint64_t i = 5; i < 100; i++) {
        struct hub_receipt one = receipt("a", i, i + 1, (int64_t)i);
        add(receipts, &one);
    }
    assert_int_equal(hub_receipts_count(receipts), 1);
    assert_int_equal(hub_receipts_take(receipts, out, ROOM), 1);
    assert_int_equal(out[0].after, 5);
    assert_int_equal(out[0].upto.number, 100);
    assert_int_equal(out[0].upto.event_id.bytes[0], 100);
    assert_int_equal(out[0].at_ms, 99);
    assert_int_equal(hub_receipts_count(receipts), 0);
    hub_receipts_destroy(receipts);
}

static void received_and_displayed_are_kept_apart(void **state)
{
    struct hub_receipt out[ROOM];
    struct hub_receipt received = receipt("a", 0, 7, 1), displayed = receipt("a", 0, 5, 2);
    struct hub_receipts *receipts = hub_receipts_create(MOST);
    (void)state;
    displayed.is_displayed = true;
    add(receipts, &received);
    add(receipts, &displayed);
    assert_int_equal(hub_receipts_take(receipts, out, ROOM), 2);
    assert_false(out[0].is_displayed);
    assert_int_equal(out[0].upto.number, 7);
    assert_true(out[1].is_displayed);
    assert_int_equal(out[1].upto.number, 5);
    hub_receipts_destroy(receipts);
}

static void shuffle(struct hub_receipt *acks, size_t count)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = osy_random_below(i + 1);
        struct hub_receipt kept = acks[i];
        acks[i] = acks[j];
        acks[j] = kept;
    }
}

/* Also what failed to be written and comes back behind newer ones. */
static void the_order_of_adding_does_not_matter(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct hub_receipt out[ROOM];
        struct hub_receipt acks[] = {
            receipt("a", 3, 8, 10),  receipt("a", 8, 9, 20), receipt("a", 9, 12, 30),
            receipt("a", 2, 12, 40), receipt("a", 5, 6, 50),
        };
        struct hub_receipts *receipts = hub_receipts_create(MOST);
        acks[3].is_first = true;
        shuffle(acks, 5);
        for (size_t i = 0; i < 5; i++)
            add(receipts, &acks[i]);
        assert_int_equal(hub_receipts_take(receipts, out, ROOM), 1);
        assert_int_equal(out[0].after, 2);
        assert_int_equal(out[0].upto.number, 12);
        assert_int_equal(out[0].at_ms, 30); /* of two acks up to the same event, the first */
        assert_true(out[0].is_first);
        hub_receipts_destroy(receipts);
    }
}

static void one_covers_so_many_events_and_no_more_however_it_has_grown(void **state)
{
    enum { STEP = HUB_RECEIPT_EVENTS_MAX / 2 };
    struct hub_receipt out[ROOM], all = receipt("b", 0, 10 * STEP, 1);
    struct hub_receipts *receipts = hub_receipts_create(MOST);
    (void)state;
    for (uint64_t after = 0; after < 10 * STEP; after += STEP) {
        struct hub_receipt one = receipt("a", after, after + STEP, 1);
        add(receipts, &one);
    }
    add(receipts, &all);
    assert_int_equal(hub_receipts_take(receipts, out, ROOM), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out[i].upto.number, 10 * STEP);
        assert_int_equal(out[i].after, 10 * STEP - HUB_RECEIPT_EVENTS_MAX);
    }
    hub_receipts_destroy(receipts);
}

static void memory_is_bounded_but_known_devices_go_on(void **state)
{
    struct hub_receipt a = receipt("a", 0, 1, 1), b = receipt("b", 0, 1, 1),
                       c = receipt("c", 0, 1, 1), d = receipt("d", 0, 1, 1),
                       later = receipt("a", 1, 9, 2), out[ROOM];
    struct hub_receipts *receipts = hub_receipts_create(MOST);
    (void)state;
    add(receipts, &a);
    add(receipts, &b);
    add(receipts, &c);
    assert_false(hub_receipts_add(receipts, &d));
    add(receipts, &later);
    assert_int_equal(hub_receipts_take(receipts, out, 1), 1);
    assert_string_equal(out[0].device.name, "a");
    assert_int_equal(out[0].upto.number, 9);
    add(receipts, &d);
    assert_int_equal(hub_receipts_count(receipts), 3);
    hub_receipts_destroy(receipts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_of_a_device_become_one),
        cmocka_unit_test(received_and_displayed_are_kept_apart),
        cmocka_unit_test(the_order_of_adding_does_not_matter),
        cmocka_unit_test(one_covers_so_many_events_and_no_more_however_it_has_grown),
        cmocka_unit_test(memory_is_bounded_but_known_devices_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
