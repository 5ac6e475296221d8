#include "loadtest/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/clock.h"

#define TERMINAL_S 1
#define PLAIN_S    5

static const char *const steps[] = {
    [LOAD_STEP_PREPARE] = "prepare", [LOAD_STEP_MENUS] = "menus",
    [LOAD_STEP_TABLETS] = "tablets", [LOAD_STEP_DASHBOARDS] = "dashboards",
    [LOAD_STEP_STALLED] = "stalled", [LOAD_STEP_CUSTOMERS] = "customers",
    [LOAD_STEP_READY] = "ready",     [LOAD_STEP_LOAD] = "load",
    [LOAD_STEP_SETTLE] = "settle",   [LOAD_STEP_TRUTH] = "truth",
    [LOAD_STEP_DONE] = "done",
};

void load_progress_begin(struct load_progress *progress, uint64_t now_ns)
{
    *progress = (struct load_progress){
        .is_terminal = isatty(STDOUT_FILENO),
        .start_ns = now_ns,
        .step = LOAD_STEP_DONE, /* so that the first step is new */
    };
}

bool load_progress_is_due(const struct load_progress *progress, enum load_step step)
{
    uint64_t every_s = progress->is_terminal ? TERMINAL_S : PLAIN_S;
    return step != progress->step ||
           osy_clock_monotonic_ns() - progress->told_ns >= every_s * UINT64_C(1000000000);
}

/* A line that is longer than the terminal is wide would not be drawn over but scroll. */
static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void print_line(const struct load_progress *progress, char *line)
{
    if (!progress->is_terminal) {
        puts(line);
    } else {
        size_t columns = terminal_columns();
        if (strlen(line) > columns)
            line[columns] = '\0';
        printf("\r%s\x1b[K", line);
    }
    fflush(stdout);
}

void load_progress_tell(struct load_progress *progress, enum load_step step,
                        const struct load_stats *stats)
{
    char line[512];
    uint64_t now_ns = osy_clock_monotonic_ns(), deliveries = load_stats_delivered(stats);
    uint64_t orders = stats->orders.accepted;
    double since_s = (double)(now_ns - progress->told_ns) / 1e9;
    uint64_t p99_us =
        load_histogram_quantile(&stats->latencies[LOAD_LATENCY_ORDER_TO_TABLET], 0.99);
    snprintf(line, sizeof(line),
             "%-10s %5.0f s  live %" PRIu64 "  orders %" PRIu64 "/%" PRIu64
             " (%.0f/s)  events %" PRIu64 " (%.0f/s)  reconnects %" PRIu64
             "  POST->tablet p99 %.1f ms",
             steps[step], (double)(now_ns - progress->start_ns) / 1e9, stats->sockets.live, orders,
             stats->orders.offered, (double)(orders - progress->orders) / since_s, deliveries,
             (double)(deliveries - progress->deliveries) / since_s, stats->sockets.reconnects,
             (double)p99_us / 1000);
    print_line(progress, line);
    progress->step = step;
    progress->told_ns = now_ns;
    progress->orders = orders;
    progress->deliveries = deliveries;
}

void load_progress_end(struct load_progress *progress)
{
    if (progress->is_terminal && progress->told_ns > 0)
        putchar('\n');
    fflush(stdout);
    progress->told_ns = 0;
}
