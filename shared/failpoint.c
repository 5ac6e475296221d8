#include "shared/failpoint.h"

#ifdef ORDERSYNC_FAILPOINTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAILPOINTS_MAX 16
#define NAME_BYTES     64

enum action { ACTION_KILL = 0, ACTION_DELAY };

static struct failpoint {
    char name[NAME_BYTES];
    enum action action;
    long number; /* kill: the pass that dies; delay: milliseconds */
    atomic_long passes;
} failpoints[FAILPOINTS_MAX];
static size_t failpoint_count;

/* A failpoint that is misspelt would let a chaos test prove nothing: the process stops. */
static _Noreturn void die_of(const char *text)
{
    fprintf(stderr, "OSY_FAILPOINTS: not understood: %s\n", text);
    exit(2);
}

static void parse_one(const char *text, struct failpoint *failpoint)
{
    const char *equals = strchr(text, '='), *colon = strchr(text, ':');
    size_t length = equals ? (size_t)(equals - text) : 0;
    char *end = NULL;

    if (length == 0 || length >= NAME_BYTES)
        die_of(text);
    memcpy(failpoint->name, text, length);
    failpoint->number = colon ? strtol(colon + 1, &end, 10) : 1;
    if (failpoint->number < 1 || (end && *end != '\0'))
        die_of(text);
    if (strcmp(equals, "=kill") == 0 || strncmp(equals, "=kill:", 6) == 0)
        failpoint->action = ACTION_KILL;
    else if (strncmp(equals, "=delay:", 7) == 0)
        failpoint->action = ACTION_DELAY;
    else
        die_of(text);
}

static void parse_environment(void)
{
    const char *variable = getenv("OSY_FAILPOINTS");
    char *copy = strdup(variable ? variable : ""), *rest = NULL;

    if (!copy)
        abort();
    for (char *text = strtok_r(copy, ",", &rest); text; text = strtok_r(NULL, ",", &rest)) {
        if (failpoint_count == FAILPOINTS_MAX)
            die_of(text);
        parse_one(text, &failpoints[failpoint_count++]);
    }
    free(copy);
}

static void act(struct failpoint *failpoint)
{
    struct timespec delay = {failpoint->number / 1000, failpoint->number % 1000 * 1000000};

    if (failpoint->action == ACTION_DELAY)
        nanosleep(&delay, NULL);
    else if (atomic_fetch_add(&failpoint->passes, 1) + 1 == failpoint->number)
        kill(getpid(), SIGKILL);
}

void osy_failpoint_hit(const char *name)
{
    static pthread_once_t parsed = PTHREAD_ONCE_INIT;

    pthread_once(&parsed, parse_environment);
    for (size_t i = 0; i < failpoint_count; i++) {
        if (strcmp(failpoints[i].name, name) == 0)
            act(&failpoints[i]);
    }
}
#endif
