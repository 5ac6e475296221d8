/*
 * Failpoints: named places where a test can make the process die or wait. Compiled in only with
 * ORDERSYNC_FAILPOINTS; in a release build OSY_FAILPOINT is nothing. Chosen by the variable
 * OSY_FAILPOINTS, outside of the configuration: "name=kill" (SIGKILL to ourselves), "name=kill:N"
 * (on the Nth pass), "name=delay:MS"; several are separated by a comma. Thread-safe.
 */
#pragma once

#ifdef ORDERSYNC_FAILPOINTS
void osy_failpoint_hit(const char *name);
#define OSY_FAILPOINT(name) osy_failpoint_hit(name)
#else
#define OSY_FAILPOINT(name) ((void)0)
#endif
