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

/* The release build of the library has neither, so this test brings its own. */
#ifndef ORDERSYNC_FAILPOINTS
#define ORDERSYNC_FAILPOINTS 1
#endif
#ifndef ORDERSYNC_BUGS
#define ORDERSYNC_BUGS 1
#endif
#include "shared/failpoint.c"
#define choose           choose_bug
#define read_environment read_bugs
#include "shared/bug.c"

enum { CAME_THROUGH = 7, FAILED_ONCE = 8, FAILED_TWICE = 9, HAD_BUG = 10 };

/* What a child does: passes "commit" and "publish" twice. */
static int pass_twice(void)
{
    struct osy_error err = {0};
    int failures = 0;
    for (int i = 0; i < 2; i++) {
        OSY_FAILPOINT("commit", "it is durable");
        if (!OSY_FAILPOINT_ERROR("publish", "it is told", &err))
            continue;
        failures++;
        if (err.code != OSY_ERR_IO || strcmp(err.message, "failpoint publish") != 0)
            return EXIT_FAILURE;
    }
    if (OSY_BUG("deaf", "nothing is heard"))
        return HAD_BUG;
    return CAME_THROUGH + failures;
}

/* The wait status of this program, started anew: the settings are read before main. */
static int status_of(const char *failpoints, const char *bugs)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        setenv("OSY_FAILPOINTS", failpoints, 1);
        setenv("OSY_BUGS", bugs, 1);
        assert_non_null(freopen("/dev/null", "w", stderr));
        execl("/proc/self/exe", "child", "child", (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_exits(const char *failpoints, const char *bugs, int with)
{
    int status = status_of(failpoints, bugs);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), with);
}

static void the_chosen_pass_kills(void **state)
{
    static const char *const settings[] = {"publish=kill", "publish=kill:2", "commit=kill",
                                           "commit=delay:1,publish=kill"};
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int status = status_of(settings[i], "");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

static void passes_that_are_not_meant_do_nothing(void **state)
{
    (void)state;
    assert_exits("", "", CAME_THROUGH);
    assert_exits("publish=kill:3", "", CAME_THROUGH);
    assert_exits("commit=delay:1", "", CAME_THROUGH);
}

static void an_error_takes_the_error_path(void **state)
{
    (void)state;
    assert_exits("publish=error", "", FAILED_TWICE);
    assert_exits("publish=error:1", "", FAILED_ONCE);
}

static void a_hang_lasts(void **state)
{
    int status = 0;
    pid_t child = fork();
    (void)state;
    if (child == 0) {
        setenv("OSY_FAILPOINTS", "publish=hang", 1);
        alarm(1); /* what ends it: without the hang it would have exited */
        execl("/proc/self/exe", "child", "child", (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void a_setting_that_is_not_understood_stops_the_process(void **state)
{
    static const char *const settings[] = {"publish",         "=kill",         "publish=die",
                                           "publish=kill:0",  "publish=kill:", "publish=delay",
                                           "publish=kill:2x", "commit=kill,b", "commit=error",
                                           "other=kill",      "publish=hang:1"};
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        assert_exits(settings[i], "", 2);
}

static void a_bug_is_there_only_when_it_is_chosen(void **state)
{
    (void)state;
    assert_exits("", "deaf", HAD_BUG);
    assert_exits("", "dumb", 2);
}

/* The text that print writes; to be freed. */
static char *text_of(void (*print)(FILE *))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static void every_place_is_listed(void **state)
{
    char *failpoints = text_of(osy_failpoints_print), *bugs = text_of(osy_bugs_print);
    (void)state;
    assert_non_null(
        strstr(failpoints, "failpoint\tcommit\tkill,delay,hang\tbefore it is durable\n"));
    assert_non_null(
        strstr(failpoints, "failpoint\tpublish\tkill,delay,hang,error\tbefore it is told\n"));
    assert_non_null(strstr(bugs, "bug\tdeaf\tnothing is heard\n"));
    free(failpoints);
    free(bugs);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chosen_pass_kills),
        cmocka_unit_test(passes_that_are_not_meant_do_nothing),
        cmocka_unit_test(an_error_takes_the_error_path),
        cmocka_unit_test(a_hang_lasts),
        cmocka_unit_test(a_setting_that_is_not_understood_stops_the_process),
        cmocka_unit_test(a_bug_is_there_only_when_it_is_chosen),
        cmocka_unit_test(every_place_is_listed),
    };
    (void)argv;
    return argc > 1 ? pass_twice() : cmocka_run_group_tests(tests, NULL, NULL);
}
