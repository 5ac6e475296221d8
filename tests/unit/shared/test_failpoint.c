#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

/* The release build of the library has no failpoints, so this test brings its own. */
#ifndef ORDERSYNC_FAILPOINTS
#define ORDERSYNC_FAILPOINTS 1
#endif
#include "shared/failpoint.c"

/* The wait status of a child with this setting that passes "publish" `passes` times and exits with 7. */
static int status_of(const char *setting, int passes)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        setenv("OSY_FAILPOINTS", setting, 1);
        close(STDERR_FILENO);
        for (int i = 0; i < passes; i++)
            OSY_FAILPOINT("publish");
        _exit(7);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void the_chosen_pass_kills(void **state)
{
    int status = status_of("other=kill,publish=kill", 1);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = status_of("publish=kill:3", 3);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void other_passes_and_names_do_nothing(void **state)
{
    static const char *const settings[] = {"", "publish=kill:3", "commit=kill", "publish2=kill",
                                           "publish=delay:1"};

    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int status = status_of(settings[i], 2);

        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

static void a_setting_that_is_not_understood_stops_the_process(void **state)
{
    static const char *const settings[] = {"publish",        "=kill",         "publish=die",
                                           "publish=kill:0", "publish=kill:", "publish=kill:2x",
                                           "publish=delay",  "a=kill,b"};

    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int status = status_of(settings[i], 1);

        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chosen_pass_kills),
        cmocka_unit_test(other_passes_and_names_do_nothing),
        cmocka_unit_test(a_setting_that_is_not_understood_stops_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
