#include "loadtest/stats.h"

void load_stats_init(struct load_stats *stats)
{
    *stats = (struct load_stats){0};
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        load_histogram_init(&stats->latencies[i]);
    for (size_t i = 0; i < 2; i++)
        load_histogram_init(&stats->to_socket[i]);
}

void load_stats_deinit(struct load_stats *stats)
{
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        load_histogram_deinit(&stats->latencies[i]);
    for (size_t i = 0; i < 2; i++)
        load_histogram_deinit(&stats->to_socket[i]);
}

static bool is_to_socket(enum load_latency latency)
{
    return latency == LOAD_LATENCY_ORDER_TO_TABLET || latency == LOAD_LATENCY_CHANGE_TO_TABLET ||
           latency == LOAD_LATENCY_CHANGE_TO_CUSTOMER;
}

void load_stats_latency(struct load_stats *stats, enum load_latency latency, uint64_t due_ns,
                        uint64_t now_ns)
{
    if (!stats->is_measuring || due_ns == 0)
        return;
    uint64_t us = now_ns > due_ns ? (now_ns - due_ns) / 1000 : 0;
    load_histogram_record(&stats->latencies[latency], us);
    if (is_to_socket(latency))
        load_histogram_record(&stats->to_socket[stats->is_marked], us);
}

uint64_t load_posts_refused(const struct load_posts *posts)
{
    uint64_t total = 0;
    for (size_t status = 0; status < LOAD_STATUSES; status++)
        total += posts->refused[status];
    return total;
}
