#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/history.h"
#include "shared/buffer.h"
#include "shared/event.h"

enum { MOST = 4 };

static const struct osy_uuid restaurant = {{1}}, order = {{2}};

/* An event of that version of an order; 0: an alert. Its id is made of its number. */
static void add(struct hub_history *history, uint64_t seq, uint64_t version)
{
    struct osy_buffer envelope = OSY_BUFFER_INIT;
    osy_event_write_envelope(&(struct osy_event){.seq = seq,
                                                 .version = version,
                                                 .id = {{(uint8_t)seq}},
                                                 .restaurant_id = restaurant,
                                                 .order_id = order,
                                                 .type = "order.test",
                                                 .data = "{}",
                                                 .data_length = 2},
                             &envelope);
    struct hub_event *event = hub_event_create(envelope.bytes, envelope.length, &restaurant, NULL);
    assert_non_null(event);
    hub_history_add(history, event, MOST);
    hub_event_unref(event);
    osy_buffer_deinit(&envelope);
}

static bool lacks_new_order(const struct hub_history *history, uint64_t after, uint64_t upto)
{
    return hub_history_lacks_new_order(
        history, after, &(struct osy_position){.number = upto, .event_id = {{(uint8_t)upto}}});
}

static void a_run_without_an_orders_first_event_has_no_new_order(void **state)
{
    struct hub_history history = {0};
    (void)state;
    add(&history, 10, 2);
    add(&history, 11, 0);
    add(&history, 12, 1);
    add(&history, 13, 2);
    assert_true(lacks_new_order(&history, 9, 10));
    assert_true(lacks_new_order(&history, 9, 11));
    assert_true(lacks_new_order(&history, 12, 13));
    assert_false(lacks_new_order(&history, 11, 12));
    assert_false(lacks_new_order(&history, 9, 13));
    hub_history_clear(&history);
}

static void what_is_not_known_may_have_been_a_new_order(void **state)
{
    struct hub_history history = {0};
    (void)state;
    assert_false(lacks_new_order(&history, 0, 1));
    for (uint64_t seq = 1; seq <= MOST + 1; seq++)
        add(&history, seq, 2);
    assert_true(lacks_new_order(&history, 1, MOST + 1));
    assert_false(lacks_new_order(&history, 0, MOST + 1)); /* the first has been forgotten */
    assert_false(lacks_new_order(&history, MOST + 1, MOST + 2));
    hub_history_clear(&history);
}

static void a_position_of_another_history_proves_nothing(void **state)
{
    struct hub_history history = {0};
    const struct osy_position foreign = {.number = 1, .event_id = {{9}}};
    (void)state;
    add(&history, 1, 2);
    assert_false(hub_history_lacks_new_order(&history, 0, &foreign));
    hub_history_clear(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_an_orders_first_event_has_no_new_order),
        cmocka_unit_test(what_is_not_known_may_have_been_a_new_order),
        cmocka_unit_test(a_position_of_another_history_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
