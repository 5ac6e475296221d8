#include "loadtest/histogram.h"

#include <math.h>

#define LINEAR_BITS 11                        /* values below 2^11 have a bucket each */
#define HALF        (1u << (LINEAR_BITS - 1)) /* buckets per power of two above that */

static unsigned shift_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return bits > LINEAR_BITS ? bits - LINEAR_BITS : 0;
}

/* Each shift adds HALF buckets, because the lower half of its range belongs to smaller shifts. */
static size_t bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);
    return (size_t)shift * HALF + (size_t)(value >> shift);
}

_Static_assert(LOAD_HISTOGRAM_BUCKETS == 21 * HALF + (LOAD_HISTOGRAM_MOST >> 21) + 1,
               "the greatest value has the last bucket");

static uint64_t bucket_end(size_t bucket)
{
    size_t shift = bucket < 2 * HALF ? 0 : bucket / HALF - 1;
    uint64_t scaled = bucket - shift * HALF;
    return ((scaled + 1) << shift) - 1;
}

void load_histogram_record(struct load_histogram *histogram, uint64_t value_us)
{
    if (value_us > LOAD_HISTOGRAM_MOST)
        value_us = LOAD_HISTOGRAM_MOST;
    histogram->counts[bucket_of(value_us)]++;
    histogram->total++;
    histogram->sum += (double)value_us;
    if (value_us > histogram->most)
        histogram->most = value_us;
}

void load_histogram_merge(struct load_histogram *histogram, const struct load_histogram *other)
{
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
        histogram->counts[i] += other->counts[i];
    histogram->total += other->total;
    histogram->sum += other->sum;
    if (other->most > histogram->most)
        histogram->most = other->most;
}

void load_histogram_since(struct load_histogram *difference, const struct load_histogram *now,
                          const struct load_histogram *before)
{
    difference->total = difference->most = 0;
    difference->sum = 0;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = now->counts[i] - before->counts[i];
        difference->counts[i] = count;
        difference->total += count;
        difference->sum += (double)count * (double)bucket_end(i);
        if (count > 0)
            difference->most = bucket_end(i);
    }
}

uint64_t load_histogram_quantile(const struct load_histogram *histogram, double quantile)
{
    if (histogram->total == 0)
        return 0;
    uint64_t wanted = (uint64_t)ceil(quantile * (double)histogram->total);
    if (wanted == 0)
        wanted = 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end < histogram->most ? end : histogram->most;
        }
    }
    return histogram->most;
}

double load_histogram_mean(const struct load_histogram *histogram)
{
    return histogram->total ? histogram->sum / (double)histogram->total : 0;
}
