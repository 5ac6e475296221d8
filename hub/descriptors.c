#include "hub/descriptors.h"

#include <stdint.h>
#include <sys/resource.h>

enum {
    OTHERS = HUB_DESCRIPTORS_ADMIN + HUB_DESCRIPTORS_SPARE,
    REFUSALS_MOST = 1024,
    SHARE_OF_REFUSALS = 9, /* one of so many connections, while the limit is too low */
    CONNECTIONS_LEAST = 64,
};

bool hub_descriptors_plan(size_t sockets_wanted, size_t limit, struct hub_descriptors *plan,
                          struct osy_error *err)
{
    size_t wanted = sockets_wanted + REFUSALS_MOST + OTHERS;
    if (limit < OTHERS + CONNECTIONS_LEAST)
        return osy_error_set(
            err, OSY_ERR_LIMIT,
            "a limit of %zu open files is too low to serve anybody: ulimit -n must "
            "be %d at least, and %zu for ORDERSYNC_SOCKETS_MAX",
            limit, OTHERS + CONNECTIONS_LEAST, wanted);
    plan->limit = limit < wanted ? limit : wanted;
    plan->connections = plan->limit - OTHERS;
    size_t refusals = plan->connections / SHARE_OF_REFUSALS;
    if (refusals > REFUSALS_MOST)
        refusals = REFUSALS_MOST;
    plan->sockets = plan->connections - refusals;
    if (plan->sockets > sockets_wanted)
        plan->sockets = sockets_wanted;
    return true;
}

/*
 * The soft limit becomes exactly what is planned, also when it was higher: libwebsockets finds a connection
 * by its descriptor in a table as long as this limit, but when told to use fewer descriptors it searches all
 * connections instead, whenever one has something to read.
 */
bool hub_descriptors_claim(size_t sockets_wanted, struct hub_descriptors *plan,
                           struct osy_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return osy_error_set(err, OSY_ERR_IO, "getrlimit failed");
    if (!hub_descriptors_plan(sockets_wanted, SIZE_MAX, plan, err))
        return false;
    struct rlimit raised = {.rlim_cur = plan->limit, .rlim_max = plan->limit};
    if (limit.rlim_max >= plan->limit)
        raised.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) /* beyond the hard limit only root may */
        return true;
    if (!hub_descriptors_plan(sockets_wanted, limit.rlim_max, plan, err))
        return false;
    limit.rlim_cur = plan->limit;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ||
           osy_error_set(err, OSY_ERR_IO, "setrlimit failed");
}

bool hub_descriptors_are_short(int descriptor)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           (rlim_t)descriptor + HUB_DESCRIPTORS_SPARE >= limit.rlim_cur;
}
