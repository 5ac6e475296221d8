#include "shared/failpoint.h"

#ifdef ORDERSYNC_FAILPOINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The linker's names for the section that OSY_FAILPOINT_HERE fills; weak, because a program may have none. */
extern struct osy_failpoint *const __start_osy_failpoints[] __attribute__((weak));
extern struct osy_failpoint *const __stop_osy_failpoints[] __attribute__((weak));

static const struct {
    const char *name;
    enum osy_failpoint_action action;
    bool takes_number, needs_number;
} actions[] = {
    {"kill", OSY_FAILPOINT_KILL, true, false},
    {"error", OSY_FAILPOINT_FAIL, true, false},
    {"delay", OSY_FAILPOINT_DELAY, true, true},
    {"hang", OSY_FAILPOINT_HANG, false, false},
};
enum { ACTION_COUNT = sizeof actions / sizeof actions[0] };

static _Noreturn void die_of(const char *text)
{
    fprintf(stderr, "OSY_FAILPOINTS: not understood: %s\n", text);
    exit(2);
}

static struct osy_failpoint *find_failpoint(const char *name)
{
    struct osy_failpoint *const *at = __start_osy_failpoints;
    while (at != __stop_osy_failpoints && strcmp((*at)->name, name) != 0)
        at++;
    return at == __stop_osy_failpoints ? NULL : *at;
}

/* text: "kill", "kill:3". */
static bool choose_action(struct osy_failpoint *failpoint, char *text)
{
    char *number = strchr(text, ':'), *end = NULL;
    size_t i = 0;
    if (number)
        *number++ = '\0';
    while (i < ACTION_COUNT && strcmp(actions[i].name, text) != 0)
        i++;
    if (i == ACTION_COUNT || (number ? !actions[i].takes_number : actions[i].needs_number))
        return false;
    failpoint->action = actions[i].action;
    failpoint->number = number ? strtol(number, &end, 10) : 0;
    return (!number || (*number && !*end && failpoint->number > 0)) &&
           (failpoint->action != OSY_FAILPOINT_FAIL || failpoint->takes_error);
}

static void choose(const char *setting)
{
    char *copy = strdup(setting);
    char *equals = copy ? strchr(copy, '=') : NULL;
    if (!equals)
        die_of(setting);
    *equals = '\0';
    struct osy_failpoint *failpoint = find_failpoint(copy);
    if (!failpoint || !choose_action(failpoint, equals + 1))
        die_of(setting);
    free(copy);
}

/* Before main, so that no thread is there yet and a wrong setting is found even when its place is never passed. */
__attribute__((constructor)) static void read_environment(void)
{
    const char *variable = getenv("OSY_FAILPOINTS");
    char *copy = strdup(variable ? variable : ""), *rest = NULL;
    if (!copy)
        abort();
    for (char *text = strtok_r(copy, ",", &rest); text; text = strtok_r(NULL, ",", &rest))
        choose(text);
    free(copy);
}

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

/* Whether this pass is one that the setting means. */
static bool is_meant(const struct osy_failpoint *failpoint, long pass)
{
    switch (failpoint->action) {
    case OSY_FAILPOINT_PASS: return false;
    case OSY_FAILPOINT_KILL: return pass == (failpoint->number > 0 ? failpoint->number : 1);
    case OSY_FAILPOINT_FAIL: return failpoint->number == 0 || pass <= failpoint->number;
    case OSY_FAILPOINT_DELAY: return true;
    case OSY_FAILPOINT_HANG: return pass == 1;
    }
    return false;
}

/* For the test: the place was reached. Not by the log, whose lock a dying thread might hold. */
static void say_once(struct osy_failpoint *failpoint)
{
    if (!atomic_exchange(&failpoint->was_said, true))
        dprintf(STDERR_FILENO, "failpoint %s\n", failpoint->name);
}

bool osy_failpoint_hit(struct osy_failpoint *failpoint, struct osy_error *err)
{
    if (failpoint->action == OSY_FAILPOINT_PASS)
        return false;
    if (!is_meant(failpoint, atomic_fetch_add(&failpoint->passes, 1) + 1))
        return false;
    say_once(failpoint);
    struct timespec delay = {failpoint->number / 1000, failpoint->number % 1000 * 1000000};
    switch (failpoint->action) {
    case OSY_FAILPOINT_PASS: break;
    case OSY_FAILPOINT_KILL: kill(getpid(), SIGKILL); break;
    case OSY_FAILPOINT_FAIL:
        return !osy_error_set(err, OSY_ERR_IO, "failpoint %s", failpoint->name);
    case OSY_FAILPOINT_DELAY: nanosleep(&delay, NULL); break;
    case OSY_FAILPOINT_HANG: hang();
    }
    return false;
}

void osy_failpoints_print(FILE *out)
{
    for (struct osy_failpoint *const *at = __start_osy_failpoints; at != __stop_osy_failpoints;
         at++)
        fprintf(out, "failpoint\t%s\t%s\tbefore %s\n", (*at)->name,
                (*at)->takes_error ? "kill,delay,hang,error" : "kill,delay,hang", (*at)->before);
}
#else
void osy_failpoints_print(FILE *out)
{
    fprintf(out, "This build has no failpoints (CMake's presets dev and failpoints do).\n");
}
#endif
