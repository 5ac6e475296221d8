#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/outbox.h"

static struct hub_frame *frame_of(size_t payload)
{
    static const char bytes[4096];
    return hub_frame_create(bytes, payload);
}

static bool push(struct hub_outbox *outbox, size_t payload, size_t messages, size_t bytes)
{
    struct hub_frame *frame = frame_of(payload);
    bool pushed = hub_outbox_push(outbox, frame, messages, bytes);
    hub_frame_unref(frame);
    return pushed;
}

static void a_message_too_many_is_refused(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    assert_true(push(&outbox, 1, 2, 1000));
    assert_true(push(&outbox, 1, 2, 1000));
    assert_false(push(&outbox, 1, 2, 1000));
    assert_int_equal(outbox.count, 2);
    hub_outbox_clear(&outbox);
}

static void a_byte_too_many_is_refused(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    assert_true(push(&outbox, 98, 10, 200));
    assert_true(push(&outbox, 98, 10, 200));
    assert_int_equal(outbox.bytes, 200);
    assert_false(push(&outbox, 0, 10, 200));
    hub_outbox_clear(&outbox);
}

static void a_single_message_may_be_of_any_size(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    assert_true(push(&outbox, 4000, 10, 200));
    assert_false(push(&outbox, 1, 10, 200));
    hub_outbox_clear(&outbox);
}

static void an_empty_outbox_owns_nothing(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    assert_null(hub_outbox_peek(&outbox));
    assert_null(hub_outbox_pop(&outbox));
    assert_true(push(&outbox, 1, 2, 1000));
    hub_frame_unref(hub_outbox_pop(&outbox));
    assert_null(outbox.ring);
    hub_outbox_clear(&outbox);
}

static void a_frame_alone_needs_no_memory(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    assert_true(push(&outbox, 1, 4, 1000));
    assert_int_equal(outbox.capacity, 0);
    assert_true(push(&outbox, 2, 4, 1000));
    assert_int_not_equal(outbox.capacity, 0);
    for (size_t payload = 1; payload <= 2; payload++) {
        struct hub_frame *frame = hub_outbox_pop(&outbox);
        assert_int_equal(frame->length, 2 + payload);
        hub_frame_unref(frame);
    }
}

/* Against a plain array, for some hundred thousand random steps. */
static void frames_leave_in_the_order_in_which_they_came(void **state)
{
    struct hub_outbox outbox = {0};
    struct hub_frame *expected[64] = {0};
    size_t head = 0, tail = 0, bytes = 0;
    (void)state;
    srand(7);
    for (int step = 0; step < 200000; step++) {
        if (rand() % 2) {
            struct hub_frame *frame = frame_of((size_t)(rand() % 300));
            bool fits = tail - head < 50 && (tail == head || bytes + frame->length <= 5000);
            assert_int_equal(hub_outbox_push(&outbox, frame, 50, 5000), fits);
            if (fits) {
                expected[tail++ % 64] = frame;
                bytes += frame->length;
            }
            hub_frame_unref(frame);
        } else {
            struct hub_frame *frame = hub_outbox_pop(&outbox);
            assert_ptr_equal(frame, head == tail ? NULL : expected[head % 64]);
            if (frame) {
                head++;
                bytes -= frame->length;
            }
            hub_frame_unref(frame);
        }
        assert_int_equal(outbox.bytes, bytes);
        assert_int_equal(outbox.count, tail - head);
    }
    hub_outbox_clear(&outbox);
}

static struct osy_uuid restaurant_of(int number)
{
    return (struct osy_uuid){.bytes = {(uint8_t)number}};
}

static void a_newer_state_replaces_the_one_that_waits_and_comes_behind_what_is_queued(void **state)
{
    struct hub_outbox outbox = {0};
    struct osy_uuid one = restaurant_of(1), two = restaurant_of(2);
    struct hub_frame *event = frame_of(1), *old = frame_of(2), *new = frame_of(3);
    struct hub_frame *other = frame_of(4);
    (void)state;
    hub_outbox_put_latest(&outbox, HUB_LATEST_FIGURES, &one, old);
    hub_outbox_put_latest(&outbox, HUB_LATEST_FIGURES, &two, other);
    assert_true(hub_outbox_push(&outbox, event, 10, 1000));
    hub_outbox_put_latest(&outbox, HUB_LATEST_FIGURES, &one, new);
    assert_int_equal(old->references, 1);
    assert_int_equal(hub_outbox_frames(&outbox), 3);
    struct hub_frame *expected[] = {other, event, new, NULL};
    for (size_t i = 0; i < 4; i++) {
        struct hub_frame *frame = hub_outbox_pop(&outbox);
        assert_ptr_equal(frame, expected[i]);
        hub_frame_unref(frame);
    }
    hub_frame_unref(event);
    hub_frame_unref(old);
    hub_frame_unref(new);
    hub_frame_unref(other);
}

static void states_of_other_kinds_stay(void **state)
{
    struct hub_outbox outbox = {0};
    struct osy_uuid one = restaurant_of(1);
    struct hub_frame *frame = frame_of(1);
    (void)state;
    hub_outbox_put_latest(&outbox, HUB_LATEST_FIGURES, &one, frame);
    hub_outbox_put_latest(&outbox, HUB_LATEST_PRESENCE, &one, frame);
    hub_outbox_put_latest(&outbox, HUB_LATEST_HEARTBEAT, &one, frame);
    assert_int_equal(hub_outbox_frames(&outbox), 3);
    hub_outbox_clear(&outbox);
    assert_int_equal(frame->references, 1);
    hub_frame_unref(frame);
}

static void states_never_take_room_from_events(void **state)
{
    struct hub_outbox outbox = {0};
    (void)state;
    for (int i = 0; i < 64; i++) {
        struct osy_uuid restaurant_id = restaurant_of(i);
        struct hub_frame *frame = frame_of(1000);
        hub_outbox_put_latest(&outbox, HUB_LATEST_PRESENCE, &restaurant_id, frame);
        hub_frame_unref(frame);
    }
    assert_true(push(&outbox, 98, 2, 200));
    assert_true(push(&outbox, 98, 2, 200));
    assert_false(push(&outbox, 98, 2, 200));
    hub_outbox_clear(&outbox);
}

/*
 * Both classes at once, against the rule itself: events come all and in order; of a state, what comes is
 * the newest that was put, once, and everything that was pushed before it has come before it.
 */
enum { SUBJECTS = 6 };

struct model {
    size_t pushed, popped;             /* events */
    struct hub_frame *waits[SUBJECTS]; /* borrowed from the outbox; NULL: none */
    size_t pushed_before[SUBJECTS];
};

static int waiting_subject(const struct model *model, const struct hub_frame *frame)
{
    for (int i = 0; i < SUBJECTS; i++) {
        if (model->waits[i] == frame)
            return i;
    }
    return -1;
}

static void put_state(struct model *model, struct hub_outbox *outbox)
{
    int subject = rand() % SUBJECTS;
    struct osy_uuid restaurant_id = restaurant_of(subject / 3);
    struct hub_frame *frame = frame_of((size_t)(rand() % 300));
    hub_outbox_put_latest(outbox, (enum hub_latest_kind)(subject % 3), &restaurant_id, frame);
    model->waits[subject] = frame;
    model->pushed_before[subject] = model->pushed;
    hub_frame_unref(frame);
}

static void pop_and_check(struct model *model, struct hub_outbox *outbox)
{
    struct hub_frame *peeked = hub_outbox_peek(outbox);
    struct hub_frame *frame = hub_outbox_pop(outbox);
    assert_ptr_equal(frame, peeked);
    if (!frame)
        return;
    int subject = waiting_subject(model, frame);
    if (subject >= 0) {
        assert_true(model->popped >= model->pushed_before[subject]);
        model->waits[subject] = NULL;
    } else {
        assert_int_equal(frame->committed_ms, (int64_t)model->popped);
        model->popped++;
        for (int i = 0; i < SUBJECTS; i++)
            assert_true(!model->waits[i] || model->pushed_before[i] >= model->popped);
    }
    hub_frame_unref(frame);
}

static void check_sizes(const struct model *model, const struct hub_outbox *outbox)
{
    size_t waiting = 0;
    for (int i = 0; i < SUBJECTS; i++)
        waiting += model->waits[i] != NULL;
    assert_int_equal(outbox->count, model->pushed - model->popped);
    assert_int_equal(hub_outbox_frames(outbox), model->pushed - model->popped + waiting);
    if (hub_outbox_frames(outbox) == 0)
        assert_true(hub_outbox_bytes(outbox) == 0 && !outbox->ring && !outbox->latest);
}

static void all_events_and_only_the_newest_states_leave(void **state)
{
    struct hub_outbox outbox = {0};
    struct model model = {0};
    (void)state;
    srand(11);
    for (int step = 0; step < 200000; step++) {
        int choice = rand() % 4;
        if (choice == 0) {
            struct hub_frame *frame = frame_of(10);
            frame->committed_ms = (int64_t)model.pushed;
            bool fits = model.pushed - model.popped < 20;
            assert_int_equal(hub_outbox_push(&outbox, frame, 20, 100000), fits);
            model.pushed += fits;
            hub_frame_unref(frame);
        } else if (choice == 1) {
            put_state(&model, &outbox);
        } else {
            pop_and_check(&model, &outbox);
        }
        check_sizes(&model, &outbox);
    }
    hub_outbox_clear(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_too_many_is_refused),
        cmocka_unit_test(a_byte_too_many_is_refused),
        cmocka_unit_test(a_single_message_may_be_of_any_size),
        cmocka_unit_test(an_empty_outbox_owns_nothing),
        cmocka_unit_test(a_frame_alone_needs_no_memory),
        cmocka_unit_test(frames_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(a_newer_state_replaces_the_one_that_waits_and_comes_behind_what_is_queued),
        cmocka_unit_test(states_of_other_kinds_stay),
        cmocka_unit_test(states_never_take_room_from_events),
        cmocka_unit_test(all_events_and_only_the_newest_states_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
