/*
 * A Prometheus registry (text format 0.0.4). Metrics are registered at start and never removed, so
 * a caller keeps the pointer; updating is one relaxed atomic, from any thread. A family with
 * labels hands out its children by label values; a child exists from its first use on, and the
 * number of children is bounded (past it, values go to one child with the label values "other").
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"

#define OSY_METRICS_LABELS 4 /* at most, in one family */

struct osy_metrics; /* a registry */
struct osy_metric;  /* one time series */
struct osy_metric_family;

struct osy_metrics *osy_metrics_create(void);
void osy_metrics_destroy(struct osy_metrics *metrics); /* NULL is fine; ends every metric of it */

/* name follows Prometheus' rules; a name registered twice is our own mistake (assert). */
struct osy_metric *osy_metrics_counter(struct osy_metrics *metrics, const char *name,
                                       const char *help);
struct osy_metric *osy_metrics_gauge(struct osy_metrics *metrics, const char *name,
                                     const char *help);
/* bounds: ascending upper bounds, in the metric's unit (seconds for latencies), +Inf is added.
 * Copied. */
struct osy_metric *osy_metrics_histogram(struct osy_metrics *metrics, const char *name,
                                         const char *help, const double *bounds,
                                         size_t bound_count);

/* label_names: comma separated, e.g. "method,route,status". */
struct osy_metric_family *osy_metrics_counter_family(struct osy_metrics *metrics, const char *name,
                                                     const char *help, const char *label_names);
struct osy_metric_family *osy_metrics_gauge_family(struct osy_metrics *metrics, const char *name,
                                                   const char *help, const char *label_names);
struct osy_metric_family *osy_metrics_histogram_family(struct osy_metrics *metrics,
                                                       const char *name, const char *help,
                                                       const char *label_names,
                                                       const double *bounds, size_t bound_count);
/* As many values as the family has labels. Takes a lock: keep the result where it is hot. */
struct osy_metric *osy_metric_with(struct osy_metric_family *family,
                                   const char *const *label_values);

void osy_metric_add(struct osy_metric *metric, double value); /* counter (value >= 0) or gauge */
void osy_metric_inc(struct osy_metric *metric);
void osy_metric_dec(struct osy_metric *metric);                   /* gauge */
void osy_metric_set(struct osy_metric *metric, double value);     /* gauge */
void osy_metric_observe(struct osy_metric *metric, double value); /* histogram; below 0 is 0 */
double osy_metric_value(const struct osy_metric *metric); /* counter, gauge; a histogram's count */

/* 1 ms to 10 s in 13 steps, in seconds: for latencies on this service's scale. */
extern const double osy_metrics_latency_bounds[];
extern const size_t osy_metrics_latency_bound_count;
/* 50 us to 10 s in 26 steps, in seconds: for the stages of which such a latency is made. */
extern const double osy_metrics_stage_bounds[];
extern const size_t osy_metrics_stage_bound_count;

/* Appends the whole registry with process_* metrics (RSS, CPU seconds, open fds, start time). */
void osy_metrics_write(struct osy_metrics *metrics, struct osy_buffer *out);
