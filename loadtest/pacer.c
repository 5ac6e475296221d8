#include "loadtest/pacer.h"

#include <math.h>

void load_pacer_start(struct load_pacer *pacer, double per_second, uint64_t now_ns)
{
    *pacer = (struct load_pacer){.per_second = per_second, .start_ns = now_ns};
}

void load_pacer_start_slope(struct load_pacer *pacer, double from, double to, double seconds,
                            uint64_t now_ns)
{
    *pacer = (struct load_pacer){
        .per_second = from, .growth = (to - from) / seconds, .start_ns = now_ns};
}

/*
 * Seconds from the start after which so many have been due: n = from * t + growth / 2 * t^2, solved for t in the
 * form that neither divides by a growth of zero nor subtracts numbers that are nearly the same. Infinite when a
 * falling rate ends before that.
 */
static double due_after_s(const struct load_pacer *pacer, double n)
{
    double from = pacer->per_second;
    double root = from * from + 2 * pacer->growth * n;
    if (root < 0 || (from <= 0 && pacer->growth <= 0))
        return INFINITY;
    return n > 0 ? 2 * n / (from + sqrt(root)) : 0;
}

bool load_pacer_take(struct load_pacer *pacer, uint64_t now_ns, uint64_t *due_ns)
{
    double after_ns = round(due_after_s(pacer, (double)pacer->launched) * 1e9);
    if (now_ns < pacer->start_ns || after_ns > (double)(now_ns - pacer->start_ns))
        return false;
    pacer->launched++;
    *due_ns = pacer->start_ns + (uint64_t)after_ns;
    return true;
}
