#include "hub/metrics.h"

static struct osy_metric *counter_with(struct osy_metric_family *family, const char *label)
{
    return osy_metric_with(family, &label);
}

void hub_metrics_init(struct hub_metrics *metrics)
{
    struct osy_metrics *registry = osy_metrics_create();
    *metrics = (struct hub_metrics){.registry = registry};

    struct osy_metric_family *sockets = osy_metrics_gauge_family(
        registry, "ordersync_hub_sockets",
        "Open sockets by what they watch; pending: not authenticated yet.", "kind");
    metrics->sockets_restaurant = counter_with(sockets, "restaurant");
    metrics->sockets_order = counter_with(sockets, "order");
    metrics->sockets_dashboard = counter_with(sockets, "dashboard");
    metrics->sockets_pending = counter_with(sockets, "pending");

    metrics->topics = osy_metrics_gauge(registry, "ordersync_hub_topics", "Restaurants followed.");
    metrics->events_delivered =
        osy_metrics_counter(registry, "ordersync_hub_events_delivered_total",
                            "Events handed to the kernel, once per socket.");
    metrics->commit_to_receive_seconds = osy_metrics_histogram(
        registry, "ordersync_hub_commit_to_receive_seconds",
        "From an event's time, which is in whole milliseconds, to when Redis delivered it.",
        osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    metrics->receive_to_write_seconds = osy_metrics_histogram(
        registry, "ordersync_hub_receive_to_write_seconds",
        "From an event's arrival to the end of the writes of that turn of the loop, once per event.",
        osy_metrics_stage_bounds, osy_metrics_stage_bound_count);
    metrics->commit_to_write_seconds =
        osy_metrics_histogram(registry, "ordersync_hub_commit_to_write_seconds",
                              "From an event's commit to its write to a socket.",
                              osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    metrics->commit_to_displayed_seconds =
        osy_metrics_histogram(registry, "ordersync_hub_commit_to_displayed_seconds",
                              "From an event's commit to a device's `displayed`.",
                              osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    metrics->queue_bytes =
        osy_metrics_gauge(registry, "ordersync_hub_queue_bytes", "Bytes that wait in outboxes.");

    struct osy_metric_family *gaps =
        osy_metrics_counter_family(registry, "ordersync_hub_gaps_repaired_total",
                                   "Gaps filled, by where the events came from.", "source");
    metrics->gaps_repaired_redis = counter_with(gaps, "redis");
    metrics->gaps_repaired_database = counter_with(gaps, "database");

    metrics->envelopes_bad = osy_metrics_counter(registry, "ordersync_hub_envelopes_bad_total",
                                                 "Published messages that did not parse.");
    metrics->position_checks =
        osy_metrics_counter(registry, "ordersync_hub_position_checks_total",
                            "Topics whose position was compared with PostgreSQL.");
    metrics->view_age_seconds = osy_metrics_gauge(
        registry, "ordersync_hub_view_age_seconds",
        "Since the oldest of the hub's views was proven to be whole, as of the last position check.");
    metrics->redis_up =
        osy_metrics_gauge(registry, "ordersync_hub_redis_up",
                          "1 while commands and subscriptions of every Redis server work.");
    metrics->redis_servers_up = osy_metrics_gauge_family(
        registry, "ordersync_hub_redis_server_up", "The same of each, once it was.", "server");

    metrics->sockets_revoked =
        osy_metrics_counter(registry, "ordersync_hub_sockets_revoked_total",
                            "Sockets closed because their token was revoked.");
    metrics->revocations_stale =
        osy_metrics_gauge(registry, "ordersync_hub_revocations_stale",
                          "1 while neither source could be asked about revocations in time.");

    metrics->resumes = osy_metrics_counter_family(registry, "ordersync_hub_resumes_total",
                                                  "Answers to `resume`.", "verdict");
    metrics->closes = osy_metrics_counter_family(registry, "ordersync_hub_closes_total",
                                                 "Sockets closed, by close code.", "code");
    metrics->upgrades_refused =
        osy_metrics_counter_family(registry, "ordersync_hub_upgrades_refused_total",
                                   "Requests refused before the upgrade.", "reason");
    metrics->bad_messages =
        osy_metrics_counter_family(registry, "ordersync_hub_bad_messages_total",
                                   "Client messages that broke a rule.", "reason");
    metrics->acks = osy_metrics_counter_family(registry, "ordersync_hub_acks_total",
                                               "Acknowledged events.", "state");
    metrics->reports_up = osy_metrics_gauge(registry, "ordersync_hub_reports_up",
                                            "1 while presence and receipts can be written.");
    metrics->reports_dropped = osy_metrics_counter_family(
        registry, "ordersync_hub_reports_dropped_total",
        "Presence and receipts that were not written: device or receipt: no room; unproven: the ack's event does not "
        "exist; foreign: an ack for another device than the socket's.",
        "kind");
}

void hub_metrics_deinit(struct hub_metrics *metrics)
{
    osy_metrics_destroy(metrics->registry);
    *metrics = (struct hub_metrics){0};
}

void hub_metrics_count(struct osy_metric_family *family, const char *label)
{
    osy_metric_inc(osy_metric_with(family, &label));
}
