/*
 * A metric without labels is a family with one child, so there is one way to store and one to
 * print. A histogram keeps each bucket's own count; the reader adds them up, so `_count` is the
 * +Inf bucket by construction, whatever is observed meanwhile. (Its `_sum` may be an observation
 * ahead or behind.)
 */
#include "shared/metrics.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#include <uthash.h>

#include "shared/alloc.h"
#include "shared/clock.h"

#define CHILDREN_MAX 1000 /* of one family; a label whose values have no bound is a mistake */

const double osy_metrics_latency_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                             0.25,  0.5,    1,     2.5,  5,     10};
const size_t osy_metrics_latency_bound_count =
    sizeof osy_metrics_latency_bounds / sizeof osy_metrics_latency_bounds[0];

const double osy_metrics_stage_bounds[] = {0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.0007,
                                           0.001,   0.0015, 0.002,   0.003,  0.005,  0.007,  0.01,
                                           0.015,   0.02,   0.03,    0.05,   0.07,   0.1,    0.15,
                                           0.2,     0.5,    1,       2.5,    10};
const size_t osy_metrics_stage_bound_count =
    sizeof osy_metrics_stage_bounds / sizeof osy_metrics_stage_bounds[0];

enum kind { KIND_COUNTER = 0, KIND_GAUGE, KIND_HISTOGRAM };

struct osy_metric {
    struct osy_metric_family *family; /* borrowed */
    char *labels;            /* owned: `method="GET",status="200"`; the key among its siblings */
    _Atomic uint64_t number; /* the bits of a double: the value, or a histogram's sum */
    UT_hash_handle hh;
    _Atomic uint64_t buckets[]; /* a histogram's; the last one is for what is above all bounds */
};

struct osy_metric_family {
    struct osy_metric_family *next;
    char *name, *help; /* owned */
    enum kind kind;
    char *label_names[OSY_METRICS_LABELS]; /* owned */
    size_t label_count;
    double *bounds; /* owned */
    size_t bound_count;
    pthread_mutex_t lock;        /* for children */
    struct osy_metric *children; /* owned, in the order of their first use */
};

struct osy_metrics {
    pthread_mutex_t lock; /* for the list */
    struct osy_metric_family *first, **last;
    double started_at_s;
};

/* ---- the registry ---- */

struct osy_metrics *osy_metrics_create(void)
{
    struct osy_metrics *metrics = osy_alloc(sizeof *metrics);

    pthread_mutex_init(&metrics->lock, NULL);
    metrics->last = &metrics->first;
    metrics->started_at_s = (double)osy_clock_wall_ms() / 1000;
    return metrics;
}

static void destroy_family(struct osy_metric_family *family)
{
    struct osy_metric *child, *next;

    HASH_ITER(hh, family->children, child, next) {
        HASH_DEL(family->children, child);
        free(child->labels);
        free(child);
    }
    for (size_t i = 0; i < family->label_count; i++)
        free(family->label_names[i]);
    pthread_mutex_destroy(&family->lock);
    free(family->bounds);
    free(family->name);
    free(family->help);
    free(family);
}

void osy_metrics_destroy(struct osy_metrics *metrics)
{
    if (!metrics)
        return;
    while (metrics->first) {
        struct osy_metric_family *family = metrics->first;

        metrics->first = family->next;
        destroy_family(family);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (isalnum((unsigned char)*name) || *name == '_' || *name == ':')
        name++;
    return *name == '\0';
}

static void split_label_names(struct osy_metric_family *family, const char *names)
{
    while (*names != '\0') {
        size_t length = strcspn(names, ",");

        assert(family->label_count < OSY_METRICS_LABELS);
        family->label_names[family->label_count] = osy_strndup(names, length);
        assert(is_name(family->label_names[family->label_count]));
        family->label_count++;
        names += length + (names[length] == ',');
    }
}

static void link_family(struct osy_metrics *metrics, struct osy_metric_family *family)
{
    pthread_mutex_lock(&metrics->lock);
    for (const struct osy_metric_family *known = metrics->first; known; known = known->next)
        assert(strcmp(known->name, family->name) != 0);
    *metrics->last = family;
    metrics->last = &family->next;
    pthread_mutex_unlock(&metrics->lock);
}

static struct osy_metric_family *add_family(struct osy_metrics *metrics, enum kind kind,
                                            const char *name, const char *help,
                                            const char *label_names, const double *bounds,
                                            size_t bound_count)
{
    struct osy_metric_family *family = osy_alloc(sizeof *family);

    assert(is_name(name));
    family->kind = kind;
    family->name = osy_strdup(name);
    family->help = osy_strdup(help);
    split_label_names(family, label_names);
    family->bounds = osy_alloc_array(bound_count, sizeof *bounds);
    family->bound_count = bound_count;
    for (size_t i = 0; i < bound_count; i++) {
        assert(i == 0 || bounds[i] > bounds[i - 1]);
        family->bounds[i] = bounds[i];
    }
    pthread_mutex_init(&family->lock, NULL);
    link_family(metrics, family);
    return family;
}

struct osy_metric_family *osy_metrics_counter_family(struct osy_metrics *metrics, const char *name,
                                                     const char *help, const char *label_names)
{
    return add_family(metrics, KIND_COUNTER, name, help, label_names, NULL, 0);
}

struct osy_metric_family *osy_metrics_gauge_family(struct osy_metrics *metrics, const char *name,
                                                   const char *help, const char *label_names)
{
    return add_family(metrics, KIND_GAUGE, name, help, label_names, NULL, 0);
}

struct osy_metric_family *osy_metrics_histogram_family(struct osy_metrics *metrics,
                                                       const char *name, const char *help,
                                                       const char *label_names,
                                                       const double *bounds, size_t bound_count)
{
    return add_family(metrics, KIND_HISTOGRAM, name, help, label_names, bounds, bound_count);
}

struct osy_metric *osy_metrics_counter(struct osy_metrics *metrics, const char *name,
                                       const char *help)
{
    return osy_metric_with(osy_metrics_counter_family(metrics, name, help, ""), NULL);
}

struct osy_metric *osy_metrics_gauge(struct osy_metrics *metrics, const char *name,
                                     const char *help)
{
    return osy_metric_with(osy_metrics_gauge_family(metrics, name, help, ""), NULL);
}

struct osy_metric *osy_metrics_histogram(struct osy_metrics *metrics, const char *name,
                                         const char *help, const double *bounds, size_t bound_count)
{
    return osy_metric_with(
        osy_metrics_histogram_family(metrics, name, help, "", bounds, bound_count), NULL);
}

/* ---- children ---- */

/* Backslash and newline, and in label values the quote, are escaped (exposition format 0.0.4). */
static void append_escaped(struct osy_buffer *out, const char *text, bool escape_quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            osy_buffer_text(out, "\\n");
        else if (*text == '\\' || (*text == '"' && escape_quote))
            osy_buffer_append(out, (char[]){'\\', *text}, 2);
        else
            osy_buffer_char(out, *text);
    }
}

/* values NULL: every label is "other". */
static void render_labels(const struct osy_metric_family *family, const char *const *values,
                          struct osy_buffer *out)
{
    osy_buffer_clear(out);
    osy_buffer_reserve(out, 0); /* no labels are an empty text, not NULL */
    for (size_t i = 0; i < family->label_count; i++) {
        osy_buffer_printf(out, "%s%s=\"", i > 0 ? "," : "", family->label_names[i]);
        append_escaped(out, values ? values[i] : "other", true);
        osy_buffer_char(out, '"');
    }
}

static struct osy_metric *find_child(struct osy_metric_family *family,
                                     const struct osy_buffer *labels)
{
    struct osy_metric *child;

    HASH_FIND(hh, family->children, labels->bytes, labels->length, child);
    return child;
}

static struct osy_metric *add_child(struct osy_metric_family *family,
                                    const struct osy_buffer *labels)
{
    size_t bucket_count = family->kind == KIND_HISTOGRAM ? family->bound_count + 1 : 0;
    struct osy_metric *child = osy_alloc(sizeof *child + bucket_count * sizeof child->buckets[0]);

    child->family = family;
    child->labels = osy_strndup(labels->bytes, labels->length);
    HASH_ADD_KEYPTR(hh, family->children, child->labels, labels->length, child);
    return child;
}

struct osy_metric *osy_metric_with(struct osy_metric_family *family,
                                   const char *const *label_values)
{
    struct osy_buffer labels = OSY_BUFFER_INIT;
    struct osy_metric *child;

    render_labels(family, label_values, &labels);
    pthread_mutex_lock(&family->lock);
    child = find_child(family, &labels);
    if (!child && HASH_COUNT(family->children) >= CHILDREN_MAX) {
        render_labels(family, NULL, &labels);
        child = find_child(family, &labels);
    }
    if (!child)
        child = add_child(family, &labels);
    pthread_mutex_unlock(&family->lock);
    osy_buffer_deinit(&labels);
    return child;
}

/* ---- values ---- */

static double to_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void add_number(struct osy_metric *metric, double value)
{
    uint64_t old = atomic_load_explicit(&metric->number, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(&metric->number, &old,
                                                  to_bits(to_double(old) + value),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void osy_metric_add(struct osy_metric *metric, double value)
{
    assert(metric->family->kind == KIND_GAUGE ||
           (metric->family->kind == KIND_COUNTER && value >= 0));
    add_number(metric, value);
}

void osy_metric_inc(struct osy_metric *metric)
{
    osy_metric_add(metric, 1);
}

void osy_metric_dec(struct osy_metric *metric)
{
    osy_metric_add(metric, -1);
}

void osy_metric_set(struct osy_metric *metric, double value)
{
    assert(metric->family->kind == KIND_GAUGE);
    atomic_store_explicit(&metric->number, to_bits(value), memory_order_relaxed);
}

void osy_metric_observe(struct osy_metric *metric, double value)
{
    const struct osy_metric_family *family = metric->family;
    size_t bucket = 0;

    assert(family->kind == KIND_HISTOGRAM);
    if (!(value > 0))
        value = 0; /* two clocks that disagree: a sum that falls would look like a restart */
    while (bucket < family->bound_count && !(value <= family->bounds[bucket]))
        bucket++;
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    add_number(metric, value);
}

static uint64_t read_bucket(const struct osy_metric *metric, size_t bucket)
{
    return atomic_load_explicit(&metric->buckets[bucket], memory_order_relaxed);
}

double osy_metric_value(const struct osy_metric *metric)
{
    uint64_t count = 0;

    if (metric->family->kind != KIND_HISTOGRAM)
        return to_double(atomic_load_explicit(&metric->number, memory_order_relaxed));
    for (size_t i = 0; i <= metric->family->bound_count; i++)
        count += read_bucket(metric, i);
    return (double)count;
}

/* ---- the text ---- */

/* The shortest decimal that reads back as the same double. */
static void append_number(struct osy_buffer *out, double value)
{
    char text[32];

    if (isnan(value)) {
        osy_buffer_text(out, "NaN");
        return;
    }
    if (isinf(value)) {
        osy_buffer_text(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (to_bits(strtod(text, NULL)) == to_bits(value))
            break;
    }
    osy_buffer_text(out, text);
}

static void append_header(struct osy_buffer *out, const char *name, const char *help,
                          const char *type)
{
    osy_buffer_printf(out, "# HELP %s ", name);
    append_escaped(out, help, false);
    osy_buffer_printf(out, "\n# TYPE %s %s\n", name, type);
}

/* `name_suffix{labels} ` */
static void append_series(struct osy_buffer *out, const struct osy_metric *metric,
                          const char *suffix)
{
    osy_buffer_printf(out, "%s%s", metric->family->name, suffix);
    if (metric->labels[0] != '\0')
        osy_buffer_printf(out, "{%s}", metric->labels);
    osy_buffer_char(out, ' ');
}

static void append_histogram(struct osy_buffer *out, const struct osy_metric *metric)
{
    const struct osy_metric_family *family = metric->family;
    uint64_t count = 0;

    for (size_t i = 0; i <= family->bound_count; i++) {
        count += read_bucket(metric, i);
        osy_buffer_printf(out, "%s_bucket{%s%sle=\"", family->name, metric->labels,
                          metric->labels[0] != '\0' ? "," : "");
        append_number(out, i < family->bound_count ? family->bounds[i] : INFINITY);
        osy_buffer_text(out, "\"} ");
        osy_buffer_u64(out, count);
        osy_buffer_char(out, '\n');
    }
    append_series(out, metric, "_sum");
    append_number(out, to_double(atomic_load_explicit(&metric->number, memory_order_relaxed)));
    osy_buffer_char(out, '\n');
    append_series(out, metric, "_count");
    osy_buffer_u64(out, count);
    osy_buffer_char(out, '\n');
}

static void append_family(struct osy_buffer *out, struct osy_metric_family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    append_header(out, family->name, family->help, types[family->kind]);
    pthread_mutex_lock(&family->lock);
    for (const struct osy_metric *child = family->children; child; child = child->hh.next) {
        if (family->kind == KIND_HISTOGRAM) {
            append_histogram(out, child);
            continue;
        }
        append_series(out, child, "");
        append_number(out, osy_metric_value(child));
        osy_buffer_char(out, '\n');
    }
    pthread_mutex_unlock(&family->lock);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double count_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the folder itself */

    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static double read_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void append_process(struct osy_buffer *out, const char *name, const char *help,
                           const char *type, double value)
{
    append_header(out, name, help, type);
    osy_buffer_printf(out, "%s ", name);
    append_number(out, value);
    osy_buffer_char(out, '\n');
}

/* The names that every Prometheus client library uses. */
static void append_process_metrics(struct osy_buffer *out, double started_at_s)
{
    struct rusage usage;
    struct rlimit files;

    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    append_process(out, "process_cpu_seconds_total", "CPU time used, user and system.", "counter",
                   seconds(usage.ru_utime) + seconds(usage.ru_stime));
    append_process(out, "process_resident_memory_bytes", "Memory that is in RAM.", "gauge",
                   read_resident_bytes());
    append_process(out, "process_open_fds", "Open file descriptors.", "gauge", count_open_fds());
    append_process(out, "process_max_fds", "Most file descriptors that may be open.", "gauge",
                   files.rlim_cur == RLIM_INFINITY ? INFINITY : (double)files.rlim_cur);
    append_process(out, "process_start_time_seconds", "When the program started, since 1970.",
                   "gauge", started_at_s);
}

void osy_metrics_write(struct osy_metrics *metrics, struct osy_buffer *out)
{
    pthread_mutex_lock(&metrics->lock);
    for (struct osy_metric_family *family = metrics->first; family; family = family->next)
        append_family(out, family);
    pthread_mutex_unlock(&metrics->lock);
    append_process_metrics(out, metrics->started_at_s);
}
