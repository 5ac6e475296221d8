#include "loadtest/compare.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loadtest/ranks.h"
#include "shared/error.h"

#define EXIT_UNREADABLE 1
#define EXIT_USAGE      2
#define CHANCE          0.05 /* below it a difference counts as shown */
#define PATH_BYTES      4096

/* Where the figures are in a report, and whether more of them is worse. */
static const struct figure {
    const char *title, *path;
    enum { MORE_IS_WORSE = 0, MORE_IS_BETTER } sense;
} figures[] = {
    {"POST -> socket p50, ms", "latency_ms.post_to_socket.p50", MORE_IS_WORSE},
    {"POST -> socket p99, ms", "latency_ms.post_to_socket.p99", MORE_IS_WORSE},
    {"POST -> socket p99.9, ms", "latency_ms.post_to_socket.p99_9", MORE_IS_WORSE},
    {"POST -> socket max, ms", "latency_ms.post_to_socket.max", MORE_IS_WORSE},
    {"order POST -> reply p50, ms", "latency_ms.order_reply.p50", MORE_IS_WORSE},
    {"order POST -> reply p99, ms", "latency_ms.order_reply.p99", MORE_IS_WORSE},
    {"cut -> current again p99, ms", "latency_ms.recovery.p99", MORE_IS_WORSE},
    {"API took it -> committed, mean ms", "stages_ms.commit.mean", MORE_IS_WORSE},
    {"committed -> Redis, mean ms", "stages_ms.publish.mean", MORE_IS_WORSE},
    {"in the hub, mean ms", "stages_ms.write.mean", MORE_IS_WORSE},
    {"orders accepted", "orders.accepted", MORE_IS_BETTER},
    {"API, CPU us per order", "processes.API.cpu_us_per_order", MORE_IS_WORSE},
    {"PostgreSQL, CPU us per order", "processes.POSTGRES.cpu_us_per_order", MORE_IS_WORSE},
    {"Redis, CPU us per order", "processes.REDIS.cpu_us_per_order", MORE_IS_WORSE},
    {"nginx, CPU us per delivery", "processes.NGINX.cpu_us_per_delivery", MORE_IS_WORSE},
    {"hubs, CPU us per delivery", "processes.HUB.cpu_us_per_delivery", MORE_IS_WORSE},
    {"hubs, bytes per socket", "memory_per_socket.resident", MORE_IS_WORSE},
    {"generators' lateness p99, ms", "latency_ms.generator.p99", MORE_IS_WORSE},
};

#define FIGURES (sizeof(figures) / sizeof(*figures))

struct set {
    json_t *reports[LOAD_RANKS_MOST]; /* owned */
    size_t count;
};

/* --- reading --- */

static json_t *read_report(const char *given, struct osy_error *err)
{
    char path[PATH_BYTES + 16];
    struct stat status;
    json_error_t at;
    bool is_folder = stat(given, &status) == 0 && S_ISDIR(status.st_mode);
    snprintf(path, sizeof(path), "%s%s", given, is_folder ? "/report.json" : "");
    json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (report && json_is_object(json_object_get(report, "latency_ms")))
        return report;
    if (report)
        osy_error_set(err, OSY_ERR_INVALID, "%s: 'latency_ms' is missing: it is no report", path);
    else
        osy_error_set(err, OSY_ERR_INVALID, "%s: %s", path, at.text);
    json_decref(report);
    return NULL;
}

/* "a,b,c" */
static bool read_set(const char *list, struct set *set, struct osy_error *err)
{
    while (*list) {
        char path[PATH_BYTES];
        size_t length = strcspn(list, ",");
        if (length == 0 || length >= sizeof(path))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' does not begin with a path", list);
        if (set->count == LOAD_RANKS_MOST)
            return osy_error_set(err, OSY_ERR_LIMIT, "more than %d runs in one set",
                                 LOAD_RANKS_MOST);
        memcpy(path, list, length);
        path[length] = '\0';
        set->reports[set->count] = read_report(path, err);
        if (!set->reports[set->count])
            return false;
        set->count++;
        list += length + (list[length] == ',');
    }
    return set->count > 0 || osy_error_set(err, OSY_ERR_INVALID, "a set has no run");
}

static void release_set(struct set *set)
{
    for (size_t i = 0; i < set->count; i++)
        json_decref(set->reports[i]);
}

/* A latency that nothing was measured of: its percentiles are 0, but nothing was that fast. */
static bool is_empty(json_t *object)
{
    json_t *count = json_object_get(object, "count");
    return json_is_integer(count) && json_integer_value(count) == 0;
}

static json_t *find(json_t *report, const char *path)
{
    while (report && *path) {
        char key[64];
        size_t length = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)length, path);
        report = is_empty(report) ? NULL : json_object_get(report, key);
        path += length + (path[length] == '.');
    }
    return report;
}

/* The figure in each run that has it; how many have. */
static size_t collect(const struct set *set, const char *path, double *values)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        json_t *value = find(set->reports[i], path);
        if (json_is_number(value))
            values[count++] = json_number_value(value);
    }
    return count;
}

/* --- judging --- */

static const char *judge(const struct figure *figure, double ratio, double p, double least_p)
{
    bool is_worse = (ratio > 1) == (figure->sense == MORE_IS_WORSE);
    if (least_p > CHANCE)
        return "too few runs to tell";
    if (p > CHANCE || ratio == 1)
        return "no difference shown";
    return is_worse ? "worse" : "better";
}

static void print_row(const struct figure *figure, const struct set *a, const struct set *b)
{
    double left[LOAD_RANKS_MOST], right[LOAD_RANKS_MOST];
    size_t left_count = collect(a, figure->path, left),
           right_count = collect(b, figure->path, right);
    double below = load_median(left, left_count), above = load_median(right, right_count);
    if (left_count == 0 || right_count == 0 || (below <= 0 && above <= 0))
        return;
    printf("%-34s %11.2f %11.2f", figure->title, below, above);
    if (below <= 0) {
        puts("       -");
        return;
    }
    printf(" %7.2f", above / below);
    if (left_count > 1 && right_count > 1) {
        struct load_interval interval = load_ratio_interval(left, left_count, right, right_count);
        double p = load_ranks_p(left, left_count, right, right_count);
        printf("  %6.2f to %-6.2f %6.3f  %s", interval.low, interval.high, p,
               judge(figure, above / below, p, load_ranks_least_p(left_count, right_count)));
    }
    putchar('\n');
}

static size_t count_bad(const struct set *set)
{
    size_t bad = 0;
    for (size_t i = 0; i < set->count; i++)
        bad += !json_is_true(json_object_get(set->reports[i], "good"));
    return bad;
}

/* Nothing differs from itself: a run that counts twice would make a difference look surer than it is. */
static bool are_different_runs(const struct set *a, const struct set *b, struct osy_error *err)
{
    json_t *all[2 * LOAD_RANKS_MOST];
    size_t count = a->count + b->count;
    memcpy(all, a->reports, a->count * sizeof(*all));
    memcpy(all + a->count, b->reports, b->count * sizeof(*all));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (json_equal(all[i], all[j]))
                return osy_error_set(err, OSY_ERR_INVALID, "runs %zu and %zu of all are the same",
                                     j + 1, i + 1);
    return true;
}

static bool ask_the_same(const struct set *a, const struct set *b)
{
    json_t *options = json_object_get(a->reports[0], "options");
    bool same = true;
    for (size_t i = 0; i < a->count; i++)
        same = same && json_equal(options, json_object_get(a->reports[i], "options"));
    for (size_t i = 0; i < b->count; i++)
        same = same && json_equal(options, json_object_get(b->reports[i], "options"));
    return same;
}

static void print_remarks(const struct set *a, const struct set *b)
{
    double least_p = load_ranks_least_p(a->count, b->count);
    if (!ask_the_same(a, b))
        puts(
            "note: the runs were not asked for the same load; the figures answer different questions");
    if (count_bad(a) + count_bad(b) > 0)
        printf(
            "note: %zu of A and %zu of B are BAD: something was lost, duplicated, out of order or unanswered\n",
            count_bad(a), count_bad(b));
    if (a->count == 1 || b->count == 1)
        puts(
            "No verdict: a single run says nothing of how much runs differ by themselves. Take several of each, in\n"
            "turn (A B A B...), and name them A1,A2,A3,A4 B1,B2,B3,B4.");
    else if (least_p > CHANCE)
        printf(
            "No verdict: with %zu and %zu runs chance alone lays them as far apart as can be with p %.2f; four of\n"
            "each can show a difference (p 0.03).\n",
            a->count, b->count, least_p);
    else
        puts(
            "p: the chance of runs of one kind to lie so far apart (Mann-Whitney, exact, two-sided). Of the rows\n"
            "without any difference one in twenty comes out below 0.05 all the same.");
}

static void print_comparison(const struct set *a, const struct set *b)
{
    bool has_several = a->count > 1 && b->count > 1;
    printf("A: %zu run%s, B: %zu run%s%s\n\n", a->count, a->count > 1 ? "s" : "", b->count,
           b->count > 1 ? "s" : "", has_several ? "; medians" : "");
    printf("%-34s %11s %11s %7s%s\n", "", "A", "B", "B / A",
           has_several ? "  95 % of B / A        p" : "");
    for (size_t i = 0; i < FIGURES; i++)
        print_row(&figures[i], a, b);
    putchar('\n');
    print_remarks(a, b);
}

static int print_help(void)
{
    puts(
        "Usage: ordersync-loadtest compare A[,A2...] B[,B2...]\n\n"
        "Sets runs side by side. Each A and B is a report.json, or the folder that --out has written; several of\n"
        "a kind, with commas between them, are compared by their medians. Then the table tells how sure a\n"
        "difference is.\n\n"
        "Exit status: 0 compared; 1 a file cannot be read, or is named twice; 2 wrong usage.");
    return 0;
}

int load_compare_main(int argc, char **argv)
{
    struct set a = {.count = 0}, b = {.count = 0};
    struct osy_error err = {0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return print_help();
    if (argc != 3) {
        fputs(
            "ordersync-loadtest: compare needs two runs, or two sets of runs (compare --help tells more)\n",
            stderr);
        return EXIT_USAGE;
    }
    bool ok = read_set(argv[1], &a, &err) && read_set(argv[2], &b, &err) &&
              are_different_runs(&a, &b, &err);
    if (ok)
        print_comparison(&a, &b);
    else
        fprintf(stderr, "ordersync-loadtest: %s\n", err.message);
    release_set(&a);
    release_set(&b);
    return ok ? 0 : EXIT_UNREADABLE;
}
