#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/metrics.h"

/* The text without the process_* metrics, which differ from run to run. */
static void write_own(struct osy_metrics *metrics, struct osy_buffer *out)
{
    osy_metrics_write(metrics, out);
    *strstr(out->bytes, "# HELP process_") = '\0';
}

static void counters_and_gauges_are_written_exactly(void **state)
{
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric *orders =
        osy_metrics_counter(metrics, "orders_total", "Orders, \"all\"\nof them \\o/");
    struct osy_metric *sockets = osy_metrics_gauge(metrics, "sockets", "Open sockets.");
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    for (int i = 0; i < 1000000; i += 100000)
        osy_metric_add(orders, 100000);
    osy_metric_inc(orders);
    osy_metric_set(sockets, 0.5);
    osy_metric_inc(sockets);
    osy_metric_dec(sockets);
    osy_metric_dec(sockets);
    assert_true(osy_metric_value(orders) == 1000001);
    write_own(metrics, &out);
    assert_string_equal(out.bytes, "# HELP orders_total Orders, \"all\"\\nof them \\\\o/\n"
                                   "# TYPE orders_total counter\n"
                                   "orders_total 1000001\n"
                                   "# HELP sockets Open sockets.\n"
                                   "# TYPE sockets gauge\n"
                                   "sockets -0.5\n");
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

static void unusual_numbers_have_their_prometheus_names(void **state)
{
    static const struct {
        double value;
        const char *line;
    } cases[] = {
        {0, "\ng 0\n"},
        {0.1, "\ng 0.1\n"},
        {1.0 / 3, "\ng 0.3333333333333333\n"},
        {123456789012345, "\ng 123456789012345\n"},
        {INFINITY, "\ng +Inf\n"},
        {-INFINITY, "\ng -Inf\n"},
        {NAN, "\ng NaN\n"},
    };
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric *gauge = osy_metrics_gauge(metrics, "g", "A gauge.");
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        osy_buffer_clear(&out);
        osy_metric_set(gauge, cases[i].value);
        write_own(metrics, &out);
        assert_non_null(strstr(out.bytes, cases[i].line));
    }
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

/* An event that comes from a machine whose clock is ahead has come before it was sent. */
static void what_is_below_nothing_does_not_make_a_sum_fall(void **state)
{
    const double bounds[] = {1};
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric *latency =
        osy_metrics_histogram(metrics, "latency_seconds", "Latency.", bounds, 1);
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    osy_metric_observe(latency, 0.5);
    osy_metric_observe(latency, -3);
    osy_metric_observe(latency, NAN);
    osy_metrics_write(metrics, &out);
    assert_non_null(strstr(out.bytes, "latency_seconds_bucket{le=\"1\"} 3\n"));
    assert_non_null(strstr(out.bytes, "latency_seconds_sum 0.5\n"));
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

static void a_histogram_is_cumulative_and_its_bounds_inclusive(void **state)
{
    static const double bounds[] = {0.001, 0.1, 2.5};
    static const double observed[] = {0, 0.001, 0.0011, 0.1, 2.5, 2.6, 1000};
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric *latency =
        osy_metrics_histogram(metrics, "latency_seconds", "Latency.", bounds, 3);
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof observed / sizeof observed[0]; i++)
        osy_metric_observe(latency, observed[i]);
    assert_true(osy_metric_value(latency) == 7);
    write_own(metrics, &out);
    assert_string_equal(out.bytes, "# HELP latency_seconds Latency.\n"
                                   "# TYPE latency_seconds histogram\n"
                                   "latency_seconds_bucket{le=\"0.001\"} 2\n"
                                   "latency_seconds_bucket{le=\"0.1\"} 4\n"
                                   "latency_seconds_bucket{le=\"2.5\"} 5\n"
                                   "latency_seconds_bucket{le=\"+Inf\"} 7\n"
                                   "latency_seconds_sum 1005.2021\n"
                                   "latency_seconds_count 7\n");
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

static void children_have_escaped_labels_and_are_found_again(void **state)
{
    static const double bounds[] = {1};
    const char *const get[] = {"GET", "/a\"b\\c\nd"}, *const post[] = {"POST", ""};
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric_family *requests =
        osy_metrics_counter_family(metrics, "requests_total", "Requests.", "method,route");
    struct osy_metric_family *sizes =
        osy_metrics_histogram_family(metrics, "bytes", "Sizes.", "method,route", bounds, 1);
    struct osy_buffer out = OSY_BUFFER_INIT;

    (void)state;
    osy_metric_inc(osy_metric_with(requests, get));
    osy_metric_inc(osy_metric_with(requests, post));
    osy_metric_inc(osy_metric_with(requests, get));
    assert_ptr_equal(osy_metric_with(requests, get), osy_metric_with(requests, get));
    osy_metric_observe(osy_metric_with(sizes, post), 2);
    write_own(metrics, &out);
    assert_string_equal(out.bytes, "# HELP requests_total Requests.\n"
                                   "# TYPE requests_total counter\n"
                                   "requests_total{method=\"GET\",route=\"/a\\\"b\\\\c\\nd\"} 2\n"
                                   "requests_total{method=\"POST\",route=\"\"} 1\n"
                                   "# HELP bytes Sizes.\n"
                                   "# TYPE bytes histogram\n"
                                   "bytes_bucket{method=\"POST\",route=\"\",le=\"1\"} 0\n"
                                   "bytes_bucket{method=\"POST\",route=\"\",le=\"+Inf\"} 1\n"
                                   "bytes_sum{method=\"POST\",route=\"\"} 2\n"
                                   "bytes_count{method=\"POST\",route=\"\"} 1\n");
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

static void a_label_without_bound_ends_as_other(void **state)
{
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_metric_family *family =
        osy_metrics_counter_family(metrics, "hits_total", "Hits.", "path");
    const char *const other[] = {"other"};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        char path[16];
        const char *const values[] = {path};

        snprintf(path, sizeof path, "/%d", i);
        osy_metric_inc(osy_metric_with(family, values));
    }
    assert_true(osy_metric_value(osy_metric_with(family, other)) == 2000);
    osy_metrics_destroy(metrics);
}

static void the_process_reports_itself(void **state)
{
    struct osy_metrics *metrics = osy_metrics_create();
    struct osy_buffer out = OSY_BUFFER_INIT;
    static const char *const names[] = {"process_cpu_seconds_total",
                                        "process_resident_memory_bytes", "process_open_fds",
                                        "process_max_fds", "process_start_time_seconds"};

    (void)state;
    osy_metrics_write(metrics, &out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[64];
        const char *at;
        double value = -1;

        snprintf(line, sizeof line, "\n%s ", names[i]);
        at = strstr(out.bytes, line);
        assert_non_null(at);
        assert_int_equal(sscanf(at + strlen(line), "%lf", &value), 1);
        assert_true(i == 0 ? value >= 0 : value >= 1);
    }
    assert_int_equal(out.bytes[out.length - 1], '\n');
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

struct hammered {
    struct osy_metric *counter, *histogram;
};

static void *hammer(void *argument)
{
    struct hammered *metrics = argument;

    for (int i = 0; i < 20000; i++) {
        osy_metric_inc(metrics->counter);
        osy_metric_observe(metrics->histogram, i % 2 ? 0.5 : 5);
    }
    return NULL;
}

static void no_update_is_lost_and_a_reader_sees_whole_histograms(void **state)
{
    static const double bounds[] = {1};
    struct osy_metrics *metrics = osy_metrics_create();
    struct hammered hammered = {
        osy_metrics_counter(metrics, "c_total", "Counter."),
        osy_metrics_histogram(metrics, "h", "Histogram.", bounds, 1),
    };
    struct osy_buffer out = OSY_BUFFER_INIT;
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammered), 0);
    for (int i = 0; i < 100; i++) {
        unsigned long last_bucket, count;

        osy_buffer_clear(&out);
        osy_metrics_write(metrics, &out);
        assert_int_equal(
            sscanf(strstr(out.bytes, "h_bucket{le=\"+Inf\"}"), "%*s %lu", &last_bucket), 1);
        assert_int_equal(sscanf(strstr(out.bytes, "h_count"), "%*s %lu", &count), 1);
        assert_int_equal(last_bucket, count);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(osy_metric_value(hammered.counter) == 80000);
    assert_true(osy_metric_value(hammered.histogram) == 80000);
    osy_buffer_deinit(&out);
    osy_metrics_destroy(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges_are_written_exactly),
        cmocka_unit_test(unusual_numbers_have_their_prometheus_names),
        cmocka_unit_test(a_histogram_is_cumulative_and_its_bounds_inclusive),
        cmocka_unit_test(what_is_below_nothing_does_not_make_a_sum_fall),
        cmocka_unit_test(children_have_escaped_labels_and_are_found_again),
        cmocka_unit_test(a_label_without_bound_ends_as_other),
        cmocka_unit_test(the_process_reports_itself),
        cmocka_unit_test(no_update_is_lost_and_a_reader_sees_whole_histograms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
