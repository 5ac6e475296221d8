/*
 * A dashboard: one socket that follows up to 32 restaurants, each from its own position. Every stream is
 * judged against its restaurant's log as a tablet's is.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "loadtest/feed.h"
#include "loadtest/ledger.h"

struct load_run;

struct load_dashboard {
    struct load_run *run;    /* borrowed */
    size_t first, count;     /* restaurants: count of them from number first on, around the end */
    struct load_feed *feed;  /* owned; NULL until it is started */
    struct load_view *views; /* owned; one for each restaurant */
    char *token;             /* owned */
};

/* Divides the restaurants among the run's dashboards and mints their tokens. Blocks. */
OSY_MUST_CHECK bool load_dashboards_prepare(struct load_run *run, long ttl_seconds,
                                            struct osy_error *err);
/* Opens the socket, "from now on". Events count from load_dashboard_judge on. */
void load_dashboard_start(struct load_dashboard *dashboard);
void load_dashboard_judge(struct load_dashboard *dashboard);
void load_dashboard_deinit(struct load_dashboard *dashboard);
/* The number of the stream that follows the restaurant; count when it does not. */
size_t load_dashboard_stream(const struct load_dashboard *dashboard, size_t restaurant);
