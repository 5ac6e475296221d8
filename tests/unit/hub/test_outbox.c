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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_too_many_is_refused),
        cmocka_unit_test(a_byte_too_many_is_refused),
        cmocka_unit_test(a_single_message_may_be_of_any_size),
        cmocka_unit_test(an_empty_outbox_owns_nothing),
        cmocka_unit_test(frames_leave_in_the_order_in_which_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
