#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/frame.h"
#include "shared/alloc.h"

/* Reads a server frame as RFC 6455 section 5.2 says. */
static void check(size_t length)
{
    char *payload = osy_alloc(length + 1);
    memset(payload, 'x', length);
    struct hub_frame *frame = hub_frame_create(payload, length);
    const unsigned char *bytes = frame->bytes;
    assert_int_equal(bytes[0], 0x81);
    assert_int_equal(bytes[1] & 0x80, 0); /* a server does not mask */
    size_t width = bytes[1] == 126 ? 2 : bytes[1] == 127 ? 8 : 0;
    uint64_t said = width ? 0 : bytes[1];
    for (size_t i = 0; i < width; i++)
        said = said << 8 | bytes[2 + i];
    assert_int_equal(said, length);
    assert_int_equal(frame->length, 2 + width + length);
    assert_memory_equal(bytes + 2 + width, payload, length);
    assert_true(width == 0 || said > (width == 2 ? 125 : 65535)); /* the shortest form */
    hub_frame_unref(frame);
    free(payload);
}

static void lengths_are_written_in_the_shortest_form(void **state)
{
    (void)state;
    for (size_t length = 0; length < 300; length++)
        check(length);
    check(65534);
    check(65535);
    check(65536);
    check(200000);
}

static void parts_make_the_same_frame_as_the_whole(void **state)
{
    const struct hub_slice parts[] = {{"{\"a\":", 5}, {"", 0}, {"1}", 2}};
    struct hub_frame *joined = hub_frame_join(parts, 3), *whole = hub_frame_create("{\"a\":1}", 7);
    (void)state;
    assert_int_equal(joined->length, whole->length);
    assert_memory_equal(joined->bytes, whole->bytes, whole->length);
    hub_frame_unref(joined);
    hub_frame_unref(whole);
}

static void a_ping_carries_a_byte(void **state)
{
    struct hub_frame *frame = hub_frame_create_ping();
    (void)state;
    assert_int_equal(frame->length, 3);
    assert_int_equal(frame->bytes[0], 0x89);
    assert_int_equal(frame->bytes[1], 1);
    hub_frame_unref(frame);
}

static void a_frame_lives_as_long_as_its_last_reference(void **state)
{
    struct hub_frame *frame = hub_frame_create("a", 1);
    (void)state;
    assert_ptr_equal(hub_frame_ref(frame), frame);
    hub_frame_unref(frame);
    assert_int_equal(frame->bytes[2], 'a');
    hub_frame_unref(frame);
    hub_frame_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_written_in_the_shortest_form),
        cmocka_unit_test(parts_make_the_same_frame_as_the_whole),
        cmocka_unit_test(a_ping_carries_a_byte),
        cmocka_unit_test(a_frame_lives_as_long_as_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
