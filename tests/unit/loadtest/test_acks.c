#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/acks.h"

/* What one turn has said, message after message. */
static char said[1024];

static void note(void *context, const char *text, size_t length)
{
    (void)context;
    strncat(said, text, length);
}

static const char *turn(struct load_acks *acks)
{
    said[0] = '\0';
    load_acks_turn(acks, note, NULL);
    return said;
}

#define ACK(position, state) \
    "{\"type\":\"ack\",\"position\":\"" position "\",\"state\":\"" state "\",\"device\":\"d\"}"

static void what_is_received_is_displayed_one_turn_later(void **state)
{
    struct load_acks *acks = load_acks_create("d");
    (void)state;
    assert_string_equal(turn(acks), "");
    load_acks_note(acks, "one");
    assert_true(load_acks_are_due(acks));
    assert_string_equal(turn(acks), ACK("one", "received"));
    assert_true(load_acks_are_due(acks));
    assert_string_equal(turn(acks), ACK("one", "displayed"));
    assert_false(load_acks_are_due(acks));
    assert_string_equal(turn(acks), "");
    free(acks);
}

static void only_the_latest_of_a_turn_is_said(void **state)
{
    struct load_acks *acks = load_acks_create("d");
    (void)state;
    load_acks_note(acks, "one");
    load_acks_note(acks, "two");
    assert_string_equal(turn(acks), ACK("two", "received"));
    load_acks_note(acks, "3");
    assert_string_equal(turn(acks), ACK("two", "displayed") ACK("3", "received"));
    assert_string_equal(turn(acks), ACK("3", "displayed"));
    free(acks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_received_is_displayed_one_turn_later),
        cmocka_unit_test(only_the_latest_of_a_turn_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
