#include "shared/bug.h"

#ifdef ORDERSYNC_BUGS
#include <stdlib.h>
#include <string.h>

/* The linker's names for the section that OSY_BUG fills; weak, because a program may have none. */
extern struct osy_bug *const __start_osy_bugs[] __attribute__((weak));
extern struct osy_bug *const __stop_osy_bugs[] __attribute__((weak));

static void choose(const char *name)
{
    bool found = false;
    for (struct osy_bug *const *at = __start_osy_bugs; at != __stop_osy_bugs; at++) {
        if (strcmp((*at)->name, name) == 0)
            (*at)->is_chosen = found = true; /* one bug may have several places */
    }
    if (!found) {
        fprintf(stderr, "OSY_BUGS: no such bug: %s\n", name);
        exit(2);
    }
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *variable = getenv("OSY_BUGS");
    char *copy = strdup(variable ? variable : ""), *rest = NULL;
    if (!copy)
        abort();
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        choose(name);
    free(copy);
}

void osy_bugs_print(FILE *out)
{
    for (struct osy_bug *const *at = __start_osy_bugs; at != __stop_osy_bugs; at++)
        fprintf(out, "bug\t%s\t%s\n", (*at)->name, (*at)->effect);
}
#else
void osy_bugs_print(FILE *out)
{
    (void)out;
}
#endif
