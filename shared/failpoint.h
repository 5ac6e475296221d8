/*
 * Failpoints: named places where a test can make the process die, wait, hang or take its error path.
 * Compiled in only with ORDERSYNC_FAILPOINTS; elsewhere OSY_FAILPOINT is nothing and OSY_FAILPOINT_ERROR
 * is false. Chosen by the variable OSY_FAILPOINTS, outside of the configuration, as a list of
 *
 *   name=kill[:N]    SIGKILL to ourselves, on the Nth pass (1)
 *   name=error[:N]   every pass, or the first N, goes wrong; only where OSY_FAILPOINT_ERROR stands
 *   name=delay:MS    every pass takes so much longer
 *   name=hang        the first thread that passes stays there for ever
 *
 * separated by commas. Where it first takes effect a line on stderr says so: "failpoint <name>". A name that this program does not have, or an action that the place cannot take,
 * stops the process before main: a test that is misspelt would prove nothing. The place itself is the
 * registry: each is listed in a linker section, so a new one is found, printed and tested without a
 * second line anywhere. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "shared/error.h"

/* A line for each, its columns separated by tabs: "failpoint", name, actions, what happens there next. In a build
 * without them: a sentence that says so. */
void osy_failpoints_print(FILE *out);

#ifdef ORDERSYNC_FAILPOINTS
#include <stdatomic.h>

enum osy_failpoint_action {
    OSY_FAILPOINT_PASS = 0,
    OSY_FAILPOINT_KILL,
    OSY_FAILPOINT_FAIL,
    OSY_FAILPOINT_DELAY,
    OSY_FAILPOINT_HANG,
};

struct osy_failpoint {
    const char *name, *before; /* before: what happens next */
    bool takes_error;
    enum osy_failpoint_action action; /* set before main */
    long number; /* kill: the pass; error: how many passes, 0: all; delay: ms */
    atomic_long passes;
    atomic_bool was_said;
};

/* True: the caller is to fail, and err (may be NULL) says why. */
bool osy_failpoint_hit(struct osy_failpoint *failpoint, struct osy_error *err);

#define OSY_FAILPOINT_HERE(text, next, can_fail)                          \
    __extension__({                                                       \
        static struct osy_failpoint osy_here = {                          \
            .name = text, .before = next, .takes_error = can_fail};       \
        static struct osy_failpoint *const osy_listed                     \
            __attribute__((used, section("osy_failpoints"))) = &osy_here; \
        (void)osy_listed;                                                 \
        &osy_here;                                                        \
    })
#define OSY_FAILPOINT(name, before) \
    ((void)osy_failpoint_hit(OSY_FAILPOINT_HERE(name, before, false), NULL))
#define OSY_FAILPOINT_ERROR(name, before, err) \
    osy_failpoint_hit(OSY_FAILPOINT_HERE(name, before, true), err)
#else
#define OSY_FAILPOINT(name, before)            ((void)0)
#define OSY_FAILPOINT_ERROR(name, before, err) ((void)(err), false)
#endif
