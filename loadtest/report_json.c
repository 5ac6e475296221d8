/* The report as JSON: what --json, --out and `compare` have in common. See loadtest/README.md, "The figures as JSON". */
#include "loadtest/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shared/clock.h"

static const struct {
    const char *key;
    double quantile;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"max", 1}};

/* Of the curves: dense where they bend. */
static const double curve[] = {0,      0.1,    0.2,     0.3,     0.4,   0.5,   0.6,    0.7,
                               0.75,   0.8,    0.85,    0.9,     0.925, 0.95,  0.965,  0.98,
                               0.99,   0.9925, 0.995,   0.9965,  0.998, 0.999, 0.9993, 0.9995,
                               0.9997, 0.9999, 0.99995, 0.99999, 1};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static double milliseconds(uint64_t us)
{
    return (double)us / 1000;
}

static void separate(struct osy_buffer *out)
{
    char last = out->length ? out->bytes[out->length - 1] : '{';
    if (last != '{' && last != '[')
        osy_buffer_char(out, ',');
}

static void write_key(struct osy_buffer *out, const char *key)
{
    separate(out);
    osy_buffer_json_string(out, key);
    osy_buffer_char(out, ':');
}

static void write_count(struct osy_buffer *out, const char *key, uint64_t value)
{
    write_key(out, key);
    osy_buffer_u64(out, value);
}

static void write_decimal(struct osy_buffer *out, const char *key, double value)
{
    write_key(out, key);
    osy_buffer_printf(out, "%.3f", isfinite(value) ? value : 0); /* JSON has no other numbers */
}

static void write_text(struct osy_buffer *out, const char *key, const char *value)
{
    write_key(out, key);
    osy_buffer_json_string(out, value);
}

static void write_bool(struct osy_buffer *out, const char *key, bool value)
{
    write_key(out, key);
    osy_buffer_text(out, value ? "true" : "false");
}

static void open_object(struct osy_buffer *out, const char *key)
{
    write_key(out, key);
    osy_buffer_char(out, '{');
}

static void open_array(struct osy_buffer *out, const char *key)
{
    write_key(out, key);
    osy_buffer_char(out, '[');
}

static void open_element(struct osy_buffer *out)
{
    separate(out);
    osy_buffer_char(out, '{');
}

static void write_posts(struct osy_buffer *out, const char *key, const struct load_posts *posts)
{
    open_object(out, key);
    write_count(out, "offered", posts->offered);
    write_count(out, "accepted", posts->accepted);
    write_count(out, "unanswered", posts->unanswered);
    open_object(out, "refused");
    for (int status = 0; status < LOAD_STATUSES; status++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", status);
        if (posts->refused[status])
            write_count(out, name, posts->refused[status]);
    }
    osy_buffer_text(out, "}}");
}

static void write_phases(struct osy_buffer *out, const struct load_options *options)
{
    open_array(out, "phases");
    for (size_t i = 0; i < options->phase_count; i++) {
        open_element(out);
        write_text(out, "name", options->phases[i].name);
        write_decimal(out, "seconds", options->phases[i].seconds);
        write_decimal(out, "from", options->phases[i].from);
        write_decimal(out, "to", options->phases[i].to);
        write_decimal(out, "cut", options->phases[i].cut);
        write_decimal(out, "away", (double)options->phases[i].away_ms / 1000);
        osy_buffer_char(out, '}');
    }
    osy_buffer_char(out, ']');
}

/* The means before each step; none of a kitchen that changes orders at random. */
static void write_cook(struct osy_buffer *out, const struct load_cook *cook)
{
    open_array(out, "cook_s");
    for (size_t i = 0; cook->is_set && i < LOAD_COOK_STEPS; i++) {
        separate(out);
        osy_buffer_printf(out, "%.3f", cook->mean_s[i]);
    }
    osy_buffer_char(out, ']');
}

/*
 * All that the load was asked to be: `compare` tells by it whether runs answer the same question. Of the scenario the
 * file's name alone: where it lies is nobody's business.
 */
static void write_options(struct osy_buffer *out, const struct load_options *options)
{
    const char *scenario = options->scenario ? options->scenario : "";
    const char *slash = strrchr(scenario, '/');
    open_object(out, "options");
    write_text(out, "scenario", slash ? slash + 1 : scenario);
    write_count(out, "tablets", (uint64_t)options->tablets);
    write_count(out, "customers", (uint64_t)options->customers);
    write_count(out, "dashboards", (uint64_t)options->dashboards);
    write_count(out, "stalled", (uint64_t)options->stalled);
    write_count(out, "restaurants", (uint64_t)options->restaurants);
    write_decimal(out, "rate", options->rate);
    write_decimal(out, "kitchen", options->kitchen);
    write_decimal(out, "skew", options->skew);
    write_bool(out, "ack", options->ack);
    write_bool(out, "walk_in", options->walk_in);
    write_cook(out, &options->cook);
    write_decimal(out, "jitter_s", (double)options->jitter.every_ms / 1000);
    write_decimal(out, "jitter_away_s", (double)options->jitter.for_ms / 1000);
    write_count(out, "stall_after", (uint64_t)options->stall_after);
    write_count(out, "ramp", (uint64_t)options->ramp);
    write_count(out, "seconds", (uint64_t)options->seconds);
    write_phases(out, options);
    osy_buffer_char(out, '}');
}

/* No name of it, and of nobody: behind its number a kernel's release has whatever its builder likes. */
static void write_machine(struct osy_buffer *out)
{
    struct utsname system = {.release = ""};
    uname(&system);
    system.release[strcspn(system.release, "-")] = '\0';
    open_object(out, "machine");
    write_count(out, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    write_text(out, "system", system.sysname);
    write_text(out, "release", system.release);
    write_text(out, "processor", system.machine);
    osy_buffer_char(out, '}');
}

static void write_verdict(struct osy_buffer *out, const struct load_stats *stats)
{
    write_bool(out, "good", load_stats_are_good(stats));
    write_count(out, "lost", stats->lost);
    write_count(out, "duplicated", stats->duplicated);
    write_count(out, "duplicated_after_filter", stats->duplicated_after_filter);
    write_count(out, "out_of_order", stats->out_of_order);
    write_count(out, "behind", stats->behind);
    write_count(out, "leaked", stats->leaked);
    write_count(out, "foreign", stats->foreign);
    write_count(out, "delivered_to_tablets", stats->to_tablets);
    write_count(out, "delivered_to_customers", stats->to_customers);
    write_count(out, "delivered_to_dashboards", stats->to_dashboards);
    write_count(out, "alerts", stats->alerts);
    write_count(out, "retries", stats->retries);
}

static void write_sockets(struct osy_buffer *out, const struct load_report *report)
{
    const struct load_socket_counts *sockets = &report->stats->sockets;
    open_object(out, "sockets");
    write_count(out, "opened", report->sockets);
    write_decimal(out, "connect_seconds", report->connect_seconds);
    write_count(out, "reconnects", sockets->reconnects);
    write_count(out, "resets", sockets->resets);
    write_count(out, "drains", sockets->drains);
    write_count(out, "errors", sockets->errors);
    write_count(out, "violations", sockets->violations);
    write_count(out, "refused", sockets->refused);
    write_count(out, "followed", sockets->followed);
    write_count(out, "current", sockets->live);
    write_count(out, "cuts", sockets->cuts);
    write_count(out, "heartbeats", sockets->heartbeats);
    write_count(out, "presences", sockets->presences);
    write_count(out, "figures", sockets->figures);
    write_count(out, "oldest_view_ms", sockets->oldest_view_ms);
    open_object(out, "closes");
    for (size_t i = 0; i < LOAD_CLOSE_CODES && sockets->closes[i].count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", sockets->closes[i].code);
        write_count(out, name, sockets->closes[i].count);
    }
    osy_buffer_text(out, "}}");
}

/* --- latencies --- */

static void write_latency(struct osy_buffer *out, const char *key,
                          const struct load_histogram *histogram)
{
    open_object(out, key);
    write_count(out, "count", histogram->total);
    write_decimal(out, "mean", load_histogram_mean(histogram) / 1000);
    for (size_t i = 0; i < COUNT(quantiles); i++)
        write_decimal(out, quantiles[i].key,
                      milliseconds(load_histogram_quantile(histogram, quantiles[i].quantile)));
    osy_buffer_char(out, '}');
}

static void write_latencies(struct osy_buffer *out, const struct load_report *report,
                            const struct load_histogram *all)
{
    const struct load_stats *stats = report->stats;
    open_object(out, "latency_ms");
    for (size_t i = 0; i < LOAD_LATENCIES; i++)
        write_latency(out, load_latency_names[i].key, &stats->latencies[i]);
    write_latency(out, "post_to_socket", all);
    write_latency(out, "post_to_socket_before", &stats->to_socket[LOAD_PART_BEFORE]);
    write_latency(out, "post_to_socket_marked", &stats->to_socket[LOAD_PART_MARKED]);
    write_latency(out, "post_to_socket_after", &stats->to_socket[LOAD_PART_AFTER]);
    osy_buffer_char(out, '}');
}

static void write_curve(struct osy_buffer *out, const char *title,
                        const struct load_histogram *histogram)
{
    if (histogram->total == 0)
        return;
    open_element(out);
    write_text(out, "title", title);
    open_array(out, "points");
    for (size_t i = 0; i < COUNT(curve); i++) {
        separate(out);
        osy_buffer_printf(out, "[%g,%.3f]", curve[i],
                          milliseconds(load_histogram_quantile(histogram, curve[i])));
    }
    osy_buffer_text(out, "]}");
}

static void write_curves(struct osy_buffer *out, const struct load_report *report,
                         const struct load_histogram *all)
{
    static const enum load_latency shown[] = {
        LOAD_LATENCY_ORDER_REPLY, LOAD_LATENCY_ORDER_TO_TABLET, LOAD_LATENCY_CHANGE_TO_CUSTOMER};
    open_array(out, "curves");
    write_curve(out, "POST -> socket, all", all);
    for (size_t i = 0; i < COUNT(shown); i++)
        write_curve(out, load_latency_names[shown[i]].title, &report->stats->latencies[shown[i]]);
    osy_buffer_char(out, ']');
}

static void write_stage(struct osy_buffer *out, const char *key, const char *title,
                        const struct load_stage_histogram *stage)
{
    open_object(out, key);
    write_text(out, "title", title);
    write_count(out, "count", stage->total);
    write_decimal(out, "mean", 1e3 * load_stage_mean(stage));
    write_decimal(out, "p50", 1e3 * load_stage_quantile(stage, 0.5));
    write_decimal(out, "p90", 1e3 * load_stage_quantile(stage, 0.9));
    write_decimal(out, "p99", 1e3 * load_stage_quantile(stage, 0.99));
    osy_buffer_char(out, '}');
}

static void write_stages(struct osy_buffer *out, const struct load_report *report)
{
    struct load_breakdown parts = load_report_breakdown(report);
    open_object(out, "stages_ms");
    for (size_t i = 0; i < LOAD_STAGES && report->stages.is_known; i++)
        write_stage(out, load_stage_keys[i], load_stage_titles[i], &report->stages.of[i]);
    osy_buffer_char(out, '}');
    open_object(out, "breakdown_ms");
    if (parts.is_known) {
        write_decimal(out, "total", parts.total);
        write_decimal(out, "generator", parts.generator);
        write_decimal(out, "commit", parts.commit);
        write_decimal(out, "publish", parts.publish);
        write_decimal(out, "write", parts.write);
        write_decimal(out, "rest", parts.rest);
    }
    osy_buffer_char(out, '}');
}

static void write_stalled(struct osy_buffer *out, const struct load_stalled_counts *stalled)
{
    open_object(out, "stalled");
    write_count(out, "closed", stalled->closed);
    write_count(out, "told", stalled->told);
    write_count(out, "open", stalled->open);
    write_count(out, "closed_early", stalled->closed_early);
    write_latency(out, "held_ms", &stalled->held);
    osy_buffer_char(out, '}');
}

/* --- what it cost --- */

static void write_account(struct osy_buffer *out, const struct load_report *report,
                          const struct load_account *account, const struct load_work *work)
{
    uint64_t cpu_us = load_balance_cpu_us(&report->ready, account);
    write_count(out, "cpu_ms", cpu_us / 1000);
    if (work->orders > 0)
        write_decimal(out, "cpu_us_per_order", (double)cpu_us / (double)work->orders);
    if (work->deliveries > 0)
        write_decimal(out, "cpu_us_per_delivery", (double)cpu_us / (double)work->deliveries);
    write_count(out, "resident_kb", account->resident_kb);
    write_count(out, "proportional_kb", account->proportional_kb);
    write_count(out, "processes", account->processes);
}

static void write_accounts(struct osy_buffer *out, const struct load_report *report)
{
    const struct load_balance *after = &report->after;
    const struct load_work work = load_report_work(report);
    open_object(out, "processes");
    for (size_t i = 0; i < after->group_count; i++) {
        open_object(out, after->groups[i].name);
        write_account(out, report, &after->groups[i], &work);
        osy_buffer_char(out, '}');
    }
    osy_buffer_char(out, '}');
    open_array(out, "each");
    for (size_t i = 0; i < after->process_count; i++) {
        open_element(out);
        write_text(out, "name", after->processes[i].name);
        write_account(out, report, &after->processes[i], &work);
        osy_buffer_char(out, '}');
    }
    osy_buffer_char(out, ']');
}

static void write_costs(struct osy_buffer *out, const struct load_report *report)
{
    struct load_socket_cost cost = load_report_socket_cost(report);
    const struct load_work work = load_report_work(report);
    open_object(out, "in_load");
    write_count(out, "orders", work.orders);
    write_count(out, "changes", work.changes);
    write_count(out, "deliveries", work.deliveries);
    osy_buffer_char(out, '}');
    open_object(out, "memory_per_socket");
    write_decimal(out, "resident", cost.resident);
    write_decimal(out, "proportional", cost.proportional);
    osy_buffer_char(out, '}');
    open_object(out, "generators");
    write_count(out, "count", report->fleet->count);
    write_decimal(out, "busiest_of_a_core", load_report_busiest(report));
    write_text(out, "warning", load_report_warning(report));
    osy_buffer_char(out, '}');
    write_accounts(out, report);
}

static void write_moment(struct osy_buffer *out, const struct load_moment *moment, size_t groups)
{
    open_element(out);
    write_decimal(out, "at", moment->at_s);
    write_decimal(out, "orders", (double)moment->orders / moment->seconds);
    write_decimal(out, "changes", (double)moment->changes / moment->seconds);
    write_decimal(out, "deliveries", (double)moment->deliveries / moment->seconds);
    write_count(out, "live", moment->live);
    write_decimal(out, "p50", milliseconds(moment->p50_us));
    write_decimal(out, "p99", milliseconds(moment->p99_us));
    write_decimal(out, "max", milliseconds(moment->most_us));
    open_array(out, "cpu");
    for (size_t i = 0; i < groups; i++) {
        separate(out);
        osy_buffer_printf(out, "%.1f", (double)moment->cpu_us[i] / (1e4 * moment->seconds));
    }
    osy_buffer_char(out, ']');
    open_array(out, "resident_mb");
    for (size_t i = 0; i < groups; i++) {
        separate(out);
        osy_buffer_printf(out, "%.1f", (double)moment->resident_kb[i] / 1024);
    }
    osy_buffer_text(out, "]}");
}

/* A last moment that is only a sliver would show rates that nobody had. */
static void write_series(struct osy_buffer *out, const struct load_report *report)
{
    open_object(out, "series");
    open_array(out, "groups");
    for (size_t i = 0; i < report->after.group_count; i++) {
        separate(out);
        osy_buffer_json_string(out, report->after.groups[i].name);
    }
    osy_buffer_char(out, ']');
    open_array(out, "moments");
    for (size_t i = 0; i < report->series.count; i++)
        if (report->series.moments[i].seconds >= 0.5)
            write_moment(out, &report->series.moments[i], report->after.group_count);
    osy_buffer_text(out, "]}");
}

void load_report_json(const struct load_report *report, struct osy_buffer *out)
{
    char started[OSY_TIME_TEXT_BYTES];
    struct load_histogram *all = load_report_to_socket(report);
    osy_time_format(report->started_ms, started);
    osy_buffer_char(out, '{');
    write_text(out, "version", ORDERSYNC_VERSION);
    write_text(out, "started_at", started);
    write_machine(out);
    write_options(out, report->options);
    write_verdict(out, report->stats);
    write_decimal(out, "load_seconds", report->load_seconds);
    write_posts(out, "orders", &report->stats->orders);
    write_posts(out, "changes", &report->stats->changes);
    write_sockets(out, report);
    write_stalled(out, &report->stats->stalled);
    write_latencies(out, report, all);
    write_stages(out, report);
    write_costs(out, report);
    write_curves(out, report, all);
    write_series(out, report);
    osy_buffer_text(out, "}\n");
    free(all);
}
