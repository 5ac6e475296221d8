/*
 * What the processes of a run share, in memory that they inherit: the conductor's board, which tells all
 * generators what to do, and a desk for each generator, where it counts and says how far it is. Each field has
 * one writer. The figures are read while they are written: each number by itself is right, and the final ones
 * are those of a generator that has ended.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loadtest/stats.h"

#define LOAD_EXAMPLES 8

/*
 * PREPARE -> MENUS -> TABLETS -> DASHBOARDS -> STALLED -> CUSTOMERS -> READY -> LOAD -> SETTLE -> TRUTH -> DONE;
 * READY waits for the board, TRUTH goes back to SETTLE while a stream is behind and there is time.
 */
enum load_step {
    LOAD_STEP_PREPARE = 0,
    LOAD_STEP_MENUS,
    LOAD_STEP_TABLETS,
    LOAD_STEP_DASHBOARDS,
    LOAD_STEP_STALLED,
    LOAD_STEP_CUSTOMERS,
    LOAD_STEP_READY,
    LOAD_STEP_LOAD,
    LOAD_STEP_SETTLE,
    LOAD_STEP_TRUTH,
    LOAD_STEP_DONE,
};

struct load_board {
    _Atomic uint64_t begin_ns; /* when the load begins, on the monotonic clock; 0: not yet */
    _Atomic bool is_marked;    /* something is being done to the stack */
    _Atomic bool is_over;      /* end the load now, and judge what there is */
};

struct load_desk {
    _Atomic int step; /* enum load_step */
    struct load_stats stats;
    char examples[LOAD_EXAMPLES][128]; /* of what was lost, for a person; "": no more */
    char failure[256];                 /* why the generator gave up; "": it did not */
};
