#include "loadtest/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loadtest/socket.h"
#include "shared/buffer.h"

#define EXAMPLES 8
#define LATE_US  20000 /* a generator that is later than this spoils the figures */

static const struct {
    const char *key, *title;
} latency_names[LOAD_LATENCIES] = {
    [LOAD_LATENCY_ORDER_REPLY] = {"order_reply", "order POST -> reply"},
    [LOAD_LATENCY_CHANGE_REPLY] = {"change_reply", "status POST -> reply"},
    [LOAD_LATENCY_ORDER_TO_TABLET] = {"order_to_tablet", "order POST -> tablet"},
    [LOAD_LATENCY_CHANGE_TO_TABLET] = {"change_to_tablet", "status POST -> tablet"},
    [LOAD_LATENCY_CHANGE_TO_CUSTOMER] = {"change_to_customer", "status POST -> customer"},
    [LOAD_LATENCY_COMMIT_TO_SOCKET] = {"commit_to_socket", "commit -> socket (1 ms steps)"},
    [LOAD_LATENCY_RECOVERY] = {"recovery", "socket's end -> current again"},
    [LOAD_LATENCY_REPLAY] = {"replay", "resume -> caught up"},
    [LOAD_LATENCY_GENERATOR] = {"generator", "generator's own lateness"},
};

static const struct {
    const char *key, *title;
    double quantile;
} quantiles[] = {
    {"p50", "p50", 0.5},       {"p90", "p90", 0.9}, {"p99", "p99", 0.99},
    {"p99_9", "p99.9", 0.999}, {"max", "max", 1},
};

#define QUANTILES (sizeof(quantiles) / sizeof(*quantiles))

static double milliseconds(uint64_t us)
{
    return (double)us / 1000;
}

static uint64_t delivered(const struct load_stats *stats)
{
    return stats->to_tablets + stats->to_customers + stats->to_dashboards;
}

void load_report_progress(const struct load_run *run, const char *phase, double seconds)
{
    const struct load_stats *stats = &run->stats;
    bool terminal = isatty(STDOUT_FILENO);
    printf("%s%-8s %5.0f s  live %zu  orders %" PRIu64 "/%" PRIu64 "  events %" PRIu64
           "  reconnects %" PRIu64 "  POST->tablet p99 %.1f ms%s",
           terminal ? "\r" : "", phase, seconds, run->feeds.live, stats->orders.accepted,
           stats->orders.offered, delivered(stats), run->feeds.reconnects,
           milliseconds(
               load_histogram_quantile(&stats->latencies[LOAD_LATENCY_ORDER_TO_TABLET], 0.99)),
           terminal ? "\x1b[K" : "\n");
    fflush(stdout);
}

static void print_posts(const char *title, const struct load_posts *posts)
{
    printf("%-16s offered %" PRIu64 "  accepted %" PRIu64 "  refused %" PRIu64
           "  unanswered %" PRIu64,
           title, posts->offered, posts->accepted, load_posts_refused(posts), posts->unanswered);
    for (int status = 0; status < LOAD_STATUSES; status++)
        if (posts->refused[status])
            printf("  [%d: %" PRIu64 "]", status, posts->refused[status]);
    putchar('\n');
}

static void print_closes(const struct load_feeds *feeds)
{
    printf("%-16s", "closes");
    for (size_t i = 0; i < LOAD_CLOSE_CODES && feeds->closes[i].count; i++) {
        if (feeds->closes[i].code == LOAD_CLOSE_FAILED)
            printf("  no connection: %" PRIu64, feeds->closes[i].count);
        else
            printf("  %s%d: %" PRIu64, feeds->closes[i].code < 1000 ? "HTTP " : "",
                   feeds->closes[i].code, feeds->closes[i].count);
    }
    puts(feeds->closes[0].count ? "" : " none");
}

static void print_latency(const char *title, const struct load_histogram *histogram)
{
    printf("%-30s %10" PRIu64, title, histogram->total);
    for (size_t i = 0; i < QUANTILES; i++)
        printf(" %9.2f", milliseconds(load_histogram_quantile(histogram, quantiles[i].quantile)));
    putchar('\n');
}

/* The figure by which the service is measured: any POST, to a socket of any kind. */
static void merge_to_socket(const struct load_stats *stats, struct load_histogram *all)
{
    load_histogram_init(all);
    load_histogram_merge(all, &stats->to_socket[0]);
    load_histogram_merge(all, &stats->to_socket[1]);
}

static void print_latencies(const struct load_stats *stats)
{
    struct load_histogram all;
    printf("\n%-30s %10s", "latency, ms", "count");
    for (size_t i = 0; i < QUANTILES; i++)
        printf(" %9s", quantiles[i].title);
    putchar('\n');
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        print_latency(latency_names[i].title, &stats->latencies[i]);
    merge_to_socket(stats, &all);
    print_latency("POST -> socket, all", &all);
    load_histogram_deinit(&all);
    if (stats->to_socket[1].total > 0) {
        print_latency("  while the mark was not set", &stats->to_socket[0]);
        print_latency("  while it was", &stats->to_socket[1]);
    }
}

static void print_processes(const struct load_report *report)
{
    if (report->now->count == 0)
        return;
    printf("\n%-16s %12s %12s\n", "processes", "CPU of a core", "memory, MB");
    for (size_t i = 0; i < report->now->count; i++)
        printf("%-16s %12.0f%% %12.1f\n", report->now->groups[i].name,
               (double)load_processes_cpu_since(report->now, i, report->before) /
                   (10 * report->run->stats.load_seconds),
               (double)report->now->groups[i].resident_kb / 1024);
}

static bool is_late(const struct load_stats *stats)
{
    return load_histogram_quantile(&stats->latencies[LOAD_LATENCY_GENERATOR], 0.99) > LATE_US;
}

bool load_report_is_good(const struct load_run *run)
{
    const struct load_stats *stats = &run->stats;
    return stats->lost == 0 && stats->duplicated == 0 && stats->out_of_order == 0 &&
           stats->behind == 0 && stats->leaked == 0 && stats->current == stats->followed &&
           stats->orders.unanswered == 0 && stats->changes.unanswered == 0 &&
           run->feeds.violations == 0 && run->feeds.refused == 0;
}

static void print_example(const char *who, const struct load_order *order, uint32_t version)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&order->id, id);
    printf("%-16s %s lacks version %" PRIu32 " of order %s\n", "lost", who, version, id);
}

/* A few of the lost ones, to begin a search with. */
static void print_examples(const struct load_run *run)
{
    int left = EXAMPLES;
    const struct load_order *unseen;
    if (load_ledger_unseen(run->ledger, NULL, &unseen) > 0)
        print_example("everybody", unseen, unseen->acknowledged);
    for (long i = 0; i < run->options->tablets && left > 0; i++) {
        uint32_t version;
        const struct load_order *order =
            load_view_example(run->ledger, &run->tablets[i].view, &version);
        if (order) {
            print_example("a tablet", order, version);
            left--;
        }
    }
    for (long i = 0; i < run->options->customers && left > 0; i++) {
        const struct load_follow *follow = run->customers[i].latest;
        while (follow && load_trail_lacks(&follow->trail) == 0)
            follow = follow->older;
        if (follow) {
            print_example("a customer", follow->trail.order, follow->trail.highest + 1);
            left--;
        }
    }
}

static void print_stalled(const struct load_stalled *stalled)
{
    if (stalled->count == 0)
        return;
    printf("%-16s %zu  closed %zu (%zu told 4008, p50 %.1f s, max %.1f s)  open at the end %zu"
           "  closed before %zu\n",
           "stalled", stalled->count, stalled->closed, stalled->told,
           milliseconds(load_histogram_quantile(&stalled->held, 0.5)) / 1000,
           milliseconds(load_histogram_quantile(&stalled->held, 1)) / 1000, stalled->open,
           stalled->closed_early);
}

void load_report_print(const struct load_report *report)
{
    const struct load_run *run = report->run;
    const struct load_stats *stats = &run->stats;
    const struct load_feeds *feeds = &run->feeds;
    printf("\n%-16s %" PRIu64 " in %.1f s (%.0f/s)\n", "sockets", stats->sockets,
           stats->connect_seconds,
           stats->connect_seconds > 0 ? (double)stats->sockets / stats->connect_seconds : 0);
    print_posts("orders", &stats->orders);
    print_posts("status changes", &stats->changes);
    printf("%-16s %" PRIu64 " attempts after an unknown outcome\n", "retries",
           load_calls_retries(run->calls));
    printf("%-16s to tablets %" PRIu64 "  to customers %" PRIu64 "  to dashboards %" PRIu64
           "  (alerts among them %" PRIu64 ")\n",
           "delivered", stats->to_tablets, stats->to_customers, stats->to_dashboards,
           stats->alerts);
    printf("%-16s lost %" PRIu64 "  duplicated %" PRIu64 " (%" PRIu64 " after the client's filter)"
           "  out of order %" PRIu64 "  streams behind %" PRIu64 "  outside rights %" PRIu64 "\n",
           "verdict", stats->lost, stats->duplicated, stats->duplicated_after_filter,
           stats->out_of_order, stats->behind, stats->leaked);
    if (stats->lost > 0)
        print_examples(run);
    printf("%-16s reconnects %" PRIu64 "  resets %" PRIu64 "  drains %" PRIu64 "  errors %" PRIu64
           "  violations %" PRIu64 "  refused for good %zu\n",
           "sockets' fate", feeds->reconnects, feeds->resets, feeds->drains, feeds->errors,
           feeds->violations, feeds->refused);
    print_closes(feeds);
    printf("%-16s %" PRIu64 " of %" PRIu64 " sockets were current at the end\n", "current",
           stats->current, stats->followed);
    printf("%-16s heartbeats %" PRIu64 " (oldest view %" PRIu32 " ms)  presence %" PRIu64
           "  figures %" PRIu64 "\n",
           "conflated", feeds->heartbeats, feeds->oldest_view_ms, feeds->presences, feeds->figures);
    if (run->options->jitter.every_ms > 0)
        printf("%-16s %" PRIu64 " connections cut\n", "jitter", feeds->cuts);
    print_stalled(&run->stalled);
    if (feeds->last_error[0])
        printf("%-16s %s\n", "last error", feeds->last_error);
    if (stats->kitchen_idle)
        printf("%-16s %" PRIu64 " status changes were due when no followed order could take one\n",
               "note", stats->kitchen_idle);
    print_latencies(stats);
    print_processes(report);
    if (is_late(stats))
        puts("\nwarning: the generator itself was late; the latencies are partly its own");
    printf("\n%s\n", load_report_is_good(run)
                         ? "good: every acknowledged event reached every socket once, in order"
                         : "BAD: see the verdict above");
}

/* --- JSON --- */

static void json_key(struct osy_buffer *out, const char *key)
{
    char last = out->length ? out->bytes[out->length - 1] : '{';
    if (last != '{')
        osy_buffer_char(out, ',');
    osy_buffer_json_string(out, key);
    osy_buffer_char(out, ':');
}

static void json_count(struct osy_buffer *out, const char *key, uint64_t value)
{
    json_key(out, key);
    osy_buffer_u64(out, value);
}

static void json_decimal(struct osy_buffer *out, const char *key, double value)
{
    json_key(out, key);
    osy_buffer_printf(out, "%.3f", value);
}

static void json_open(struct osy_buffer *out, const char *key)
{
    json_key(out, key);
    osy_buffer_char(out, '{');
}

static void json_posts(struct osy_buffer *out, const char *key, const struct load_posts *posts)
{
    json_open(out, key);
    json_count(out, "offered", posts->offered);
    json_count(out, "accepted", posts->accepted);
    json_count(out, "unanswered", posts->unanswered);
    json_open(out, "refused");
    for (int status = 0; status < LOAD_STATUSES; status++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", status);
        if (posts->refused[status])
            json_count(out, name, posts->refused[status]);
    }
    osy_buffer_text(out, "}}");
}

static void json_options(struct osy_buffer *out, const struct load_options *options)
{
    json_open(out, "options");
    json_count(out, "tablets", (uint64_t)options->tablets);
    json_count(out, "customers", (uint64_t)options->customers);
    json_count(out, "dashboards", (uint64_t)options->dashboards);
    json_count(out, "stalled", (uint64_t)options->stalled);
    json_count(out, "restaurants", (uint64_t)options->restaurants);
    json_decimal(out, "rate", options->rate);
    json_decimal(out, "kitchen", options->kitchen);
    json_count(out, "seconds", (uint64_t)options->seconds);
    osy_buffer_char(out, '}');
}

static void json_verdict(struct osy_buffer *out, const struct load_run *run)
{
    const struct load_stats *stats = &run->stats;
    json_key(out, "good");
    osy_buffer_text(out, load_report_is_good(run) ? "true" : "false");
    json_count(out, "lost", stats->lost);
    json_count(out, "duplicated", stats->duplicated);
    json_count(out, "duplicated_after_filter", stats->duplicated_after_filter);
    json_count(out, "out_of_order", stats->out_of_order);
    json_count(out, "behind", stats->behind);
    json_count(out, "leaked", stats->leaked);
    json_count(out, "foreign", stats->foreign);
    json_count(out, "delivered_to_tablets", stats->to_tablets);
    json_count(out, "delivered_to_customers", stats->to_customers);
    json_count(out, "delivered_to_dashboards", stats->to_dashboards);
    json_count(out, "alerts", stats->alerts);
    json_count(out, "retries", load_calls_retries(run->calls));
}

static void json_sockets(struct osy_buffer *out, const struct load_run *run)
{
    const struct load_feeds *feeds = &run->feeds;
    json_open(out, "sockets");
    json_count(out, "opened", run->stats.sockets);
    json_decimal(out, "connect_seconds", run->stats.connect_seconds);
    json_count(out, "reconnects", feeds->reconnects);
    json_count(out, "resets", feeds->resets);
    json_count(out, "drains", feeds->drains);
    json_count(out, "errors", feeds->errors);
    json_count(out, "violations", feeds->violations);
    json_count(out, "refused", feeds->refused);
    json_count(out, "followed", run->stats.followed);
    json_count(out, "current", run->stats.current);
    json_count(out, "cuts", feeds->cuts);
    json_count(out, "heartbeats", feeds->heartbeats);
    json_count(out, "presences", feeds->presences);
    json_count(out, "figures", feeds->figures);
    json_count(out, "oldest_view_ms", feeds->oldest_view_ms);
    json_open(out, "closes");
    for (size_t i = 0; i < LOAD_CLOSE_CODES && feeds->closes[i].count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", feeds->closes[i].code);
        json_count(out, name, feeds->closes[i].count);
    }
    osy_buffer_text(out, "}}");
}

static void json_latency(struct osy_buffer *out, const char *key,
                         const struct load_histogram *histogram)
{
    json_open(out, key);
    json_count(out, "count", histogram->total);
    json_decimal(out, "mean", load_histogram_mean(histogram) / 1000);
    for (size_t i = 0; i < QUANTILES; i++)
        json_decimal(out, quantiles[i].key,
                     milliseconds(load_histogram_quantile(histogram, quantiles[i].quantile)));
    osy_buffer_char(out, '}');
}

static void json_latencies(struct osy_buffer *out, const struct load_stats *stats)
{
    struct load_histogram all;
    json_open(out, "latency_ms");
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        json_latency(out, latency_names[i].key, &stats->latencies[i]);
    merge_to_socket(stats, &all);
    json_latency(out, "post_to_socket", &all);
    json_latency(out, "post_to_socket_unmarked", &stats->to_socket[0]);
    json_latency(out, "post_to_socket_marked", &stats->to_socket[1]);
    load_histogram_deinit(&all);
    osy_buffer_char(out, '}');
}

static void json_stalled(struct osy_buffer *out, const struct load_stalled *stalled)
{
    json_open(out, "stalled");
    json_count(out, "closed", stalled->closed);
    json_count(out, "told", stalled->told);
    json_count(out, "open", stalled->open);
    json_count(out, "closed_early", stalled->closed_early);
    json_latency(out, "held_ms", &stalled->held);
    osy_buffer_char(out, '}');
}

static void json_processes(struct osy_buffer *out, const struct load_report *report)
{
    json_open(out, "processes");
    for (size_t i = 0; i < report->now->count; i++) {
        json_open(out, report->now->groups[i].name);
        json_count(out, "cpu_ms", load_processes_cpu_since(report->now, i, report->before));
        json_count(out, "resident_kb", report->now->groups[i].resident_kb);
        osy_buffer_char(out, '}');
    }
    osy_buffer_char(out, '}');
}

bool load_report_write_json(const struct load_report *report, const char *path,
                            struct osy_error *err)
{
    const struct load_run *run = report->run;
    struct osy_buffer out = OSY_BUFFER_INIT;
    osy_buffer_char(&out, '{');
    json_options(&out, run->options);
    json_verdict(&out, run);
    json_decimal(&out, "load_seconds", run->stats.load_seconds);
    json_posts(&out, "orders", &run->stats.orders);
    json_posts(&out, "changes", &run->stats.changes);
    json_sockets(&out, run);
    json_stalled(&out, &run->stalled);
    json_latencies(&out, &run->stats);
    json_processes(&out, report);
    osy_buffer_text(&out, "}\n");

    FILE *file = fopen(path, "we");
    bool ok = file && fwrite(out.bytes, 1, out.length, file) == out.length;
    ok = file && fclose(file) == 0 && ok;
    osy_buffer_deinit(&out);
    return ok || osy_error_set(err, OSY_ERR_IO, "%s: %s", path, strerror(errno));
}
