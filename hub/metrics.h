/* The hub's metrics, registered once at start. Updating one is safe from any thread. */
#pragma once
#include "shared/metrics.h"

struct hub_metrics {
    struct osy_metrics *registry; /* owned */
    struct osy_metric *sockets_restaurant, *sockets_order, *sockets_dashboard, *sockets_pending;
    struct osy_metric *topics;
    struct osy_metric *events_delivered;
    struct osy_metric *commit_to_receive_seconds, *receive_to_write_seconds;
    struct osy_metric *commit_to_write_seconds;
    struct osy_metric *commit_to_displayed_seconds;
    struct osy_metric *queue_bytes;
    struct osy_metric *gaps_repaired_redis, *gaps_repaired_database;
    struct osy_metric *envelopes_bad;
    struct osy_metric *position_checks;
    struct osy_metric *view_age_seconds;
    struct osy_metric *redis_up;
    struct osy_metric_family *redis_servers_up; /* by name */
    struct osy_metric *sockets_revoked, *revocations_stale;
    struct osy_metric *reports_up;
    struct osy_metric_family *resumes;          /* verdict */
    struct osy_metric_family *closes;           /* code */
    struct osy_metric_family *upgrades_refused; /* reason */
    struct osy_metric_family *bad_messages;     /* reason */
    struct osy_metric_family *acks;             /* state */
    struct osy_metric_family *reports_dropped;  /* kind */
};

void hub_metrics_init(struct hub_metrics *metrics);
void hub_metrics_deinit(struct hub_metrics *metrics);
/* Adds one to the child with that label. */
void hub_metrics_count(struct osy_metric_family *family, const char *label);
