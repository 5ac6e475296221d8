#include "loadtest/stats.h"

void load_stats_init(struct load_stats *stats)
{
    *stats = (struct load_stats){0};
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        load_histogram_init(&stats->latencies[i]);
}

void load_stats_deinit(struct load_stats *stats)
{
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        load_histogram_deinit(&stats->latencies[i]);
}

void load_stats_latency(struct load_stats *stats, enum load_latency latency, uint64_t due_ns,
                        uint64_t now_ns)
{
    if (!stats->is_measuring || due_ns == 0)
        return;
    load_histogram_record(&stats->latencies[latency],
                          now_ns > due_ns ? (now_ns - due_ns) / 1000 : 0);
}

uint64_t load_posts_refused(const struct load_posts *posts)
{
    uint64_t total = 0;
    for (size_t status = 0; status < LOAD_STATUSES; status++)
        total += posts->refused[status];
    return total;
}
