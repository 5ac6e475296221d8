/*
 * Where an event's time goes inside of the servers. They keep histograms of each stage on their /metrics
 * (Prometheus' text format); we take them at the beginning and at the end of the load, add up those of servers of
 * the same kind, and subtract bucket by bucket. So measuring costs them nothing while the load runs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_stage {
    LOAD_STAGE_COMMIT = 0, /* the API's writer takes a command -> it is committed */
    LOAD_STAGE_PUBLISH,    /* committed -> Redis has answered that it has the event */
    LOAD_STAGE_RECEIVE,    /* the event's time -> a hub has it; the time is in whole milliseconds */
    LOAD_STAGE_WRITE,      /* a hub has it -> that turn's writes to sockets are done */
    LOAD_STAGES,
};

#define LOAD_STAGE_BOUNDS 40

struct load_stage_histogram {
    double bounds[LOAD_STAGE_BOUNDS]; /* upper bounds, ascending, in seconds */
    uint64_t
        counts[LOAD_STAGE_BOUNDS + 1]; /* of each bucket by itself; the last: above all bounds */
    size_t bound_count;
    double sum; /* seconds */
    uint64_t total;
};

struct load_stages {
    struct load_stage_histogram of[LOAD_STAGES];
    double started_s; /* when the servers were started, added up: another sum, another process */
    bool is_known;    /* every server was asked and has answered */
};

extern const char *const load_stage_keys[LOAD_STAGES];   /* "commit" */
extern const char *const load_stage_titles[LOAD_STAGES]; /* for people */

/* Asks the servers that API_URLS and HUB_ADMIN_URLS name. Blocks, at most about a second for each. */
void load_stages_read(struct load_stages *stages);
/* now becomes what has come since before. False, and nothing is known, when a server was restarted meanwhile. */
bool load_stages_subtract(struct load_stages *now, const struct load_stages *before);
/*
 * Adds the histogram of that name in a page of metrics. False when it is not there, or its bounds are not those of
 * the pages before.
 */
bool load_stage_parse(struct load_stage_histogram *histogram, const char *page, const char *name);
/* Adds when the server of a page was started, since 1970. False when it does not tell. */
bool load_stage_parse_start(double *started_s, const char *page);
/* In seconds, interpolated inside of the bucket; 0 while there is nothing. */
double load_stage_quantile(const struct load_stage_histogram *histogram, double quantile);
double load_stage_mean(const struct load_stage_histogram *histogram);
