/*
 * A log-linear histogram of latencies, after HdrHistogram: values up to 2,047 have a bucket each; above,
 * every power of two is split into 1,024 equal buckets. So any value is kept within 0.1 % (three
 * significant digits) from 1 us to an hour in 190 KB, and recording is a shift and an increment.
 * Nothing is sampled or averaged away: the p99.9 of a bad second shows.
 *
 * All bytes zero is an empty histogram, and it holds no pointer: it may lie in memory that processes share.
 * One writer; who reads beside it sees each count as it was at some moment of the reading.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_HISTOGRAM_MOST \
    3600000000u /* one hour in microseconds; larger values are recorded as this */
#define LOAD_HISTOGRAM_BUCKETS 23221

struct load_histogram {
    uint64_t counts[LOAD_HISTOGRAM_BUCKETS];
    uint64_t total, most;
    double sum;
};

void load_histogram_record(struct load_histogram *histogram, uint64_t value_us);
/* Adds what other has recorded; other stays as it is. Exact: both have the same buckets. */
void load_histogram_merge(struct load_histogram *histogram, const struct load_histogram *other);
/*
 * What was recorded since an earlier copy of the same histogram. The greatest value is known to its bucket only, and
 * the mean is that of the buckets.
 */
void load_histogram_since(struct load_histogram *difference, const struct load_histogram *now,
                          const struct load_histogram *before);
/*
 * The smallest recorded value that at least quantile (0..1) of all values do not exceed, rounded up to
 * the end of its bucket but never above the greatest recorded value. 0 while nothing was recorded.
 */
uint64_t load_histogram_quantile(const struct load_histogram *histogram, double quantile);
/* 0 while nothing was recorded */
double load_histogram_mean(const struct load_histogram *histogram);
