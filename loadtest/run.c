#include "loadtest/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "loadtest/missing.h"
#include "loadtest/pacer.h"
#include "loadtest/socket.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/json.h"

#define TICK_MS         1
#define SLOTS_EACH      20000 /* of the sockets of one generator, see endpoint.h */
#define CONNECTING_MOST 512   /* sockets between their first byte and live, while ramping up */
#define STUCK_S         60    /* menus and ramp give up after so long without one more of them */
#define TRUTH_EVERY_S   1
#define TOKEN_SPARE_S   900 /* tokens outlive the ramp and the settling by so much */
#define GOODBYE_MS      1000

struct session {
    struct load_run run;
    uv_timer_t tick;
    uint64_t step_ns, load_ns; /* when the step, the load began */
    size_t phase;              /* of the load */
    uint64_t phase_end_ns;     /* when that is over */
    struct load_pacer ramp, orders;
    uint64_t ordered;    /* in the load */
    size_t started;      /* clients of the step's kind */
    size_t reached;      /* to notice a step that gets no further: menus, or live sockets */
    uint64_t reached_ns; /* when that many were */
    uint64_t settle_until_ns;
    size_t truths_pending; /* restaurants whose position has been asked for */
    uint64_t behind;       /* streams that are not there, as far as asked */
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

static size_t live_count(const struct session *session)
{
    return (size_t)session->run.stats->sockets.live;
}

static enum load_step step_of(const struct session *session)
{
    return (enum load_step)atomic_load(&session->run.assignment->desk->step);
}

static void enter(struct session *session, enum load_step step);

static void fail(struct session *session, const char *why)
{
    struct load_desk *desk = session->run.assignment->desk;
    const char *refusal = load_calls_last_refusal(session->run.calls);
    snprintf(desk->failure, sizeof(desk->failure), "%s%s%s", why,
             refusal[0] ? "; the API's last refusal: " : "", refusal);
    session->failed = true;
    enter(session, LOAD_STEP_DONE);
}

/* --- the steps --- */

static bool is_stuck(struct session *session, size_t reached, uint64_t now_ns)
{
    if (reached > session->reached) {
        session->reached = reached;
        session->reached_ns = now_ns;
    }
    return seconds_since(session->reached_ns, now_ns) > STUCK_S;
}

static void enter_menus(struct session *session)
{
    session->reached_ns = osy_clock_monotonic_ns();
    load_restaurants_load_menus(&session->run.restaurants, session->run.calls);
}

static bool tick_menus(struct session *session, uint64_t now_ns)
{
    const struct load_restaurants *restaurants = &session->run.restaurants;
    if (restaurants->failed)
        fail(session, "a restaurant's menu did not come, or has nothing that can be ordered");
    else if (is_stuck(session, restaurants->with_menu, now_ns))
        fail(session, "no more menus come: does the API answer?");
    return restaurants->with_menu == restaurants->count;
}

static void enter_ramp(struct session *session)
{
    uint64_t now_ns = osy_clock_monotonic_ns();
    session->started = 0;
    session->reached = 0;
    session->reached_ns = now_ns;
    load_pacer_start(&session->ramp, (double)session->run.options->ramp, now_ns);
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
    else if (is_stuck(session, live_count(session) + session->run.stalled.live, now_ns))
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
    return tick_ramp(session, now_ns, tablet_count(session), live_count(session), start_tablet);
}

static void start_dashboard(struct session *session, size_t index)
{
    load_dashboard_start(&session->run.dashboards[index]);
}

static bool tick_dashboards(struct session *session, uint64_t now_ns)
{
    size_t count = dashboard_count(session);
    size_t others = tablet_count(session), live = live_count(session);
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

/* Without skew the customers are spread evenly; with it, as orders are. */
static size_t restaurant_for(struct session *session, size_t index)
{
    struct load_run *run = &session->run;
    return run->options->skew > 0 ? load_zipf_draw(&run->popularity)
                                  : index % run->restaurants.count;
}

static void start_customer(struct session *session, size_t index)
{
    struct load_customer *customer = &session->run.customers[index];
    load_customer_init(customer, &session->run, restaurant_for(session, index));
    load_customer_order(customer, 0);
}

static bool tick_customers(struct session *session, uint64_t now_ns)
{
    return tick_ramp(session, now_ns, customer_count(session), session->run.customers_ready,
                     start_customer);
}

static void enter_nothing(struct session *session)
{
    (void)session;
}

static bool tick_ready(struct session *session, uint64_t now_ns)
{
    uint64_t begin_ns = atomic_load(&session->run.assignment->board->begin_ns);
    return begin_ns > 0 && now_ns >= begin_ns;
}

/* The phase begins on time, however late this is noticed. */
static void begin_phase(struct session *session, uint64_t at_ns)
{
    struct load_run *run = &session->run;
    const struct load_options *options = run->options;
    const struct load_phase *phase = &options->phases[session->phase];
    session->phase_end_ns = at_ns + (uint64_t)(phase->seconds * 1e9);
    load_pacer_start_slope(&session->orders, options->rate * phase->from, options->rate * phase->to,
                           phase->seconds, at_ns);
    load_kitchen_pace(run->kitchen, options->kitchen * phase->from, options->kitchen * phase->to,
                      phase->seconds, at_ns);
    if (phase->cut > 0)
        load_feeds_storm(&run->feeds, phase->cut, phase->away_ms);
}

static void enter_load(struct session *session)
{
    struct load_run *run = &session->run;
    session->load_ns = atomic_load(&run->assignment->board->begin_ns);
    run->stats->is_measuring = true;
    load_feeds_cut(&run->feeds, run->options->jitter.every_ms, run->options->jitter.for_ms);
    begin_phase(session, session->load_ns);
}

static void tick_stall(struct session *session, uint64_t now_ns)
{
    struct load_stalled *stalled = &session->run.stalled;
    if (stalled->count > 0 && stalled->stalled_ns == 0 &&
        seconds_since(session->load_ns, now_ns) >= (double)session->run.options->stall_after)
        load_stalled_begin(stalled);
}

static void place_order(struct session *session, uint64_t due_ns)
{
    struct load_run *run = &session->run;
    size_t number = (size_t)session->ordered++;
    if (customer_count(session) > 0 && !run->options->walk_in)
        load_customer_order(&run->customers[number % customer_count(session)], due_ns);
    else
        load_walk_in_order(run, restaurant_for(session, number), due_ns);
}

static void tick_phase(struct session *session, uint64_t until_ns)
{
    uint64_t due_ns;
    while (load_pacer_take(&session->orders, until_ns, &due_ns))
        place_order(session, due_ns);
    load_kitchen_tick(session->run.kitchen, until_ns);
}

static bool tick_load(struct session *session, uint64_t now_ns)
{
    if (atomic_load(&session->run.assignment->board->is_over))
        return true;
    tick_stall(session, now_ns);
    while (now_ns >= session->phase_end_ns) {
        uint64_t end_ns = session->phase_end_ns;
        tick_phase(session, end_ns - 1);
        if (++session->phase == session->run.options->phase_count)
            return true;
        begin_phase(session, end_ns);
    }
    tick_phase(session, now_ns);
    return false;
}

static void enter_settle(struct session *session)
{
    struct load_run *run = &session->run;
    if (session->settle_until_ns)
        return; /* back from TRUTH */
    load_feeds_cut(&run->feeds, 0, 0);
    session->settle_until_ns =
        osy_clock_monotonic_ns() + (uint64_t)run->options->settle * UINT64_C(1000000000);
}

static void finish(struct session *session)
{
    struct load_stats *stats = session->run.stats;
    stats->lost = load_missing_count(&session->run) + session->run.failed_reloads;
    stats->behind = session->behind;
    if (stats->lost > 0)
        load_missing_note(&session->run);
    enter(session, LOAD_STEP_DONE);
}

static bool tick_settle(struct session *session, uint64_t now_ns)
{
    bool is_over = now_ns >= session->settle_until_ns;
    if (is_over)
        load_calls_give_up(session->run.calls);
    if (load_calls_pending(session->run.calls) > 0)
        return false; /* every request has its timeout */
    if (session->behind > 0 && seconds_since(session->step_ns, now_ns) < TRUTH_EVERY_S)
        return false; /* back from TRUTH: give the events a moment */
    return is_over ||
           (load_feeds_are_current(&session->run.feeds) && load_missing_count(&session->run) == 0);
}

struct truth {
    struct session *session;
    size_t restaurant;
};

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
    session->behind += load_missing_behind(&session->run, truth.restaurant, position);
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
        enter(session, LOAD_STEP_SETTLE);
    else
        finish(session);
    return false;
}

static void enter_done(struct session *session)
{
    uv_stop(&session->run.loop);
}

static const struct {
    void (*enter)(struct session *session);
    bool (*tick)(struct session *session, uint64_t now_ns); /* true: on to the next step */
} steps[] = {
    [LOAD_STEP_PREPARE] = {enter_nothing, NULL},
    [LOAD_STEP_MENUS] = {enter_menus, tick_menus},
    [LOAD_STEP_TABLETS] = {enter_ramp, tick_tablets},
    [LOAD_STEP_DASHBOARDS] = {enter_ramp, tick_dashboards},
    [LOAD_STEP_STALLED] = {enter_ramp, tick_stalled},
    [LOAD_STEP_CUSTOMERS] = {enter_customers, tick_customers},
    [LOAD_STEP_READY] = {enter_nothing, tick_ready},
    [LOAD_STEP_LOAD] = {enter_load, tick_load},
    [LOAD_STEP_SETTLE] = {enter_settle, tick_settle},
    [LOAD_STEP_TRUTH] = {enter_truth, tick_truth},
    [LOAD_STEP_DONE] = {enter_done, NULL},
};

static void enter(struct session *session, enum load_step step)
{
    session->step_ns = osy_clock_monotonic_ns();
    atomic_store(&session->run.assignment->desk->step, step);
    steps[step].enter(session);
}

/* While some of the stalled are held, deliveries to the others are kept apart as under a mark. */
static void note_mark(struct session *session)
{
    struct load_run *run = &session->run;
    if (atomic_load(&run->assignment->board->is_marked) || load_stalled_are_held(&run->stalled))
        run->stats->part = LOAD_PART_MARKED;
    else if (run->stats->part == LOAD_PART_MARKED)
        run->stats->part = LOAD_PART_AFTER;
    run->stats->retries = load_calls_retries(run->calls);
}

static void on_tick(uv_timer_t *timer)
{
    struct session *session = timer->data;
    enum load_step step = step_of(session);
    if (step == LOAD_STEP_DONE)
        return;
    note_mark(session);
    if (steps[step].tick(session, osy_clock_monotonic_ns()) && step_of(session) == step)
        enter(session, step + 1);
}

/* --- before and after --- */

static bool prepare(struct session *session, struct osy_error *err)
{
    struct load_run *run = &session->run;
    const struct load_assignment *assignment = run->assignment;
    const struct load_options *options = run->options;
    long life_s = options->seconds + options->settle + TOKEN_SPARE_S +
                  (options->tablets + options->dashboards + options->stalled + options->customers) /
                      options->ramp;
    load_zipf_init(&run->popularity, options->skew, assignment->number, assignment->count,
                   assignment->restaurant_count);
    return load_restaurants_prepare(&run->restaurants, assignment->restaurants, assignment->number,
                                    assignment->count, assignment->restaurant_count, life_s, err) &&
           load_dashboards_prepare(run, life_s, err);
}

static void start(struct session *session)
{
    struct load_run *run = &session->run;
    const struct load_assignment *assignment = run->assignment;
    run->tablets = osy_alloc_array(tablet_count(session), sizeof(*run->tablets));
    run->customers = osy_alloc_array(customer_count(session), sizeof(*run->customers));
    run->ledger = load_ledger_create(run->restaurants.count);
    uv_loop_init(&run->loop);
    run->http = load_http_create(&run->loop, assignment->http, LOAD_HTTP_CONNECTIONS);
    run->calls = load_calls_create(&run->loop, run->http);
    load_feeds_init(&run->feeds, &run->loop, assignment->ws, run->stats,
                    assignment->number * SLOTS_EACH);
    load_stalled_init(&run->stalled, run);
    run->kitchen = load_kitchen_create(run);
    uv_timer_init(&run->loop, &session->tick);
    session->tick.data = session;
    uv_timer_start(&session->tick, on_tick, TICK_MS, TICK_MS);
    enter(session, LOAD_STEP_MENUS);
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
    load_kitchen_destroy(run->kitchen);
    load_ledger_destroy(run->ledger);
    free(run->tablets);
    free(run->customers);
    free(run->dashboards);
    load_message_cache_deinit(&run->dashboard_messages);
}

/* What the good-byes count is no part of the run. */
static void leave_desk(struct load_run *run, struct load_stats *scratch)
{
    run->stats = run->feeds.stats = scratch;
    run->feeds.counts = &scratch->sockets;
    run->stalled.counts = &scratch->stalled;
}

/* Every line of it counts, so a full disk is no good end. */
static bool flush_acknowledged(const struct load_assignment *assignment)
{
    FILE *file = assignment->acknowledged;
    bool ok = !file || (fflush(file) == 0 && !ferror(file));
    if (!ok)
        snprintf(assignment->desk->failure, sizeof(assignment->desk->failure),
                 "--acknowledged: the file cannot be written");
    return ok;
}

bool load_run_main(const struct load_assignment *assignment)
{
    struct session *session = osy_alloc(sizeof(*session));
    struct load_run *run = &session->run;
    struct load_stats *scratch = osy_alloc(sizeof(*scratch));
    struct osy_error err = {0};
    run->assignment = assignment;
    run->options = assignment->options;
    run->stats = &assignment->desk->stats;
    bool ok = prepare(session, &err);
    if (ok) {
        start(session);
        uv_run(&run->loop, UV_RUN_DEFAULT);
        ok = !session->failed;
        leave_desk(run, scratch);
        stop(session);
    } else {
        snprintf(assignment->desk->failure, sizeof(assignment->desk->failure), "%s", err.message);
    }
    ok = flush_acknowledged(assignment) && ok;
    load_zipf_deinit(&run->popularity);
    load_restaurants_deinit(&run->restaurants);
    free(scratch);
    free(session);
    return ok;
}
