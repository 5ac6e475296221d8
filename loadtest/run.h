/*
 * One run of the load test: what its parts share. run.c walks through the phases; tablet.c and
 * customer.c hold the two kinds of sockets. Everything lives on one loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <uv.h>

#include "loadtest/call.h"
#include "loadtest/customer.h"
#include "loadtest/dashboard.h"
#include "loadtest/endpoint.h"
#include "loadtest/feed.h"
#include "loadtest/ledger.h"
#include "loadtest/options.h"
#include "loadtest/restaurant.h"
#include "loadtest/stalled.h"
#include "loadtest/stats.h"
#include "loadtest/tablet.h"

struct load_run {
    const struct load_options *options; /* borrowed */
    uv_loop_t loop;
    struct load_endpoint http_endpoint, ws_endpoint;
    struct load_http *http;
    struct load_calls *calls;
    struct load_feeds feeds;
    struct load_ledger *ledger;
    struct load_restaurants restaurants;
    struct load_tablet *tablets;                  /* owned; options->tablets of them */
    struct load_customer *customers;              /* owned; options->customers of them */
    struct load_dashboard *dashboards;            /* owned; options->dashboards of them */
    struct load_message_cache dashboard_messages; /* shared by them */
    struct load_stalled stalled;
    size_t customers_ready; /* those whose first order is followed by a live socket */
    size_t failed_starts;   /* tablets and customers that the API sent away */
    FILE *acknowledged;     /* where the ids of acknowledged orders go; NULL: nowhere */
    struct load_stats stats;
};

/*
 * Prepares, loads, judges and reports. The exit status of the program: 0 all arrived, 1 not.
 */
int load_run_main(const struct load_options *options);
