#include "loadtest/slice.h"

#include <math.h>

#include "loadtest/zipf.h"

/* What a generator spends, roughly, in microseconds of a core: a POST with its reply, an event taken and judged. */
#define POST_US  100
#define EVENT_US 15
#define BUSY_US  600000.0 /* of a second that one generator should be busy at most */

static double events_per_post(const struct load_options *options)
{
    double restaurants = (double)options->restaurants;
    double dashboards = (double)options->dashboards * fmin(restaurants, 32);
    return ((double)options->tablets + dashboards) / restaurants + 1;
}

static double steepest(const struct load_options *options)
{
    double most = 0;
    for (size_t i = 0; i < options->phase_count; i++)
        most = fmax(most, fmax(options->phases[i].from, options->phases[i].to));
    return most;
}

/* Half of the cores at most: the servers, on the same machine, need theirs. */
size_t load_slice_count(const struct load_options *options, size_t cores)
{
    double posts = (options->rate + options->kitchen) * steepest(options);
    double busy_us = posts * (POST_US + EVENT_US * events_per_post(options));
    size_t count = (size_t)ceil(busy_us / BUSY_US);
    size_t most = cores / 2 > 0 ? cores / 2 : 1;
    if (options->generators > 0)
        count = most = (size_t)options->generators;
    if (most > (size_t)options->restaurants)
        most = (size_t)options->restaurants;
    count = count < most ? count : most;
    return count > 0 ? count : 1;
}

struct shares {           /* of the weights of all restaurants */
    double before, after; /* of the generators before this one; with this one */
};

static struct shares weigh(const struct load_options *whole, size_t number, size_t count)
{
    double total = 0;
    struct shares shares = {0, 0};
    for (size_t i = 0; i < (size_t)whole->restaurants; i++) {
        double weight = load_zipf_weight(whole->skew, i);
        total += weight;
        shares.before += i % count < number ? weight : 0;
        shares.after += i % count <= number ? weight : 0;
    }
    return (struct shares){shares.before / total, shares.after / total};
}

/* Cut where the shares are, so that the parts of all generators add up to it. */
static long part(long whole, struct shares shares)
{
    return lround((double)whole * shares.after) - lround((double)whole * shares.before);
}

/* One after the other over all restaurants: the tablets of those that are ours. */
static long count_tablets(const struct load_options *whole, size_t number, size_t count)
{
    long tablets = 0;
    for (long i = (long)number; i < whole->restaurants; i += (long)count)
        tablets += whole->tablets / whole->restaurants + (i < whole->tablets % whole->restaurants);
    return tablets;
}

void load_slice_cut(struct load_options *slice, const struct load_options *whole, size_t number,
                    size_t count)
{
    struct shares weight = weigh(whole, number, count);
    struct shares even = {(double)number / (double)count, (double)(number + 1) / (double)count};
    *slice = *whole;
    slice->restaurants = (whole->restaurants + (long)(count - number) - 1) / (long)count;
    slice->tablets = count_tablets(whole, number, count);
    slice->customers = part(whole->customers, weight);
    slice->dashboards = part(whole->dashboards, even);
    slice->stalled = part(whole->stalled, even);
    slice->rate = whole->rate * (weight.after - weight.before);
    slice->kitchen = whole->kitchen * (weight.after - weight.before);
    slice->ramp = part(whole->ramp, even) > 0 ? part(whole->ramp, even) : 1;
}
