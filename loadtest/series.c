#include "loadtest/series.h"

#include <stdlib.h>

#include "shared/alloc.h"

void load_series_deinit(struct load_series *series)
{
    free(series->moments);
    series->moments = NULL;
    series->count = series->capacity = 0;
}

static void remember(struct load_series *series, const struct load_stats *stats,
                     const struct load_balance *balance)
{
    series->to_socket = stats->to_socket[LOAD_PART_BEFORE];
    load_histogram_merge(&series->to_socket, &stats->to_socket[LOAD_PART_MARKED]);
    load_histogram_merge(&series->to_socket, &stats->to_socket[LOAD_PART_AFTER]);
    series->orders = stats->orders.accepted;
    series->changes = stats->changes.accepted;
    series->deliveries = load_stats_delivered(stats);
    for (size_t i = 0; i < balance->group_count; i++)
        series->cpu_us[i] = balance->groups[i].cpu_us;
}

void load_series_begin(struct load_series *series, const struct load_stats *stats,
                       const struct load_balance *balance)
{
    remember(series, stats, balance);
    series->at_s = 0;
}

static struct load_moment *add_moment(struct load_series *series)
{
    if (series->count == series->capacity) {
        series->capacity = series->capacity ? 2 * series->capacity : 64;
        series->moments =
            osy_realloc_array(series->moments, series->capacity, sizeof(*series->moments));
    }
    return &series->moments[series->count++];
}

void load_series_note(struct load_series *series, double at_s, const struct load_stats *stats,
                      const struct load_balance *balance)
{
    struct load_moment *moment = add_moment(series);
    struct load_histogram *before = osy_alloc(sizeof(*before)), *in_it = osy_alloc(sizeof(*in_it));
    *before = series->to_socket;
    *moment = (struct load_moment){
        .at_s = at_s,
        .seconds = at_s - series->at_s,
        .orders = stats->orders.accepted - series->orders,
        .changes = stats->changes.accepted - series->changes,
        .deliveries = load_stats_delivered(stats) - series->deliveries,
        .live = stats->sockets.live,
    };
    for (size_t i = 0; i < balance->group_count; i++) {
        moment->cpu_us[i] = balance->groups[i].cpu_us - series->cpu_us[i];
        moment->resident_kb[i] = balance->groups[i].resident_kb;
    }
    remember(series, stats, balance);
    series->at_s = at_s;
    load_histogram_since(in_it, &series->to_socket, before);
    moment->p50_us = load_histogram_quantile(in_it, 0.5);
    moment->p99_us = load_histogram_quantile(in_it, 0.99);
    moment->most_us = load_histogram_quantile(in_it, 1);
    free(before);
    free(in_it);
}
