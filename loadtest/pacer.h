/*
 * When the next thing is due, from a fixed start, at a rate that stays or changes evenly: an open loop. A late
 * generator catches up at once instead of shifting the schedule, so that waiting counts as latency and is not
 * left out ("coordinated omission"). Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct load_pacer {
    double per_second; /* at the start */
    double growth;     /* per second, of the rate; 0: it stays */
    uint64_t start_ns, launched;
};

void load_pacer_start(struct load_pacer *pacer, double per_second, uint64_t now_ns); /* 0: never */
/* The rate goes from one to the other in so many seconds; ask no further than that. */
void load_pacer_start_slope(struct load_pacer *pacer, double from, double to, double seconds,
                            uint64_t now_ns);
/* True when one more is due; due_ns is when it was due. Counts it as launched. */
bool load_pacer_take(struct load_pacer *pacer, uint64_t now_ns, uint64_t *due_ns);
