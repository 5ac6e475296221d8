/*
 * A log-linear histogram of latencies, after HdrHistogram: values up to 2,047 have a bucket each; above,
 * every power of two is split into 1,024 equal buckets. So any value is kept within 0.1 % (three
 * significant digits) from 1 us to an hour in 190 KB, and recording is a shift and an increment.
 * Nothing is sampled or averaged away: the p99.9 of a bad second shows. Single thread.
 */
#pragma once
#include <stdint.h>

#define LOAD_HISTOGRAM_MOST \
    3600000000u /* one hour in microseconds; larger values are recorded as this */

struct load_histogram {
    uint64_t *counts; /* owned */
    uint64_t total, least, most;
    double sum;
};

void load_histogram_init(struct load_histogram *histogram);
void load_histogram_deinit(struct load_histogram *histogram);
void load_histogram_record(struct load_histogram *histogram, uint64_t value_us);
/* Adds what other has recorded; other stays as it is. */
void load_histogram_merge(struct load_histogram *histogram, const struct load_histogram *other);
/*
 * The smallest recorded value that at least quantile (0..1) of all values do not exceed, rounded up to
 * the end of its bucket but never above the greatest recorded value. 0 while nothing was recorded.
 */
uint64_t load_histogram_quantile(const struct load_histogram *histogram, double quantile);
double
load_histogram_mean(const struct load_histogram *histogram); /* 0 while nothing was recorded */
