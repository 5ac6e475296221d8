#include "loadtest/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loadtest/pacer.h"
#include "loadtest/processes.h"
#include "loadtest/report.h"
#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/json.h"

#define TICK_MS           1
#define HTTP_CONNECTIONS  256
#define CONNECTING_MOST   512 /* sockets between their first byte and live, while ramping up */
#define STUCK_S           60  /* the ramp gives up after so long without one more live socket */
#define TRUTH_EVERY_S     1
#define TOKEN_SPARE_S     900 /* tokens outlive the ramp and the settling by so much */
#define SPARE_DESCRIPTORS 64
#define GOODBYE_MS        1000

/*
 * MENUS -> TABLETS -> DASHBOARDS -> STALLED -> CUSTOMERS -> LOAD -> SETTLE -> TRUTH -> done; TRUTH goes
 * back to SETTLE while a stream is behind and there is time. Each phase is a row of the table below.
 */
enum phase {
    PHASE_MENUS = 0,
    PHASE_TABLETS,
    PHASE_DASHBOARDS,
    PHASE_STALLED,
    PHASE_CUSTOMERS,
    PHASE_LOAD,
    PHASE_SETTLE,
    PHASE_TRUTH,
    PHASE_DONE,
};

struct session {
    struct load_run run;
    uv_timer_t tick, progress;
    uv_signal_t interrupt, mark, question;
    enum phase phase;
    uint64_t start_ns, phase_ns, load_ns; /* when the run, the phase, the load began */
    struct load_pacer ramp, orders, changes;
    size_t started;        /* clients of the phase's kind */
    size_t best_live;      /* to notice a ramp that stalls */
    uint64_t best_live_ns; /* when that many were reached */
    uint64_t settle_until_ns;
    size_t truths_pending; /* restaurants whose position has been asked for */
    uint64_t behind;       /* streams that are not there, as far as asked */
    struct load_processes before, after;
    bool failed;
};

static double seconds_since(uint64_t ns, uint64_t now_ns)
{
    return (double)(now_ns - ns) / 1e9;
}

static size_t tablet_count(const struct session *session)
{
    return (size_t)session->run.options->tablets;
}

static size_t dashboard_count(const struct session *session)
{
    return (size_t)session->run.options->dashboards;
}

static size_t customer_count(const struct session *session)
{
    return (size_t)session->run.options->customers;
}

static void enter(struct session *session, enum phase phase);

static void fail(struct session *session, const char *why)
{
    fprintf(stderr, "\nordersync-loadtest: %s\n", why);
    session->failed = true;
    enter(session, PHASE_DONE);
}

/* --- the phases --- */

static void enter_menus(struct session *session)
{
    load_restaurants_load_menus(&session->run.restaurants, session->run.calls);
}

static bool tick_menus(struct session *session, uint64_t now_ns)
{
    const struct load_restaurants *restaurants = &session->run.restaurants;
    (void)now_ns;
    if (restaurants->failed)
        fail(session, "a restaurant's menu did not come, or has nothing that can be ordered");
    return restaurants->with_menu == restaurants->count;
}

static void enter_ramp(struct session *session)
{
    uint64_t now_ns = osy_clock_monotonic_ns();
    session->started = 0;
    session->best_live_ns = now_ns;
    load_pacer_start(&session->ramp, (double)session->run.options->ramp, now_ns);
}

static bool is_stuck(struct session *session, uint64_t now_ns)
{
    size_t live = session->run.feeds.live + session->run.stalled.live;
    if (live > session->best_live) {
        session->best_live = live;
        session->best_live_ns = now_ns;
    }
    return seconds_since(session->best_live_ns, now_ns) > STUCK_S;
}

/* Starts what is due while not too many are on their way. */
static bool tick_ramp(struct session *session, uint64_t now_ns, size_t count, size_t live,
                      void (*start)(struct session *session, size_t index))
{
    uint64_t due_ns;
    while (session->started < count && session->started - live < CONNECTING_MOST &&
           load_pacer_take(&session->ramp, now_ns, &due_ns))
        start(session, session->started++);
    if (session->run.failed_starts > 0)
        fail(session, "the API refused a tablet's list or a customer's first order");
    else if (is_stuck(session, now_ns))
        fail(session, "no more sockets come up");
    return live == count;
}

static void start_tablet(struct session *session, size_t index)
{
    load_tablet_start(&session->run.tablets[index], &session->run,
                      index % session->run.restaurants.count);
}

static bool tick_tablets(struct session *session, uint64_t now_ns)
{
    return tick_ramp(session, now_ns, tablet_count(session), session->run.feeds.live, start_tablet);
}

static void start_dashboard(struct session *session, size_t index)
{
    load_dashboard_start(&session->run.dashboards[index]);
}

static bool tick_dashboards(struct session *session, uint64_t now_ns)
{
    size_t count = dashboard_count(session);
    size_t others = tablet_count(session), live = session->run.feeds.live;
    return tick_ramp(session, now_ns, count, live > others ? live - others : 0, start_dashboard);
}

static void start_stalled(struct session *session, size_t index)
{
    load_stalled_start(&session->run.stalled, index);
}

static bool tick_stalled(struct session *session, uint64_t now_ns)
{
    return tick_ramp(session, now_ns, session->run.stalled.count, session->run.stalled.live,
                     start_stalled);
}

/* All who watch restaurants are there, and nothing of ours has been ordered yet: from here on every
 * event counts. */
static void enter_customers(struct session *session)
{
    for (size_t i = 0; i < tablet_count(session); i++)
        load_tablet_judge(&session->run.tablets[i]);
    for (size_t i = 0; i < dashboard_count(session); i++)
        load_dashboard_judge(&session->run.dashboards[i]);
    enter_ramp(session);
}

static void start_customer(struct session *session, size_t index)
{
    struct load_customer *customer = &session->run.customers[index];
    load_customer_init(customer, &session->run, index % session->run.restaurants.count);
    load_customer_order(customer, 0);
}

static bool tick_customers(struct session *session, uint64_t now_ns)
{
    return tick_ramp(session, now_ns, customer_count(session), session->run.customers_ready,
                     start_customer);
}

static void enter_load(struct session *session)
{
    struct load_run *run = &session->run;
    uint64_t now_ns = osy_clock_monotonic_ns();
    session->load_ns = now_ns;
    run->stats.is_measuring = true;
    run->stats.sockets = run->feeds.opened;
    run->stats.connect_seconds = seconds_since(session->start_ns, now_ns);
    load_processes_sample(&session->before, run->options->env);
    load_pacer_start(&session->orders, run->options->rate, now_ns);
    load_pacer_start(&session->changes, run->options->kitchen, now_ns);
    load_feeds_cut(&run->feeds, run->options->jitter.every_ms, run->options->jitter.for_ms);
}

/* While some of them are held, deliveries to the others are kept apart by the mark. */
static void tick_stall(struct session *session, uint64_t now_ns)
{
    struct load_run *run = &session->run;
    struct load_stalled *stalled = &run->stalled;
    if (stalled->count == 0)
        return;
    if (stalled->stalled_ns > 0) {
        if (stalled->open == 0 && stalled->held_mark)
            run->stats.is_marked = stalled->held_mark = false;
    } else if (seconds_since(session->load_ns, now_ns) >= (double)run->options->stall_after) {
        load_stalled_begin(stalled);
        run->stats.is_marked = stalled->held_mark = true;
    }
}

static void place_order(struct session *session, uint64_t due_ns)
{
    struct load_run *run = &session->run;
    size_t number = (size_t)session->orders.launched - 1;
    if (customer_count(session) > 0)
        load_customer_order(&run->customers[number % customer_count(session)], due_ns);
    else
        load_walk_in_order(run, number % run->restaurants.count, due_ns);
}

static bool tick_load(struct session *session, uint64_t now_ns)
{
    uint64_t due_ns;
    double length = (double)session->run.options->seconds;
    tick_stall(session, now_ns);
    uint64_t end_ns = session->load_ns + (uint64_t)(length * 1e9);
    uint64_t until_ns = now_ns < end_ns ? now_ns : end_ns - 1;
    while (load_pacer_take(&session->orders, until_ns, &due_ns))
        place_order(session, due_ns);
    while (load_pacer_take(&session->changes, until_ns, &due_ns))
        load_kitchen_change(&session->run, due_ns);
    return now_ns >= end_ns;
}

static void enter_settle(struct session *session)
{
    struct load_run *run = &session->run;
    uint64_t now_ns = osy_clock_monotonic_ns();
    if (session->settle_until_ns)
        return; /* back from TRUTH */
    run->stats.load_seconds = seconds_since(session->load_ns, now_ns);
    load_feeds_cut(&run->feeds, 0, 0);
    load_processes_sample(&session->after, run->options->env);
    session->settle_until_ns = now_ns + (uint64_t)run->options->settle * UINT64_C(1000000000);
}

static uint64_t count_missing_of(struct load_run *run, struct load_view *view, const size_t *unseen)
{
    size_t nobodys = view->resets == 0 ? unseen[view->restaurant] : 0;
    return load_view_lacks(run->ledger, view) + nobodys;
}

/* Events that are still missing somewhere, as a number of deliveries. */
static uint64_t count_missing(struct session *session)
{
    struct load_run *run = &session->run;
    uint64_t missing = 0;
    size_t *unseen = osy_alloc_array(run->restaurants.count, sizeof(*unseen));
    load_ledger_unseen(run->ledger, unseen, NULL);
    for (size_t i = 0; i < tablet_count(session); i++)
        missing += count_missing_of(run, &run->tablets[i].view, unseen);
    for (size_t i = 0; i < dashboard_count(session); i++)
        for (size_t stream = 0; stream < run->dashboards[i].count; stream++)
            missing += count_missing_of(run, &run->dashboards[i].views[stream], unseen);
    for (size_t i = 0; i < customer_count(session); i++)
        missing += load_customer_lacks(&run->customers[i]);
    free(unseen);
    return missing;
}

static void finish(struct session *session)
{
    session->run.stats.lost = count_missing(session);
    session->run.stats.behind = session->behind;
    session->run.stats.followed = session->run.feeds.count;
    session->run.stats.current = session->run.feeds.live;
    enter(session, PHASE_DONE);
}

static bool tick_settle(struct session *session, uint64_t now_ns)
{
    bool is_over = now_ns >= session->settle_until_ns;
    if (is_over)
        load_calls_give_up(session->run.calls);
    if (load_calls_pending(session->run.calls) > 0)
        return false; /* every request has its timeout */
    if (session->behind > 0 && seconds_since(session->phase_ns, now_ns) < TRUTH_EVERY_S)
        return false; /* back from TRUTH: give the events a moment */
    return is_over || (load_feeds_are_current(&session->run.feeds) && count_missing(session) == 0);
}

struct truth {
    struct session *session;
    size_t restaurant;
};

static bool is_behind(const struct load_feed *feed, size_t stream, const char *position)
{
    return !position || strcmp(load_feed_position(feed, stream), position) != 0;
}

static void compare(struct session *session, size_t restaurant, const char *position)
{
    struct load_run *run = &session->run;
    for (size_t i = restaurant; i < tablet_count(session); i += run->restaurants.count)
        session->behind += is_behind(run->tablets[i].feed, 0, position);
    for (size_t i = 0; i < dashboard_count(session); i++) {
        size_t stream = load_dashboard_stream(&run->dashboards[i], restaurant);
        if (stream < run->dashboards[i].count)
            session->behind += is_behind(run->dashboards[i].feed, stream, position);
    }
}

/* Whether those who watch the restaurant have got as far as the server says its stream goes. */
static void on_truth(void *context, const struct load_http_reply *reply)
{
    struct truth truth = *(struct truth *)context;
    struct session *session = truth.session;
    free(context);
    json_t *list = reply && reply->status == 200
                       ? osy_json_parse(reply->body, reply->body_length, JSON_OBJECT, NULL)
                       : NULL;
    const char *position = json_string_value(json_object_get(list, "position"));
    compare(session, truth.restaurant, position);
    json_decref(list);
    session->truths_pending--;
}

static void enter_truth(struct session *session)
{
    struct load_run *run = &session->run;
    session->behind = 0;
    bool is_watched = tablet_count(session) + dashboard_count(session) > 0;
    for (size_t i = 0; i < run->restaurants.count && is_watched; i++) {
        struct truth *truth = osy_alloc(sizeof(*truth));
        *truth = (struct truth){session, i};
        session->truths_pending++;
        load_call(run->calls,
                  &(struct load_http_request){.method = "GET",
                                              .path = "/api/v1/restaurants/me/orders?limit=1",
                                              .bearer = run->restaurants.all[i].token},
                  LOAD_CALL_INSIST, on_truth, truth);
    }
}

static bool tick_truth(struct session *session, uint64_t now_ns)
{
    if (now_ns >= session->settle_until_ns)
        load_calls_give_up(session->run.calls);
    if (session->truths_pending > 0)
        return false;
    if (session->behind > 0 && now_ns < session->settle_until_ns)
        enter(session, PHASE_SETTLE);
    else
        finish(session);
    return false;
}

static void enter_done(struct session *session)
{
    uv_stop(&session->run.loop);
}

static const struct {
    const char *name;
    void (*enter)(struct session *session);
    bool (*tick)(struct session *session, uint64_t now_ns); /* true: on to the next phase */
} phases[] = {
    [PHASE_MENUS] = {"menus", enter_menus, tick_menus},
    [PHASE_TABLETS] = {"tablets", enter_ramp, tick_tablets},
    [PHASE_DASHBOARDS] = {"dashboards", enter_ramp, tick_dashboards},
    [PHASE_STALLED] = {"stalled", enter_ramp, tick_stalled},
    [PHASE_CUSTOMERS] = {"customers", enter_customers, tick_customers},
    [PHASE_LOAD] = {"load", enter_load, tick_load},
    [PHASE_SETTLE] = {"settle", enter_settle, tick_settle},
    [PHASE_TRUTH] = {"truth", enter_truth, tick_truth},
    [PHASE_DONE] = {"done", enter_done, NULL},
};

static void on_progress(uv_timer_t *timer)
{
    struct session *session = timer->data;
    load_report_progress(&session->run, phases[session->phase].name,
                         seconds_since(session->start_ns, osy_clock_monotonic_ns()));
}

static void enter(struct session *session, enum phase phase)
{
    session->phase = phase;
    session->phase_ns = osy_clock_monotonic_ns();
    if (phase != PHASE_DONE)
        on_progress(&session->progress);
    phases[phase].enter(session);
}

static void on_tick(uv_timer_t *timer)
{
    struct session *session = timer->data;
    enum phase phase = session->phase;
    if (phase == PHASE_DONE)
        return;
    if (phases[phase].tick(session, osy_clock_monotonic_ns()) && session->phase == phase)
        enter(session, (enum phase)(phase + 1));
}

/* SIGUSR2: whoever watches wants a line now. */
static void on_question(uv_signal_t *handle, int number)
{
    struct session *session = handle->data;
    (void)number;
    on_progress(&session->progress);
}

/* The first Ctrl-C ends the load and judges what there is; the second, or an early one, ends all. */
static void on_interrupt(uv_signal_t *handle, int number)
{
    struct session *session = handle->data;
    (void)number;
    if (session->phase == PHASE_LOAD)
        enter(session, PHASE_SETTLE);
    else
        fail(session, "interrupted");
}

/* SIGUSR1 sets or ends the mark. */
static void on_mark(uv_signal_t *handle, int number)
{
    struct session *session = handle->data;
    (void)number;
    session->run.stats.is_marked = !session->run.stats.is_marked;
}

/* --- before and after --- */

static bool check_descriptors(const struct load_options *options, struct osy_error *err)
{
    struct rlimit limit;
    /* Twice the customers: a new order's socket opens before the old one closes. */
    uint64_t wanted = (uint64_t)options->tablets + (uint64_t)options->dashboards +
                      (uint64_t)options->stalled + 2 * (uint64_t)options->customers +
                      HTTP_CONNECTIONS + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return true;
    return osy_error_set(err, OSY_ERR_LIMIT, "this needs %llu descriptors, 'ulimit -n' allows %llu",
                         (unsigned long long)wanted, (unsigned long long)limit.rlim_cur);
}

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

static bool open_acknowledged(struct load_run *run, struct osy_error *err)
{
    const char *path = run->options->acknowledged;
    run->acknowledged = path ? fopen(path, "we") : NULL;
    return !path || run->acknowledged ||
           osy_error_set(err, OSY_ERR_IO, "--acknowledged: %s: %s", path, strerror(errno));
}

/* Every line of it counts, so a full disk is no good end. */
static bool close_acknowledged(struct load_run *run, struct osy_error *err)
{
    FILE *file = run->acknowledged;
    run->acknowledged = NULL;
    bool is_broken = file && ferror(file);
    bool ok = !file || (fclose(file) == 0 && !is_broken);
    return ok || osy_error_set(err, OSY_ERR_IO, "--acknowledged: %s: cannot be written",
                               run->options->acknowledged);
}

static bool prepare(struct session *session, struct osy_error *err)
{
    struct load_run *run = &session->run;
    const struct load_options *options = run->options;
    long life_s = options->seconds + options->settle + TOKEN_SPARE_S +
                  (options->tablets + options->dashboards + options->stalled + options->customers) /
                      options->ramp;
    if (!check_descriptors(options, err) ||
        !resolve(&run->http_endpoint, "http", options->url, "EDGE_URL", err) ||
        !resolve(&run->ws_endpoint, "ws", options->ws, "WS_URL", err))
        return false;
    printf("seeding %ld restaurants and minting their tokens\n", options->restaurants);
    fflush(stdout);
    return load_restaurants_prepare(&run->restaurants, (size_t)options->restaurants, life_s, err) &&
           load_dashboards_prepare(run, life_s, err) && open_acknowledged(run, err);
}

static void start(struct session *session)
{
    struct load_run *run = &session->run;
    uint64_t progress_ms = isatty(STDOUT_FILENO) ? 1000 : 5000;
    run->tablets = osy_alloc_array(tablet_count(session), sizeof(*run->tablets));
    run->customers = osy_alloc_array(customer_count(session), sizeof(*run->customers));
    run->ledger = load_ledger_create(run->restaurants.count);
    uv_loop_init(&run->loop);
    run->http = load_http_create(&run->loop, &run->http_endpoint, HTTP_CONNECTIONS);
    run->calls = load_calls_create(&run->loop, run->http);
    load_feeds_init(&run->feeds, &run->loop, &run->ws_endpoint, &run->stats);
    load_stalled_init(&run->stalled, run);
    uv_timer_init(&run->loop, &session->tick);
    uv_timer_init(&run->loop, &session->progress);
    uv_signal_init(&run->loop, &session->interrupt);
    uv_signal_init(&run->loop, &session->mark);
    uv_signal_init(&run->loop, &session->question);
    session->tick.data = session->progress.data = session;
    session->interrupt.data = session->mark.data = session->question.data = session;
    uv_timer_start(&session->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_start(&session->progress, on_progress, progress_ms, progress_ms);
    uv_signal_start(&session->interrupt, on_interrupt, SIGINT);
    uv_signal_start(&session->mark, on_mark, SIGUSR1);
    uv_signal_start(&session->question, on_question, SIGUSR2);
    session->start_ns = osy_clock_monotonic_ns();
    enter(session, PHASE_MENUS);
}

/* The sockets have said goodbye; who has not answered by now is not waited for. */
static void on_goodbye(uv_timer_t *timer)
{
    load_socket_abort_all();
    uv_close((uv_handle_t *)timer, NULL);
}

static void stop(struct session *session)
{
    struct load_run *run = &session->run;
    uv_close((uv_handle_t *)&session->progress, NULL);
    uv_close((uv_handle_t *)&session->interrupt, NULL);
    uv_close((uv_handle_t *)&session->mark, NULL);
    uv_close((uv_handle_t *)&session->question, NULL);
    load_calls_destroy(run->calls);
    load_http_destroy(run->http);
    for (size_t i = 0; i < tablet_count(session); i++)
        load_tablet_deinit(&run->tablets[i]);
    for (size_t i = 0; i < customer_count(session); i++)
        load_customer_deinit(&run->customers[i]);
    for (size_t i = 0; i < dashboard_count(session); i++)
        load_dashboard_deinit(&run->dashboards[i]);
    load_stalled_deinit(&run->stalled);
    load_feeds_deinit(&run->feeds);
    uv_timer_start(&session->tick, on_goodbye, GOODBYE_MS, 0);
    uv_run(&run->loop, UV_RUN_DEFAULT); /* until every handle is closed */
    uv_loop_close(&run->loop);
    load_ledger_destroy(run->ledger);
    free(run->tablets);
    free(run->customers);
    free(run->dashboards);
    load_message_cache_deinit(&run->dashboard_messages);
}

static bool report(const struct session *session, struct osy_error *err)
{
    const struct load_report report = {&session->run, &session->before, &session->after};
    const char *json = session->run.options->json;
    load_report_print(&report);
    return !json || load_report_write_json(&report, json, err);
}

int load_run_main(const struct load_options *options)
{
    struct session *session = osy_alloc(sizeof(*session));
    struct osy_error err = {0};
    session->run.options = options;
    load_stats_init(&session->run.stats);
    bool ok = prepare(session, &err);
    if (ok) {
        start(session);
        uv_run(&session->run.loop, UV_RUN_DEFAULT);
        ok = !session->failed && report(session, &err) && load_report_is_good(&session->run);
        stop(session);
    }
    ok = close_acknowledged(&session->run, &err) && ok;
    if (err.message[0])
        fprintf(stderr, "ordersync-loadtest: %s\n", err.message);
    load_restaurants_deinit(&session->run.restaurants);
    load_stats_deinit(&session->run.stats);
    free(session);
    return ok ? 0 : 1;
}
