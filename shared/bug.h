/*
 * Seeded bugs: a test rig that has never caught a bug proves nothing, so some are kept here for it to catch. Each is
 * one condition, OSY_BUG("name", "what goes wrong"), at the place where the real mistake would be. Compiled in only
 * with ORDERSYNC_BUGS (CMake's preset bugs), chosen by the variable OSY_BUGS, a list separated by commas; in every
 * other build OSY_BUG is the constant false. A name that this program does not have stops the process before main.
 * Like failpoints, the places are their own registry. `tests/chaos/run --bugs` wants each to be found.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

/* A line for each, its columns separated by tabs: "bug", name, what goes wrong. Nothing in other builds. */
void osy_bugs_print(FILE *out);

#ifdef ORDERSYNC_BUGS
struct osy_bug {
    const char *name, *effect;
    bool is_chosen; /* set before main */
};

#define OSY_BUG(name, effect)                                                                \
    __extension__({                                                                          \
        static struct osy_bug osy_here = {name, effect, false};                              \
        static struct osy_bug *const osy_listed __attribute__((used, section("osy_bugs"))) = \
            &osy_here;                                                                       \
        (void)osy_listed;                                                                    \
        osy_here.is_chosen;                                                                  \
    })
#else
#define OSY_BUG(name, effect) false
#endif
