/*
 * The load second by second, for the report's curves: what was accepted and delivered, how long it took, and what
 * every group of processes used meanwhile.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "loadtest/accounts.h"
#include "loadtest/stats.h"

struct load_moment {
    double at_s, seconds;                 /* its end, since the load began, and its length */
    uint64_t orders, changes, deliveries; /* in it */
    uint64_t live;                        /* sockets, at its end */
    uint64_t p50_us, p99_us, most_us;     /* POST -> any socket, of what came in it */
    uint64_t cpu_us[LOAD_ACCOUNTS];       /* by group, in it */
    uint64_t resident_kb[LOAD_ACCOUNTS];  /* by group, at its end */
};

struct load_series {
    struct load_moment *moments; /* owned */
    size_t count, capacity;
    /* as of the last moment */
    struct load_histogram to_socket;
    uint64_t orders, changes, deliveries;
    uint64_t cpu_us[LOAD_ACCOUNTS];
    double at_s;
};

void load_series_deinit(struct load_series *series);
/* Takes what was before the load for nothing. */
void load_series_begin(struct load_series *series, const struct load_stats *stats,
                       const struct load_balance *balance);
void load_series_note(struct load_series *series, double at_s, const struct load_stats *stats,
                      const struct load_balance *balance);
