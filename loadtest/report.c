#include "loadtest/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loadtest/page.h"
#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/clock.h"

#define LATE_US 20000 /* a generator that is later than this spoils the figures */
#define BUSY    0.85  /* and one that uses more of a core soon will be */

const struct load_named load_latency_names[LOAD_LATENCIES] = {
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

void load_report_init(struct load_report *report, const struct load_options *options,
                      const struct load_fleet *fleet)
{
    *report = (struct load_report){
        .options = options,
        .fleet = fleet,
        .stats = osy_alloc(sizeof(*report->stats)),
        .started_ms = osy_clock_wall_ms(),
    };
}

void load_report_deinit(struct load_report *report)
{
    free(report->stats);
    load_balance_deinit(&report->before);
    load_balance_deinit(&report->ready);
    load_balance_deinit(&report->after);
    load_series_deinit(&report->series);
}

/* --- what is worked out --- */

struct load_work load_report_work(const struct load_report *report)
{
    struct load_work work = {0, 0, 0};
    for (size_t i = 0; i < report->series.count; i++) {
        work.orders += report->series.moments[i].orders;
        work.changes += report->series.moments[i].changes;
        work.deliveries += report->series.moments[i].deliveries;
    }
    return work;
}

static double growth(uint64_t before_kb, uint64_t after_kb, uint64_t sockets)
{
    if (before_kb == 0 || after_kb <= before_kb || sockets == 0)
        return 0;
    return (double)(after_kb - before_kb) * 1024 / (double)sockets;
}

struct load_socket_cost load_report_socket_cost(const struct load_report *report)
{
    const struct load_account *before = load_balance_find(&report->before, "HUB");
    const struct load_account *ready = load_balance_find(&report->ready, "HUB");
    if (!before || !ready)
        return (struct load_socket_cost){0, 0};
    return (struct load_socket_cost){
        growth(before->resident_kb, ready->resident_kb, report->sockets),
        growth(before->proportional_kb, ready->proportional_kb, report->sockets),
    };
}

struct load_histogram *load_report_to_socket(const struct load_report *report)
{
    struct load_histogram *all = osy_alloc(sizeof(*all));
    *all = report->stats->to_socket[LOAD_PART_BEFORE];
    load_histogram_merge(all, &report->stats->to_socket[LOAD_PART_MARKED]);
    load_histogram_merge(all, &report->stats->to_socket[LOAD_PART_AFTER]);
    return all;
}

struct load_breakdown load_report_breakdown(const struct load_report *report)
{
    const struct load_stage_histogram *stages = report->stages.of;
    struct load_histogram *all = load_report_to_socket(report);
    struct load_breakdown parts = {
        .is_known = report->stages.is_known && all->total > 0,
        .total = load_histogram_mean(all) / 1e3,
        .generator = load_histogram_mean(&report->stats->latencies[LOAD_LATENCY_GENERATOR]) / 1e3,
        .commit = 1e3 * load_stage_mean(&stages[LOAD_STAGE_COMMIT]),
        .publish = 1e3 * load_stage_mean(&stages[LOAD_STAGE_PUBLISH]),
        .write = 1e3 * load_stage_mean(&stages[LOAD_STAGE_WRITE]),
    };
    parts.rest = parts.total - parts.generator - parts.commit - parts.publish - parts.write;
    free(all);
    return parts;
}

double load_report_busiest(const struct load_report *report)
{
    double most = 0;
    for (size_t i = 0; i < report->after.process_count; i++) {
        const struct load_account *account = &report->after.processes[i];
        double cpu_s = (double)load_balance_cpu_us(&report->ready, account) / 1e6;
        bool is_generator =
            strcmp(report->after.groups[account->group].name, LOAD_GENERATOR_GROUP) == 0;
        if (is_generator && cpu_s > most * report->load_seconds)
            most = cpu_s / report->load_seconds;
    }
    return most;
}

const char *load_report_warning(const struct load_report *report)
{
    const struct load_histogram *lateness = &report->stats->latencies[LOAD_LATENCY_GENERATOR];
    if (load_histogram_quantile(lateness, 0.99) > LATE_US)
        return "the generators themselves were late; the latencies are partly their own";
    if (load_report_busiest(report) > BUSY)
        return "a generator used nearly all of a core; the latencies are partly its own"
               " (--generators N shares the load)";
    return NULL;
}

/* --- the text --- */

static const struct {
    const char *title;
    double quantile;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

#define QUANTILES (sizeof(quantiles) / sizeof(*quantiles))

static double milliseconds(uint64_t us)
{
    return (double)us / 1000;
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

static void print_closes(const struct load_socket_counts *sockets)
{
    printf("%-16s", "closes");
    for (size_t i = 0; i < LOAD_CLOSE_CODES && sockets->closes[i].count; i++) {
        if (sockets->closes[i].code == LOAD_CLOSE_FAILED)
            printf("  no connection: %" PRIu64, sockets->closes[i].count);
        else
            printf("  %s%d: %" PRIu64, sockets->closes[i].code < 1000 ? "HTTP " : "",
                   sockets->closes[i].code, sockets->closes[i].count);
    }
    puts(sockets->closes[0].count ? "" : " none");
}

static void print_latency(const char *title, const struct load_histogram *histogram)
{
    printf("%-30s %10" PRIu64, title, histogram->total);
    for (size_t i = 0; i < QUANTILES; i++)
        printf(" %9.2f", milliseconds(load_histogram_quantile(histogram, quantiles[i].quantile)));
    putchar('\n');
}

static void print_latencies(const struct load_report *report)
{
    const struct load_stats *stats = report->stats;
    struct load_histogram *all = load_report_to_socket(report);
    printf("\n%-30s %10s", "latency, ms", "count");
    for (size_t i = 0; i < QUANTILES; i++)
        printf(" %9s", quantiles[i].title);
    putchar('\n');
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        print_latency(load_latency_names[i].title, &stats->latencies[i]);
    print_latency("POST -> socket, all", all);
    free(all);
    if (stats->to_socket[LOAD_PART_MARKED].total > 0) {
        print_latency("  before the mark was set", &stats->to_socket[LOAD_PART_BEFORE]);
        print_latency("  while it was", &stats->to_socket[LOAD_PART_MARKED]);
        print_latency("  after it", &stats->to_socket[LOAD_PART_AFTER]);
    }
}

static void print_stages(const struct load_report *report)
{
    struct load_breakdown parts = load_report_breakdown(report);
    if (!report->stages.is_known) {
        puts(
            "\nstages           not known: a server was restarted, or its /metrics cannot be reached");
        return;
    }
    printf("\n%-40s %10s %9s %9s %9s\n", "stages, ms (by the servers' own clocks)", "count", "mean",
           "p50", "p99");
    for (size_t i = 0; i < LOAD_STAGES; i++) {
        const struct load_stage_histogram *stage = &report->stages.of[i];
        printf("%-40s %10" PRIu64 " %9.3f %9.3f %9.3f\n", load_stage_titles[i], stage->total,
               1e3 * load_stage_mean(stage), 1e3 * load_stage_quantile(stage, 0.5),
               1e3 * load_stage_quantile(stage, 0.99));
    }
    if (parts.is_known)
        printf("%-40s %.2f = late %.2f + commit %.2f + publish %.2f + hub %.2f + rest %.2f\n",
               "means, POST -> socket", parts.total, parts.generator, parts.commit, parts.publish,
               parts.write, parts.rest);
}

static double per(uint64_t amount, uint64_t count)
{
    return count > 0 ? (double)amount / (double)count : 0;
}

static void print_account(const struct load_report *report, const struct load_account *account,
                          const struct load_work *work)
{
    uint64_t cpu_us = load_balance_cpu_us(&report->ready, account);
    printf("%-16s %12.0f%% %12.1f %12.1f %12.1f %12.1f\n", account->name,
           (double)cpu_us / (1e4 * report->load_seconds), per(cpu_us, work->orders),
           per(cpu_us, work->deliveries), (double)account->resident_kb / 1024,
           (double)account->proportional_kb / 1024);
}

/* Each group; the hubs one by one, where there are several: a hot restaurant shows. */
static void print_accounts(const struct load_report *report)
{
    const struct load_balance *after = &report->after;
    const struct load_work work = load_report_work(report);
    if (after->group_count == 0)
        return;
    printf("\n%-16s %13s %12s %12s %12s %12s\n", "processes", "CPU of a core", "us/order",
           "us/delivery", "memory, MB", "Pss, MB");
    for (size_t i = 0; i < after->group_count; i++)
        print_account(report, &after->groups[i], &work);
    for (size_t i = 0; i < after->process_count; i++)
        if (after->groups[after->processes[i].group].processes > 1 &&
            strcmp(after->groups[after->processes[i].group].name, "HUB") == 0)
            print_account(report, &after->processes[i], &work);
    struct load_socket_cost cost = load_report_socket_cost(report);
    if (cost.resident > 0)
        printf("%-16s %.0f bytes resident (%.0f by Pss) that the hubs have grown by for each\n",
               "memory a socket", cost.resident, cost.proportional);
    printf("%-16s %zu, the busiest used %.0f%% of a core\n", "generators", report->fleet->count,
           100 * load_report_busiest(report));
}

static void print_stalled(const struct load_report *report)
{
    const struct load_stalled_counts *stalled = &report->stats->stalled;
    if (report->options->stalled == 0)
        return;
    printf("%-16s %ld  closed %" PRIu64 " (%" PRIu64 " told 4008, p50 %.1f s, max %.1f s)"
           "  open at the end %" PRIu64 "  closed before %" PRIu64 "\n",
           "stalled", report->options->stalled, stalled->closed, stalled->told,
           milliseconds(load_histogram_quantile(&stalled->held, 0.5)) / 1000,
           milliseconds(load_histogram_quantile(&stalled->held, 1)) / 1000, stalled->open,
           stalled->closed_early);
}

static void print_examples(const struct load_report *report)
{
    int left = LOAD_EXAMPLES;
    for (size_t i = 0; i < report->fleet->count; i++) {
        const struct load_desk *desk = report->fleet->generators[i].desk;
        for (size_t j = 0; j < LOAD_EXAMPLES && desk->examples[j][0] && left > 0; j++, left--)
            printf("%-16s %s\n", "lost", desk->examples[j]);
    }
}

static void print_verdict(const struct load_report *report)
{
    const struct load_stats *stats = report->stats;
    printf("%-16s lost %" PRIu64 "  duplicated %" PRIu64 " (%" PRIu64 " after the client's filter)"
           "  out of order %" PRIu64 "  streams behind %" PRIu64 "  outside rights %" PRIu64 "\n",
           "verdict", stats->lost, stats->duplicated, stats->duplicated_after_filter,
           stats->out_of_order, stats->behind, stats->leaked);
    print_examples(report);
}

static void print_sockets(const struct load_report *report)
{
    const struct load_socket_counts *sockets = &report->stats->sockets;
    printf("%-16s reconnects %" PRIu64 "  resets %" PRIu64 "  drains %" PRIu64 "  errors %" PRIu64
           "  violations %" PRIu64 "  refused for good %" PRIu64 "\n",
           "sockets' fate", sockets->reconnects, sockets->resets, sockets->drains, sockets->errors,
           sockets->violations, sockets->refused);
    print_closes(sockets);
    printf("%-16s %" PRIu64 " of %" PRIu64 " sockets were current at the end\n", "current",
           sockets->live, sockets->followed);
    printf("%-16s heartbeats %" PRIu64 " (oldest view %" PRIu64 " ms)  presence %" PRIu64
           "  figures %" PRIu64 "\n",
           "conflated", sockets->heartbeats, sockets->oldest_view_ms, sockets->presences,
           sockets->figures);
    if (sockets->cuts > 0)
        printf("%-16s %" PRIu64 " connections cut\n", "jitter", sockets->cuts);
    print_stalled(report);
    if (sockets->last_error[0])
        printf("%-16s %s\n", "last error", sockets->last_error);
}

static void print_work(const struct load_report *report)
{
    const struct load_stats *stats = report->stats;
    printf("\n%-16s %" PRIu64 " in %.1f s (%.0f/s)\n", "sockets", report->sockets,
           report->connect_seconds,
           report->connect_seconds > 0 ? (double)report->sockets / report->connect_seconds : 0);
    print_posts("orders", &stats->orders);
    print_posts("status changes", &stats->changes);
    printf("%-16s %" PRIu64 " attempts after an unknown outcome\n", "retries", stats->retries);
    printf("%-16s to tablets %" PRIu64 "  to customers %" PRIu64 "  to dashboards %" PRIu64
           "  (alerts among them %" PRIu64 ")\n",
           "delivered", stats->to_tablets, stats->to_customers, stats->to_dashboards,
           stats->alerts);
}

void load_report_print(const struct load_report *report)
{
    const char *warning = load_report_warning(report);
    print_work(report);
    print_verdict(report);
    print_sockets(report);
    if (report->stats->kitchen_idle)
        printf("%-16s %" PRIu64 " status changes were due when no followed order could take one\n",
               "note", report->stats->kitchen_idle);
    print_latencies(report);
    print_stages(report);
    print_accounts(report);
    if (warning)
        printf("\nwarning: %s\n", warning);
    printf("\n%s\n", load_stats_are_good(report->stats)
                         ? "good: every acknowledged event reached every socket once, in order"
                         : "BAD: see the verdict above");
}

/* --- the files --- */

static bool write_file(const char *path, const struct osy_buffer *text, struct osy_error *err)
{
    FILE *file = fopen(path, "we");
    bool ok = file && fwrite(text->bytes, 1, text->length, file) == text->length;
    ok = file && fclose(file) == 0 && ok;
    return ok || osy_error_set(err, OSY_ERR_IO, "%s: %s", path, strerror(errno));
}

static bool write_into(const char *folder, const char *name, const struct osy_buffer *text,
                       struct osy_error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return write_file(path, text, err);
}

bool load_report_check(const struct load_report *report, struct osy_error *err)
{
    const char *folder = report->options->out, *json = report->options->json;
    if (folder && ((mkdir(folder, 0777) && errno != EEXIST) || access(folder, W_OK | X_OK)))
        return osy_error_set(err, OSY_ERR_IO, "--out: %s: %s", folder, strerror(errno));
    FILE *file = json ? fopen(json, "ae") : NULL;
    if (json && !file)
        return osy_error_set(err, OSY_ERR_IO, "--json: %s: %s", json, strerror(errno));
    return !file || fclose(file) == 0;
}

static bool write_folder(const char *folder, const struct osy_buffer *json, struct osy_error *err)
{
    struct osy_buffer page = OSY_BUFFER_INIT;
    load_page_write(&page, json->bytes, json->length);
    bool ok = write_into(folder, "report.json", json, err) &&
              write_into(folder, "report.html", &page, err);
    osy_buffer_deinit(&page);
    return ok;
}

bool load_report_write(const struct load_report *report, struct osy_error *err)
{
    const struct load_options *options = report->options;
    struct osy_buffer json = OSY_BUFFER_INIT;
    load_report_json(report, &json);
    bool ok = (!options->json || write_file(options->json, &json, err)) &&
              (!options->out || write_folder(options->out, &json, err));
    osy_buffer_deinit(&json);
    if (ok && options->out)
        printf("report: %s/report.html\n", options->out);
    return ok;
}
