/*
 * What a run has shown: as text for people, as JSON for programs, and as a page (page.h). Everything is told from
 * the figures that are gathered here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadtest/accounts.h"
#include "loadtest/fleet.h"
#include "loadtest/options.h"
#include "loadtest/series.h"
#include "loadtest/stages.h"
#include "loadtest/stats.h"
#include "shared/buffer.h"
#include "shared/error.h"

struct load_report {
    const struct load_options *options; /* borrowed */
    const struct load_fleet *fleet;     /* borrowed */
    struct load_stats *stats;           /* owned: of all generators together */
    int64_t started_ms;                 /* wall time */
    /* before the first socket; with all of them open; at the end of the load */
    struct load_balance before, ready, after;
    struct load_stages stages_before, stages; /* the latter: what has come in the load */
    struct load_series series;
    uint64_t sockets; /* opened in connect_seconds */
    double connect_seconds, load_seconds;
};

/* In place. Borrows options and fleet. */
void load_report_init(struct load_report *report, const struct load_options *options,
                      const struct load_fleet *fleet);
void load_report_deinit(struct load_report *report);
/* Before a long run: whether the files of --json and --out can be written. Creates the folder. */
OSY_MUST_CHECK bool load_report_check(const struct load_report *report, struct osy_error *err);
void load_report_print(const struct load_report *report);
/* Where --json and --out want it. OSY_ERR_IO names the file. */
OSY_MUST_CHECK bool load_report_write(const struct load_report *report, struct osy_error *err);
void load_report_json(const struct load_report *report, struct osy_buffer *out);

/* --- what text and JSON both tell --- */

struct load_named {
    const char *key, *title;
};
extern const struct load_named load_latency_names[LOAD_LATENCIES];

struct load_work { /* done in the load */
    uint64_t orders, changes, deliveries;
};
struct load_work load_report_work(const struct load_report *report);

/* What the hubs' memory has grown by for each socket, in bytes; 0: not known, or it did not grow. */
struct load_socket_cost {
    double resident, proportional;
};
struct load_socket_cost load_report_socket_cost(const struct load_report *report);

/* Means of where the time from a POST to a socket goes, in ms; rest: edge, kernels, wake-ups, and the way. */
struct load_breakdown {
    bool is_known;
    double total, generator, commit, publish, write, rest;
};
struct load_breakdown load_report_breakdown(const struct load_report *report);

/* The share of a core that the busiest generator used. */
double load_report_busiest(const struct load_report *report);
/* Why the generators spoil the figures; NULL: they do not. */
const char *load_report_warning(const struct load_report *report);
/* POST -> any socket, with and without the mark: merged into a new histogram, to be freed. */
struct load_histogram *load_report_to_socket(const struct load_report *report);
