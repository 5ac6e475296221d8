/* Whose order it is: asked once, remembered, and never mixed up. The store is the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "hub/owners.h"
#include "hub/session.h"
#include "hub/store.h"

enum { QUESTIONS = 8, SESSIONS = 4 };

/* ---- the store ---- */

static struct {
    struct osy_uuid order_id;
    hub_store_customer_fn fn;
    void *context;
} asked[QUESTIONS];
static size_t asked_count;

void hub_store_find_customer(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             const struct osy_uuid *order_id, hub_store_customer_fn fn,
                             void *context)
{
    (void)store;
    (void)restaurant_id;
    assert_true(asked_count < QUESTIONS);
    asked[asked_count].order_id = *order_id;
    asked[asked_count].fn = fn;
    asked[asked_count++].context = context;
}

static void answer(size_t index, bool found, uint8_t customer)
{
    const struct hub_customer found_customer = {.found = found, .customer_id = {{customer}}};
    asked[index].fn(asked[index].context, &found_customer, NULL);
}

/* ---- the sessions ---- */

static struct {
    struct hub_session *session;
    struct osy_uuid customer_id;
    bool failed;
} told[QUESTIONS];
static size_t told_count;

static void on_owner(struct hub_session *session, const struct osy_uuid *customer_id,
                     const struct osy_error *err)
{
    told[told_count].session = session;
    told[told_count].customer_id = *customer_id;
    told[told_count++].failed = err != NULL;
}

static struct hub_session sessions[SESSIONS];

static struct hub_owners *set_up(size_t max_entries)
{
    memset(sessions, 0, sizeof sessions);
    asked_count = told_count = 0;
    return hub_owners_create(NULL, max_entries, on_owner);
}

static void ask(struct hub_owners *owners, size_t session, uint8_t restaurant, uint8_t order)
{
    const struct hub_target target = {
        .kind = OSY_POSITION_ORDER, .restaurant_id = {{restaurant}}, .order_id = {{order}}};
    hub_owners_ask(owners, &sessions[session].question, &sessions[session], &target);
}

static void many_who_wait_cost_one_question(void **state)
{
    struct hub_owners *owners = set_up(10);
    (void)state;
    for (size_t i = 0; i < 3; i++)
        ask(owners, i, 1, 2);
    assert_int_equal(asked_count, 1);
    assert_int_equal(told_count, 0);
    answer(0, true, 7);
    assert_int_equal(told_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(told[i].session, &sessions[i]);
        assert_int_equal(told[i].customer_id.bytes[0], 7);
    }
    ask(owners, 3, 1, 2); /* remembered */
    assert_int_equal(asked_count, 1);
    assert_int_equal(told[3].customer_id.bytes[0], 7);
    hub_owners_destroy(owners);
}

static void an_order_belongs_to_its_restaurant(void **state)
{
    struct hub_owners *owners = set_up(10);
    (void)state;
    ask(owners, 0, 9, 2); /* not the restaurant where it is */
    ask(owners, 1, 1, 2);
    assert_int_equal(asked_count, 2);
    answer(0, false, 0);
    answer(1, true, 7);
    assert_true(osy_uuid_is_nil(&told[0].customer_id));
    assert_int_equal(told[1].customer_id.bytes[0], 7);
    hub_owners_destroy(owners);
}

static void what_was_not_found_is_asked_for_again(void **state)
{
    struct hub_owners *owners = set_up(10);
    const struct osy_error err = {.code = OSY_ERR_IO};
    (void)state;
    ask(owners, 0, 1, 2);
    answer(0, false, 0);
    ask(owners, 0, 1, 2);
    asked[1].fn(asked[1].context, &(struct hub_customer){0}, &err);
    assert_true(told[1].failed);
    ask(owners, 0, 1, 2);
    assert_int_equal(asked_count, 3);
    answer(2, true, 7);
    assert_int_equal(told[2].customer_id.bytes[0], 7);
    hub_owners_destroy(owners);
}

static void who_has_gone_is_told_nothing(void **state)
{
    struct hub_owners *owners = set_up(10);
    (void)state;
    ask(owners, 0, 1, 2);
    ask(owners, 1, 1, 2);
    hub_owners_forget(&sessions[0].question);
    hub_owners_forget(&sessions[0].question);
    answer(0, true, 7);
    assert_int_equal(told_count, 1);
    assert_ptr_equal(told[0].session, &sessions[1]);
    hub_owners_destroy(owners);
}

static void the_one_that_was_asked_for_longest_ago_gives_way(void **state)
{
    struct hub_owners *owners = set_up(2);
    (void)state;
    for (uint8_t order = 0; order < 2; order++) {
        ask(owners, 0, 1, order);
        answer(order, true, 7);
    }
    ask(owners, 0, 1, 0); /* used again: 1 is the older one now */
    assert_int_equal(asked_count, 2);
    ask(owners, 0, 1, 2);
    answer(2, true, 7);
    ask(owners, 0, 1, 0);
    assert_int_equal(asked_count, 3);
    ask(owners, 0, 1, 1);
    assert_int_equal(asked_count, 4);
    answer(3, true, 7);
    hub_owners_destroy(owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_who_wait_cost_one_question),
        cmocka_unit_test(an_order_belongs_to_its_restaurant),
        cmocka_unit_test(what_was_not_found_is_asked_for_again),
        cmocka_unit_test(who_has_gone_is_told_nothing),
        cmocka_unit_test(the_one_that_was_asked_for_longest_ago_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
