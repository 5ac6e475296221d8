/* The command line of ordersync-loadtest. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct load_options {
    long tablets, customers, dashboards, stalled, restaurants;
    double rate;         /* orders per second */
    double kitchen;      /* status changes per second */
    long seconds;        /* of load */
    long ramp;           /* sockets per second while they open */
    long settle;         /* seconds to wait for what is still missing */
    long stall_after;    /* seconds of load before the stalled ones stop reading */
    struct load_jitter { /* cuts of each client's connection, in ms; every 0: none */
        uint32_t every_ms, for_ms;
    } jitter;
    bool ack;                 /* tablets name themselves and acknowledge */
    const char *acknowledged; /* where the ids of acknowledged orders go; NULL: nowhere */
    const char *url, *ws;     /* of the edge; NULL: EDGE_URL, WS_URL */
    const char *env;          /* the stack's environment file */
    bool env_is_required;     /* it was named, so it has to be there */
    const char *json;         /* where the figures go; NULL: nowhere */
    bool help, version;
};

/* Borrows the texts of argv. OSY_ERR_INVALID names what is wrong. */
OSY_MUST_CHECK bool load_options_parse(struct load_options *options, int argc, char **argv,
                                       struct osy_error *err);
void load_options_print_help(void);
