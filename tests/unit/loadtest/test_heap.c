#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/heap.h"

static void the_earliest_comes_out_first(void **state)
{
    struct load_heap heap = {0};
    uint64_t seed = 3, due_ns = 0, before_ns = 0;
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        seed = seed * 48271 % 2147483647;
        load_heap_push(&heap, seed % 500, &heap);
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_ptr_equal(load_heap_pop(&heap, &due_ns), &heap);
        assert_true(due_ns >= before_ns);
        before_ns = due_ns;
    }
    assert_null(load_heap_pop(&heap, &due_ns));
    load_heap_deinit(&heap);
}

static void an_empty_heap_is_never_due(void **state)
{
    struct load_heap heap = {0};
    (void)state;
    assert_true(load_heap_first(&heap) == UINT64_MAX);
    load_heap_push(&heap, 5, &heap);
    assert_int_equal(load_heap_first(&heap), 5);
    load_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_out_first),
        cmocka_unit_test(an_empty_heap_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
