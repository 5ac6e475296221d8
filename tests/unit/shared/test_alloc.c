#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/alloc.h"

static void memory_is_zeroed_and_nothing_is_still_something(void **state)
{
    char *none = osy_alloc(0);
    unsigned char *bytes = osy_alloc_array(3, 7);

    (void)state;
    for (size_t i = 0; i < 21; i++)
        assert_int_equal(bytes[i], 0);
    assert_non_null(none);
    free(none);
    free(bytes);
}

static void growing_keeps_the_content(void **state)
{
    char *text = osy_strdup("order");

    (void)state;
    text = osy_realloc_array(text, 100, 1);
    assert_string_equal(text, "order");
    text = osy_realloc_array(text, 0, 1);
    free(text);
}

static void a_copy_of_a_piece_ends_with_nul(void **state)
{
    char *piece = osy_strndup("kimchi-stew", 6), *empty = osy_strndup(NULL, 0);

    (void)state;
    assert_string_equal(piece, "kimchi");
    assert_string_equal(empty, "");
    free(piece);
    free(empty);
}

static void overflow_ends_the_process(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* not the test runner's */
        close(STDERR_FILENO);
        free(osy_realloc_array(NULL, SIZE_MAX / 2, 3));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    /* By our abort, or sooner by a sanitizer's allocator. */
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_nothing_is_still_something),
        cmocka_unit_test(growing_keeps_the_content),
        cmocka_unit_test(a_copy_of_a_piece_ends_with_nul),
        cmocka_unit_test(overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
