/*
 * What a run tells while it goes on: one line that is drawn again every second on a terminal, and cut to its
 * width; elsewhere a line every five seconds, one at the beginning of each step, and one when somebody asks
 * (SIGUSR2).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "loadtest/desk.h"

struct load_progress {
    bool is_terminal;
    uint64_t start_ns, told_ns;
    enum load_step step;
    /* as of the last line, for rates */
    uint64_t orders, deliveries;
};

void load_progress_begin(struct load_progress *progress, uint64_t now_ns);
bool load_progress_is_due(const struct load_progress *progress, enum load_step step);
void load_progress_tell(struct load_progress *progress, enum load_step step,
                        const struct load_stats *stats);
void load_progress_end(struct load_progress *progress); /* leaves the line */
