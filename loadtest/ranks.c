#include "loadtest/ranks.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

#define DRAWS 4000
#define SEED  88172645463325252u

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double load_median(const double *values, size_t count)
{
    double sorted[2 * LOAD_RANKS_MOST];
    if (count == 0)
        return 0;
    assert(count <= 2 * LOAD_RANKS_MOST);
    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare_numbers);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* --- Mann-Whitney --- */

/* Twice the rank of each value among all, so that the halves of ties are whole numbers. */
static void rank(const double *all, size_t count, size_t *doubled)
{
    for (size_t i = 0; i < count; i++) {
        size_t less = 0, same = 0;
        for (size_t j = 0; j < count; j++) {
            less += all[j] < all[i];
            same += all[j] == all[i];
        }
        doubled[i] = 2 * less + same + 1;
    }
}

/*
 * ways[n * sums + s]: in how many ways n of the ranks have the sum s. Each rank is taken or not; n and s go down, so
 * that none is taken twice.
 */
static double *count_ways(const size_t *ranks, size_t count, size_t taken, size_t sums)
{
    double *ways = osy_alloc_array((taken + 1) * sums, sizeof(*ways));
    ways[0] = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t n = taken; n > 0; n--)
            for (size_t s = sums - 1; s >= ranks[i]; s--)
                ways[n * sums + s] += ways[(n - 1) * sums + s - ranks[i]];
    return ways;
}

double load_ranks_p(const double *a, size_t a_count, const double *b, size_t b_count)
{
    double all[2 * LOAD_RANKS_MOST], far = 0, total = 0;
    size_t ranks[2 * LOAD_RANKS_MOST] = {0}, count = a_count + b_count, sum = 0;
    assert(a_count <= LOAD_RANKS_MOST && b_count <= LOAD_RANKS_MOST);
    if (a_count == 0 || b_count == 0)
        return 1;
    memcpy(all, a, a_count * sizeof(*a));
    memcpy(all + a_count, b, b_count * sizeof(*b));
    rank(all, count, ranks);
    for (size_t i = 0; i < a_count; i++)
        sum += ranks[i];
    size_t sums = count * (count + 1) + 1;
    double *ways = count_ways(ranks, count, a_count, sums);
    double middle = (double)(a_count * (count + 1)); /* of the doubled ranks' sum */
    double distance = fabs((double)sum - middle);
    for (size_t s = 0; s < sums; s++) {
        double these = ways[a_count * sums + s];
        total += these;
        if (fabs((double)s - middle) >= distance)
            far += these;
    }
    free(ways);
    return far / total;
}

double load_ranks_least_p(size_t a_count, size_t b_count)
{
    double ways = 1; /* of dealing out: "a_count of all" */
    for (size_t i = 1; i <= a_count; i++)
        ways *= (double)(b_count + i) / (double)i;
    return fmin(1, 2 / ways);
}

/* --- the bootstrap --- */

/* xorshift64: the same numbers each time, so that a comparison can be repeated. */
static size_t draw_below(uint64_t *state, size_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state % bound);
}

static double draw_median(uint64_t *state, const double *values, size_t count)
{
    double drawn[LOAD_RANKS_MOST];
    for (size_t i = 0; i < count; i++)
        drawn[i] = values[draw_below(state, count)];
    return load_median(drawn, count);
}

struct load_interval load_ratio_interval(const double *a, size_t a_count, const double *b,
                                         size_t b_count)
{
    static double ratios[DRAWS];
    uint64_t state = SEED;
    size_t count = 0;
    for (size_t i = 0; i < DRAWS && a_count > 0 && b_count > 0; i++) {
        double below = draw_median(&state, a, a_count), above = draw_median(&state, b, b_count);
        if (below > 0)
            ratios[count++] = above / below;
    }
    if (count == 0)
        return (struct load_interval){0, 0};
    qsort(ratios, count, sizeof(*ratios), compare_numbers);
    return (struct load_interval){ratios[count * 25 / 1000], ratios[count * 975 / 1000]};
}
