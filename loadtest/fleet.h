/*
 * The generators of a run: processes of this program, each with its slice of the load, a desk of its own and the
 * board that all look at. They are forked before any of them has a loop or a thread, share only the memory
 * of desks and board, and die with the conductor. A generator is one thread, so one is at most a core.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "loadtest/desk.h"
#include "loadtest/options.h"
#include "loadtest/run.h"
#include "shared/error.h"

struct load_generator {
    struct load_options options; /* its slice */
    struct load_assignment assignment;
    struct load_desk *desk; /* shared */
    pid_t pid;              /* 0: it has ended */
};

struct load_fleet {
    struct load_board *board;          /* shared */
    struct load_generator *generators; /* owned */
    size_t count;
};

/* Cuts the options into count slices. OSY_ERR_LIMIT: a generator would need more descriptors than it may have. */
OSY_MUST_CHECK bool load_fleet_init(struct load_fleet *fleet, const struct load_options *options,
                                    size_t count, struct osy_error *err);
/* Ends those that are left. */
void load_fleet_deinit(struct load_fleet *fleet);
/* Forks all of them. common: the part of their assignments that is the same; what it names must stay. */
OSY_MUST_CHECK bool load_fleet_start(struct load_fleet *fleet, const struct load_assignment *common,
                                     struct osy_error *err);
/* Takes note of those that have ended. OSY_ERR_IO when one of them gave up or died: it says why. */
OSY_MUST_CHECK bool load_fleet_reap(struct load_fleet *fleet, struct osy_error *err);
bool load_fleet_has_ended(const struct load_fleet *fleet);      /* all of them */
enum load_step load_fleet_step(const struct load_fleet *fleet); /* that all have reached */
/* Adds up the figures of all. stats: zeroed. */
void load_fleet_sum(const struct load_fleet *fleet, struct load_stats *stats);
