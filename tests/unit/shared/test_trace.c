#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/trace.h"

#define EXAMPLE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void the_example_of_the_recommendation_is_read(void **state)
{
    char text[OSY_TRACEPARENT_BYTES];
    struct osy_trace trace;

    (void)state;
    assert_true(osy_trace_parse(EXAMPLE, strlen(EXAMPLE), &trace));
    assert_string_equal(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(trace.span_id, "00f067aa0ba902b7");
    assert_int_equal(trace.flags, 1);
    osy_trace_format(&trace, text);
    assert_string_equal(text, EXAMPLE);
}

static void a_child_stays_in_its_trace_and_has_its_own_span(void **state)
{
    struct osy_trace parent, child;

    (void)state;
    assert_true(osy_trace_parse(EXAMPLE, strlen(EXAMPLE), &parent));
    parent.flags = 0xFF;
    osy_trace_start(&parent, &child);
    assert_string_equal(child.trace_id, parent.trace_id);
    assert_string_not_equal(child.span_id, parent.span_id);
    assert_int_equal(child.flags, 1); /* flags that we do not know are not passed on */
}

static void every_root_is_new_and_reads_back(void **state)
{
    struct osy_trace before = {.trace_id = ""};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct osy_trace root, back;
        char text[OSY_TRACEPARENT_BYTES];

        osy_trace_start(NULL, &root);
        osy_trace_format(&root, text);
        assert_true(osy_trace_parse(text, strlen(text), &back));
        assert_string_equal(back.trace_id, root.trace_id);
        assert_string_equal(back.span_id, root.span_id);
        assert_string_not_equal(root.trace_id, before.trace_id);
        before = root;
    }
}

static void a_higher_version_is_read_as_far_as_we_know_it(void **state)
{
    static const char *const texts[] = {
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be",
    };
    struct osy_trace trace;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(osy_trace_parse(texts[i], strlen(texts[i]), &trace));
        assert_string_equal(trace.span_id, "00f067aa0ba902b7");
    }
}

static void malformed_headers_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.extra",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0G",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    struct osy_trace trace;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(osy_trace_parse(texts[i], strlen(texts[i]), &trace));
    assert_false(
        osy_trace_parse("00-4bf92f3577b34da6a3ce929d0e0e473\0-00f067aa0ba902b7-01", 55, &trace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_recommendation_is_read),
        cmocka_unit_test(a_child_stays_in_its_trace_and_has_its_own_span),
        cmocka_unit_test(every_root_is_new_and_reads_back),
        cmocka_unit_test(a_higher_version_is_read_as_far_as_we_know_it),
        cmocka_unit_test(malformed_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
