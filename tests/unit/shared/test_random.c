#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/random.h"

static void every_length_is_filled(void **state)
{
    static uint8_t bytes[10000];

    (void)state;
    /* More than a pool; a run of 16 zero bytes would be a piece that was left out (chance 2^-115). */
    osy_random_bytes(bytes, sizeof bytes);
    for (size_t at = 0, zeros = 0; at < sizeof bytes; at++) {
        zeros = bytes[at] == 0 ? zeros + 1 : 0;
        assert_true(zeros < 16);
    }
    osy_random_bytes(bytes, 0);
}

static void no_two_draws_are_equal(void **state)
{
    static uint8_t draws[2000][16];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        osy_random_bytes(draws[i], sizeof draws[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(draws[i], draws[j], sizeof draws[i]);
    }
}

static void a_forked_child_draws_other_bytes(void **state)
{
    uint8_t ours[32], theirs[32];
    int ends[2];
    pid_t child;

    (void)state;
    osy_random_bytes(ours, sizeof ours); /* now there is a pool to inherit */
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        osy_random_bytes(theirs, sizeof theirs);
        _exit(write(ends[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    osy_random_bytes(ours, sizeof ours);
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_memory_not_equal(ours, theirs, sizeof ours);
    close(ends[0]);
    close(ends[1]);
}

static void below_stays_below_and_reaches_everything(void **state)
{
    unsigned seen[5] = {0};

    (void)state;
    for (int i = 0; i < 2000; i++)
        seen[osy_random_below(5)]++;
    for (size_t i = 0; i < 5; i++)
        assert_true(seen[i] > 200); /* 400 expected; 200 is eleven standard deviations away */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(osy_random_below(1), 0);
        assert_true(osy_random_below(UINT64_MAX) < UINT64_MAX);
        assert_true(osy_random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_filled),
        cmocka_unit_test(no_two_draws_are_equal),
        cmocka_unit_test(a_forked_child_draws_other_bytes),
        cmocka_unit_test(below_stays_below_and_reaches_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
