/*
 * What a run of ordersync-loadtest is to do: from the command line, over a scenario file, over the defaults. A
 * scenario (scenario.h) sets the options that describe the load by the same names and within the same limits.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

#define LOAD_COOK_STEPS     4 /* accept, prepare, ready, complete */
#define LOAD_PHASES         16
#define LOAD_NAME_BYTES     32
#define LOAD_GENERATORS_MAX 64

/* A stretch of the load. The rates are the options', times a factor that goes evenly from one to the other. */
struct load_phase {
    char name[LOAD_NAME_BYTES];
    double seconds;
    double from, to;  /* factors */
    double cut;       /* the share of all connections that is cut when it begins */
    uint32_t away_ms; /* how long about these stay away */
};

struct load_options {
    long tablets, customers, dashboards, stalled, restaurants;
    double rate;         /* orders per second */
    double kitchen;      /* status changes per second */
    double skew;         /* of orders over restaurants, see zipf.h */
    long seconds;        /* of load; the phases' together */
    long ramp;           /* sockets per second while they open */
    long settle;         /* seconds to wait for what is still missing */
    long stall_after;    /* seconds of load before the stalled ones stop reading */
    struct load_jitter { /* cuts of each client's connection, in ms; every 0: none */
        uint32_t every_ms, for_ms;
    } jitter;
    struct load_cook { /* means of the delays before each step of an order */
        bool is_set;
        double mean_s[LOAD_COOK_STEPS];
    } cook;
    struct load_phase phases[LOAD_PHASES];
    size_t phase_count;       /* at least 1 once options are complete */
    long generators;          /* processes; 0: as many as it takes */
    bool ack;                 /* tablets name themselves and acknowledge */
    bool walk_in;             /* nobody follows the load's orders; customers keep to their first */
    const char *acknowledged; /* where the ids of acknowledged orders go; NULL: nowhere */
    const char *url, *ws;     /* of the edge; NULL: EDGE_URL, WS_URL */
    const char *env;          /* the stack's environment file */
    bool env_is_required;     /* it was named, so it has to be there */
    const char *scenario;     /* the scenario's file; NULL: none */
    const char *json;         /* where the figures go; NULL: nowhere */
    const char *out;          /* the folder for the report; NULL: nowhere */
    bool help, version;
};

/* Borrows the texts of argv. OSY_ERR_INVALID names what is wrong. */
OSY_MUST_CHECK bool load_options_parse(struct load_options *options, int argc, char **argv,
                                       struct osy_error *err);

enum load_value { LOAD_VALUE_NUMBER = 0, LOAD_VALUE_TEXT, LOAD_VALUE_BOOL };

/*
 * Sets an option that a scenario may set. OSY_ERR_INVALID names it: not known, not of that kind, or out of
 * bounds. text is borrowed for the call; of a bool "true" or "false".
 */
OSY_MUST_CHECK bool load_options_set(struct load_options *options, const char *name,
                                     enum load_value kind, const char *text, struct osy_error *err);
void load_options_print_help(void);
