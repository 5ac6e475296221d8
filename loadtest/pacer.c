#include "loadtest/pacer.h"

void load_pacer_start(struct load_pacer *pacer, double per_second, uint64_t now_ns)
{
    *pacer = (struct load_pacer){.per_second = per_second, .start_ns = now_ns};
}

bool load_pacer_take(struct load_pacer *pacer, uint64_t now_ns, uint64_t *due_ns)
{
    if (pacer->per_second <= 0)
        return false;
    uint64_t due = pacer->start_ns + (uint64_t)((double)pacer->launched * 1e9 / pacer->per_second);
    if (due > now_ns)
        return false;
    pacer->launched++;
    *due_ns = due;
    return true;
}
