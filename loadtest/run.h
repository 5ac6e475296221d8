/*
 * What one generator does: what its parts share. run.c walks through the steps; tablet.c, customer.c and
 * dashboard.c hold the kinds of clients. Everything lives on one loop's thread of a process of its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <uv.h>

#include "loadtest/call.h"
#include "loadtest/customer.h"
#include "loadtest/dashboard.h"
#include "loadtest/desk.h"
#include "loadtest/endpoint.h"
#include "loadtest/feed.h"
#include "loadtest/kitchen.h"
#include "loadtest/ledger.h"
#include "loadtest/options.h"
#include "loadtest/restaurant.h"
#include "loadtest/stalled.h"
#include "loadtest/stats.h"
#include "loadtest/tablet.h"
#include "loadtest/zipf.h"

/* What a generator is given. All of it is borrowed. */
struct load_assignment {
    const struct load_options *options; /* of its slice */
    const struct load_endpoint *http, *ws;
    const struct osy_uuid *restaurants; /* of the whole run */
    size_t restaurant_count;
    size_t number,
        count; /* which generator, of how many: it has restaurants number, number + count, ... */
    FILE *acknowledged; /* where the ids of acknowledged orders go, a line at once; NULL: nowhere */
    const struct load_board *board;
    struct load_desk *desk;
};

struct load_run {
    const struct load_assignment *assignment; /* borrowed */
    const struct load_options *options;       /* the assignment's */
    uv_loop_t loop;
    struct load_http *http;
    struct load_calls *calls;
    struct load_feeds feeds;
    struct load_ledger *ledger;
    struct load_restaurants restaurants;
    struct load_zipf popularity;                  /* of the restaurants */
    struct load_tablet *tablets;                  /* owned; options->tablets of them */
    struct load_customer *customers;              /* owned; options->customers of them */
    struct load_dashboard *dashboards;            /* owned; options->dashboards of them */
    struct load_message_cache dashboard_messages; /* shared by them */
    struct load_kitchen *kitchen;
    struct load_stalled stalled;
    size_t customers_ready;   /* those whose first order is followed by a live socket */
    size_t failed_starts;     /* tablets and customers that the API sent away */
    size_t failed_reloads;    /* lists that did not come when a reset asked for them */
    struct load_stats *stats; /* borrowed: on the desk */
};

/* Prepares, loads, judges. False when it could not; the desk says why. */
OSY_MUST_CHECK bool load_run_main(const struct load_assignment *assignment);
