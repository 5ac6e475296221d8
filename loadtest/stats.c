#include "loadtest/stats.h"

#include <string.h>

/* Every plain counter: what load_stats_merge adds up. */
#define AT(field) offsetof(struct load_stats, field)
static const size_t counters[] = {
    AT(orders.offered),
    AT(orders.accepted),
    AT(orders.unanswered),
    AT(changes.offered),
    AT(changes.accepted),
    AT(changes.unanswered),
    AT(sockets.followed),
    AT(sockets.live),
    AT(sockets.opened),
    AT(sockets.refused),
    AT(sockets.cuts),
    AT(sockets.reconnects),
    AT(sockets.resets),
    AT(sockets.drains),
    AT(sockets.heartbeats),
    AT(sockets.presences),
    AT(sockets.figures),
    AT(sockets.errors),
    AT(sockets.violations),
    AT(stalled.open),
    AT(stalled.closed_early),
    AT(stalled.closed),
    AT(stalled.told),
    AT(retries),
    AT(kitchen_idle),
    AT(to_tablets),
    AT(to_customers),
    AT(to_dashboards),
    AT(alerts),
    AT(out_of_order),
    AT(duplicated),
    AT(duplicated_after_filter),
    AT(foreign),
    AT(leaked),
    AT(lost),
    AT(behind),
};

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
        load_histogram_record(&stats->to_socket[stats->part], us);
}

void load_socket_counts_close(struct load_socket_counts *sockets, int code, uint64_t count)
{
    struct load_close_count *closes = sockets->closes;
    size_t last = LOAD_CLOSE_CODES - 1, i = 0;
    while (i < last && closes[i].count > 0 && closes[i].code != code)
        i++;
    closes[i].code = i < last ? code : 0;
    closes[i].count += count;
}

static void merge_sockets(struct load_socket_counts *sockets,
                          const struct load_socket_counts *other)
{
    if (other->oldest_view_ms > sockets->oldest_view_ms)
        sockets->oldest_view_ms = other->oldest_view_ms;
    for (size_t i = 0; i < LOAD_CLOSE_CODES; i++)
        if (other->closes[i].count > 0)
            load_socket_counts_close(sockets, other->closes[i].code, other->closes[i].count);
    if (other->last_error[0])
        memcpy(sockets->last_error, other->last_error, sizeof(sockets->last_error));
}

void load_stats_merge(struct load_stats *stats, const struct load_stats *other)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
        *(uint64_t *)((char *)stats + counters[i]) +=
            *(const uint64_t *)((const char *)other + counters[i]);
    for (size_t status = 0; status < LOAD_STATUSES; status++) {
        stats->orders.refused[status] += other->orders.refused[status];
        stats->changes.refused[status] += other->changes.refused[status];
    }
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        load_histogram_merge(&stats->latencies[i], &other->latencies[i]);
    for (size_t i = 0; i < LOAD_PARTS; i++)
        load_histogram_merge(&stats->to_socket[i], &other->to_socket[i]);
    load_histogram_merge(&stats->stalled.held, &other->stalled.held);
    merge_sockets(&stats->sockets, &other->sockets);
}

void load_posts_refuse(struct load_posts *posts, int status)
{
    posts->refused[status > 0 && status < LOAD_STATUSES ? status : 0]++;
}

uint64_t load_posts_refused(const struct load_posts *posts)
{
    uint64_t total = 0;
    for (size_t status = 0; status < LOAD_STATUSES; status++)
        total += posts->refused[status];
    return total;
}

uint64_t load_stats_delivered(const struct load_stats *stats)
{
    return stats->to_tablets + stats->to_customers + stats->to_dashboards;
}

/* Where every order was refused nothing was tried. */
static bool has_tried(const struct load_posts *orders)
{
    return orders->accepted > 0 || orders->offered == 0;
}

bool load_stats_are_good(const struct load_stats *stats)
{
    return has_tried(&stats->orders) && stats->lost == 0 && stats->duplicated == 0 &&
           stats->out_of_order == 0 && stats->behind == 0 && stats->leaked == 0 &&
           stats->sockets.live == stats->sockets.followed && stats->orders.unanswered == 0 &&
           stats->changes.unanswered == 0 && stats->sockets.violations == 0 &&
           stats->sockets.refused == 0;
}
