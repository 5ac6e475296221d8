/* Metrics: what it costs to count, and to be asked. */
#include "shared/metrics.h"
#include <stdlib.h>

#include "loadtest/histogram.h"
#include "shared/alloc.h"
#include "tests/bench/parts/part.h"

enum { SERIES = 20 }; /* of the histogram that is asked for: routes by status */

struct gauges {
    struct osy_metrics *registry; /* owned */
    struct osy_metric *counter, *histogram;
    struct load_histogram exact;
    struct osy_buffer text;
};

static void *begin_gauges(const struct osy_keyring *keyring)
{
    static const char *const routes[SERIES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                               "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    struct gauges *gauges = osy_alloc(sizeof *gauges);
    (void)keyring;
    gauges->registry = osy_metrics_create();
    gauges->counter = osy_metrics_counter(gauges->registry, "events_total", "Events.");
    struct osy_metric_family *family =
        osy_metrics_histogram_family(gauges->registry, "seconds", "Seconds.", "route",
                                     osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    for (size_t i = 0; i < SERIES; i++)
        gauges->histogram = osy_metric_with(family, &routes[i]);
    return gauges;
}

static void end_gauges(void *state)
{
    struct gauges *gauges = state;
    osy_metrics_destroy(gauges->registry);
    osy_buffer_deinit(&gauges->text);
    free(gauges);
}

static void count(void *state, size_t times)
{
    struct gauges *gauges = state;
    while (times-- > 0)
        osy_metric_inc(gauges->counter);
}

static void observe(void *state, size_t times)
{
    struct gauges *gauges = state;
    while (times-- > 0)
        osy_metric_observe(gauges->histogram, (double)(times % 128) / 1000);
}

static void write_all(void *state, size_t times)
{
    struct gauges *gauges = state;
    while (times-- > 0) {
        osy_buffer_clear(&gauges->text);
        osy_metrics_write(gauges->registry, &gauges->text);
        bench_use(gauges->text.bytes);
    }
}

static void record(void *state, size_t times)
{
    struct gauges *gauges = state;
    while (times-- > 0)
        load_histogram_record(&gauges->exact, 100 + times % 100000);
}

const struct bench_part bench_metric_parts[] = {
    {"metric.count", begin_gauges, count, end_gauges},
    {"metric.observe", begin_gauges, observe, end_gauges},
    {"metrics.write", begin_gauges, write_all, end_gauges},
    {"histogram.record", begin_gauges, record, end_gauges},
    {0},
};
