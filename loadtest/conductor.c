#include "loadtest/conductor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loadtest/fleet.h"
#include "loadtest/progress.h"
#include "loadtest/report.h"
#include "loadtest/slice.h"
#include "shared/alloc.h"
#include "shared/clock.h"

#define TURN_MS       20
#define MOMENT_NS     UINT64_C(1000000000)
#define HEAD_START_NS UINT64_C(100000000) /* from the word to begin to the beginning */

struct conductor {
    const struct load_options *options; /* borrowed */
    struct load_endpoint http, ws;
    struct osy_uuid *restaurants; /* owned */
    FILE *acknowledged;           /* owned; NULL: nowhere */
    struct load_fleet fleet;
    struct load_accounts *accounts;
    struct load_progress progress;
    struct load_report report;
    uint64_t start_ns;   /* of the sockets' opening */
    uint64_t moment_ns;  /* when the next one is over */
    enum load_step step; /* that has been dealt with */
    bool failed;
};

static double seconds_since(uint64_t ns, uint64_t now_ns)
{
    return now_ns > ns ? (double)(now_ns - ns) / 1e9 : 0;
}

static void sum_up(struct conductor *conductor)
{
    memset(conductor->report.stats, 0, sizeof(*conductor->report.stats));
    load_fleet_sum(&conductor->fleet, conductor->report.stats);
}

static void fail(struct conductor *conductor, const char *why)
{
    load_progress_end(&conductor->progress);
    fprintf(stderr, "ordersync-loadtest: %s\n", why);
    conductor->failed = true;
}

static void take_balance(struct conductor *conductor, bool with_proportional,
                         struct load_balance *balance)
{
    load_accounts_sample(conductor->accounts, with_proportional);
    load_accounts_copy(conductor->accounts, balance);
}

/* --- what happens on the way --- */

/* Every socket is open and nothing is sent yet: measure what there is, then let them all begin at once. */
static void begin_load(struct conductor *conductor)
{
    struct load_report *report = &conductor->report;
    sum_up(conductor);
    report->sockets = report->stats->sockets.opened;
    report->connect_seconds = seconds_since(conductor->start_ns, osy_clock_monotonic_ns());
    take_balance(conductor, true, &report->ready);
    load_stages_read(&report->stages_before);
    uint64_t begin_ns = osy_clock_monotonic_ns() + HEAD_START_NS;
    conductor->moment_ns = begin_ns + MOMENT_NS;
    atomic_store(&conductor->fleet.board->begin_ns, begin_ns);
    load_series_begin(&report->series, report->stats, &report->ready);
}

static double load_seconds(const struct conductor *conductor)
{
    return seconds_since(atomic_load(&conductor->fleet.board->begin_ns), osy_clock_monotonic_ns());
}

static void note_moment(struct conductor *conductor, struct load_balance *balance)
{
    sum_up(conductor);
    load_series_note(&conductor->report.series, load_seconds(conductor), conductor->report.stats,
                     balance);
}

static void end_load(struct conductor *conductor)
{
    struct load_report *report = &conductor->report;
    report->load_seconds = load_seconds(conductor);
    take_balance(conductor, true, &report->after);
    note_moment(conductor, &report->after);
}

/* A step that all generators have reached: LOAD, which they begin by themselves, counts from READY. */
static void on_step(struct conductor *conductor, enum load_step step)
{
    if (step >= LOAD_STEP_MENUS && conductor->step < LOAD_STEP_MENUS)
        conductor->start_ns = osy_clock_monotonic_ns();
    if (step >= LOAD_STEP_READY && conductor->step < LOAD_STEP_READY)
        begin_load(conductor);
    if (step >= LOAD_STEP_SETTLE && conductor->step < LOAD_STEP_SETTLE)
        end_load(conductor);
    conductor->step = step > conductor->step ? step : conductor->step;
}

static void tell(struct conductor *conductor)
{
    sum_up(conductor);
    load_progress_tell(&conductor->progress, load_fleet_step(&conductor->fleet),
                       conductor->report.stats);
}

/* The first Ctrl-C ends the load and judges what there is; the second, or an early one, ends all. */
static void on_interrupt(struct conductor *conductor)
{
    struct load_board *board = conductor->fleet.board;
    if (load_fleet_step(&conductor->fleet) < LOAD_STEP_LOAD || atomic_load(&board->is_over))
        fail(conductor, "interrupted");
    atomic_store(&board->is_over, true);
}

static void on_signal(struct conductor *conductor, int number)
{
    struct load_board *board = conductor->fleet.board;
    switch (number) {
    case SIGINT: on_interrupt(conductor); break;
    case SIGUSR1: atomic_store(&board->is_marked, !atomic_load(&board->is_marked)); break;
    case SIGUSR2: tell(conductor); break;
    default: break;
    }
}

static void tick(struct conductor *conductor)
{
    struct osy_error err = {0};
    uint64_t now_ns = osy_clock_monotonic_ns();
    if (!load_fleet_reap(&conductor->fleet, &err)) {
        fail(conductor, err.message);
        return;
    }
    enum load_step step = load_fleet_step(&conductor->fleet);
    if (load_progress_is_due(&conductor->progress, step))
        tell(conductor);
    if (step > conductor->step)
        on_step(conductor, step);
    if (conductor->step < LOAD_STEP_READY || conductor->step >= LOAD_STEP_SETTLE ||
        now_ns < conductor->moment_ns)
        return;
    struct load_balance balance = {0};
    take_balance(conductor, false, &balance);
    note_moment(conductor, &balance);
    load_balance_deinit(&balance);
    conductor->moment_ns += MOMENT_NS;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
    sigprocmask(SIG_BLOCK, set, NULL);
}

/* Signals are taken here and nowhere else, so none comes at a wrong moment. */
static void watch(struct conductor *conductor, const sigset_t *signals)
{
    const struct timespec turn = {.tv_nsec = TURN_MS * 1000000L};
    while (!conductor->failed && !load_fleet_has_ended(&conductor->fleet)) {
        int number = sigtimedwait(signals, NULL, &turn);
        if (number > 0)
            on_signal(conductor, number);
        tick(conductor);
    }
}

/* --- before and after --- */

static bool resolve(struct load_endpoint *endpoint, const char *scheme, const char *given,
                    const char *variable, struct osy_error *err)
{
    const char *url = given ? given : getenv(variable);
    if (!url)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "%s is not set: is the stack up (deploy/local/up --detach)?",
                             variable);
    return load_endpoint_parse(endpoint, scheme, url, err);
}

/* Several processes append to it, each a whole line at once. */
static bool open_acknowledged(struct conductor *conductor, struct osy_error *err)
{
    const char *path = conductor->options->acknowledged;
    if (!path)
        return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    conductor->acknowledged = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (!conductor->acknowledged)
        return osy_error_set(err, OSY_ERR_IO, "--acknowledged: %s: %s", path, strerror(errno));
    setvbuf(conductor->acknowledged, NULL, _IOLBF, BUFSIZ);
    return true;
}

static bool prepare(struct conductor *conductor, struct osy_error *err)
{
    const struct load_options *options = conductor->options;
    size_t count = load_slice_count(options, (size_t)sysconf(_SC_NPROCESSORS_ONLN));
    if (!load_report_check(&conductor->report, err) ||
        !resolve(&conductor->http, "http", options->url, "EDGE_URL", err) ||
        !resolve(&conductor->ws, "ws", options->ws, "WS_URL", err) ||
        !load_fleet_init(&conductor->fleet, options, count, err))
        return false;
    printf("seeding %ld restaurants; %zu generator%s\n", options->restaurants, count,
           count > 1 ? "s" : "");
    fflush(stdout);
    conductor->restaurants =
        osy_alloc_array((size_t)options->restaurants, sizeof(*conductor->restaurants));
    return load_restaurants_seed(conductor->restaurants, (size_t)options->restaurants, err) &&
           open_acknowledged(conductor, err);
}

static bool start(struct conductor *conductor, struct osy_error *err)
{
    const struct load_assignment common = {
        .http = &conductor->http,
        .ws = &conductor->ws,
        .restaurants = conductor->restaurants,
        .restaurant_count = (size_t)conductor->options->restaurants,
        .acknowledged = conductor->acknowledged,
    };
    pid_t pids[LOAD_GENERATORS_MAX];
    if (!load_fleet_start(&conductor->fleet, &common, err))
        return false;
    for (size_t i = 0; i < conductor->fleet.count; i++)
        pids[i] = conductor->fleet.generators[i].pid;
    load_accounts_add(conductor->accounts, pids, conductor->fleet.count);
    take_balance(conductor, true, &conductor->report.before);
    load_progress_begin(&conductor->progress, osy_clock_monotonic_ns());
    return true;
}

/* The servers' histograms are asked for last: what settles after the load belongs to it. */
static bool report(struct conductor *conductor, struct osy_error *err)
{
    struct load_report *report = &conductor->report;
    sum_up(conductor);
    load_stages_read(&report->stages);
    load_stages_subtract(&report->stages, &report->stages_before);
    load_progress_end(&conductor->progress);
    load_report_print(report);
    return load_report_write(report, err);
}

static void release(struct conductor *conductor)
{
    load_fleet_deinit(&conductor->fleet);
    load_accounts_destroy(conductor->accounts);
    load_report_deinit(&conductor->report);
    if (conductor->acknowledged)
        fclose(conductor->acknowledged);
    free(conductor->restaurants);
    free(conductor);
}

int load_conduct(const struct load_options *options)
{
    struct conductor *conductor = osy_alloc(sizeof(*conductor));
    struct osy_error err = {0};
    sigset_t signals;
    conductor->options = options;
    conductor->accounts = load_accounts_create(options->env);
    load_report_init(&conductor->report, options, &conductor->fleet);
    bool ok = prepare(conductor, &err);
    if (ok) {
        block_signals(&signals);
        ok = start(conductor, &err);
    }
    if (ok) {
        watch(conductor, &signals);
        ok = !conductor->failed && report(conductor, &err) &&
             load_stats_are_good(conductor->report.stats);
    }
    if (err.message[0])
        fprintf(stderr, "ordersync-loadtest: %s\n", err.message);
    release(conductor);
    return ok ? 0 : 1;
}
