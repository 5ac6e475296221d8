/* What the load test tells: a line of progress now and then, the figures at the end, the same as JSON. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadtest/processes.h"
#include "loadtest/run.h"
#include "shared/error.h"

struct load_report {
    const struct load_run *run;                /* borrowed */
    const struct load_processes *before, *now; /* borrowed: at the beginning and end of the load */
};

/* phase names what is going on. Overwrites its last line on a terminal. */
void load_report_progress(const struct load_run *run, const char *phase, double seconds);
void load_report_print(const struct load_report *report);
OSY_MUST_CHECK bool load_report_write_json(const struct load_report *report, const char *path,
                                           struct osy_error *err);
/* Whether everything that was acknowledged reached everyone, once and in order. */
bool load_report_is_good(const struct load_run *run);
