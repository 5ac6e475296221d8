/*
 * The budget of file descriptors: how many sockets a hub can promise under the process' limit, with enough left
 * for those that it only refuses, for the admin address, PostgreSQL and Redis.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/error.h"

enum {
    HUB_DESCRIPTORS_ADMIN = 64, /* of their own, so that no flood of sockets makes us look dead */
    HUB_DESCRIPTORS_SPARE = 64, /* for PostgreSQL, Redis and the loop */
};

struct hub_descriptors {
    size_t limit;       /* what the soft limit is to be */
    size_t sockets;     /* open ones; at most what was wanted */
    size_t connections; /* sockets, handshakes and refusals together */
};

/* What can be had under that limit. OSY_ERR_LIMIT when it is too low to serve anybody. */
OSY_MUST_CHECK bool hub_descriptors_plan(size_t sockets_wanted, size_t limit,
                                         struct hub_descriptors *plan, struct osy_error *err);
/* The same under the process' hard limit, raised when we may; sets the soft limit. */
OSY_MUST_CHECK bool hub_descriptors_claim(size_t sockets_wanted, struct hub_descriptors *plan,
                                          struct osy_error *err);
/* Whether a descriptor of that number is one of the last: the lowest free number is always taken, so it tells
 * how many are in use. Looks at the limit as it is now. */
bool hub_descriptors_are_short(int descriptor);
