/*
 * Whether two sets of measurements differ: the Mann-Whitney test, which asks only for their order, because latencies
 * are nothing like normal. Exact, by counting in how many of all ways to deal the values out the ranks would lie as
 * far apart; ties share their ranks. And the median with an interval for a ratio of medians, by the bootstrap. Pure.
 */
#pragma once
#include <stddef.h>

#define LOAD_RANKS_MOST 32 /* values of one set */

double load_median(const double *values, size_t count); /* 0 of none */
/*
 * The chance that two sets of one and the same kind lie at least as far apart, either way; 1 when one of them is
 * empty. At most LOAD_RANKS_MOST values each.
 */
double load_ranks_p(const double *a, size_t a_count, const double *b, size_t b_count);
/* The smallest p that sets of these sizes can have, however far apart they lie. */
double load_ranks_least_p(size_t a_count, size_t b_count);

struct load_interval {
    double low, high;
};
/* In which 95 % of the ratios median(b) / median(a) of sets drawn again from a and b lie. The same each time. */
struct load_interval load_ratio_interval(const double *a, size_t a_count, const double *b,
                                         size_t b_count);
