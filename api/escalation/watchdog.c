#include "api/escalation/watchdog.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/events/blocking_publisher.h"
#include "api/orders/batch.h"
#include "api/orders/command.h"
#include "api/orders/status.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/event.h"
#include "shared/failpoint.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/pg_settings.h"
#include "shared/redis_blocking_shards.h"

enum {
    REDIS_TIMEOUT_MS = 2000,
    CHANGE_DEADLINE_MS = 5000,
    FULL_LOOK_EVERY_MS =
        60000,       /* finds what took longer to commit than enrol_orders.sql waits for */
    CLAIM_MAX = 100, /* the streams of so many orders are locked at a time: briefly */
    ENROL_MAX = 5000,
};
#define CLAIM_MAX_TEXT "100"
#define ENROL_MAX_TEXT "5000"

/* What the customer is told. */
#define REJECT_REASON "The restaurant did not accept the order in time"

/* Columns of escalate_orders.sql. */
enum {
    EFFECT_WHAT = 0,
    EFFECT_RESTAURANT,
    EFFECT_ORDER,
    EFFECT_VERSION,
    EFFECT_SEQ,
    EFFECT_EVENT,
    EFFECT_TIME_MS,
    EFFECT_TRACEPARENT,
    EFFECT_DATA,
    EFFECT_PREVIOUS_EVENT,
};

struct api_watchdog {
    struct osy_pg *pg; /* owned, as is all the rest */
    struct osy_redis_blocking_shards *redis;
    struct api_blocking_publisher *publisher;
    struct api_order_session *session; /* for rejections and acceptances */
    struct api_task_thread *thread;
    char since[48]; /* how far enrolment has looked; "": look at all orders */
    int64_t full_look_due_ms;
    uint64_t looked_connection; /* of PostgreSQL, on which since was found */
    uint64_t
        away; /* a bit for each Redis that is, in this pass; the reconciler publishes the rest */
    struct osy_metric *alerted, *rejected, *accepted, *timer_late, *message_late;
};

/* ---- the clockwork ---- */

static bool enrol(void *context, bool *more, struct osy_error *err)
{
    struct api_watchdog *watchdog = context;
    int64_t now_ms = osy_clock_monotonic_ms();
    if (!osy_pg_connection(watchdog->pg, err))
        return false;
    /* Behind a new connection there may be a promoted standby or a restored copy, which has lost timers. */
    uint64_t connection = osy_pg_connection_number(watchdog->pg);
    if (now_ms >= watchdog->full_look_due_ms || connection != watchdog->looked_connection) {
        watchdog->since[0] = '\0';
        watchdog->looked_connection = connection;
        watchdog->full_look_due_ms = now_ms + FULL_LOOK_EVERY_MS;
    }
    const char *values[] = {watchdog->since[0] ? watchdog->since : NULL, ENROL_MAX_TEXT};
    PGresult *row = osy_pg_query(watchdog->pg, sql_enrol_orders, 2, values, err);
    if (!row)
        return false;
    *more = strtol(PQgetvalue(row, 0, 1), NULL, 10) == ENROL_MAX;
    if (!*more)
        snprintf(watchdog->since, sizeof watchdog->since, "%s", PQgetvalue(row, 0, 0));
    PQclear(row);
    return true;
}

static bool measure_lateness(struct api_watchdog *watchdog, struct osy_error *err)
{
    PGresult *row = osy_pg_query(watchdog->pg, sql_find_oldest_timer, 0, NULL, err);
    if (!row)
        return false;
    osy_metric_set(watchdog->timer_late, strtod(PQgetvalue(row, 0, 0), NULL));
    osy_metric_set(watchdog->message_late, strtod(PQgetvalue(row, 0, 1), NULL));
    PQclear(row);
    return true;
}

/* ---- steps ---- */

static bool run(struct api_watchdog *watchdog, const char *sql, struct osy_error *err)
{
    PGresult *result = osy_pg_query(watchdog->pg, sql, 0, NULL, err);
    PQclear(result);
    return result != NULL;
}

/* Columns of claim_watches.sql. */
enum { CLAIMED_ORDER = 0, CLAIMED_RESTAURANT, CLAIMED_IS_DUE };

static bool is_due(const PGresult *claimed, int row)
{
    return *PQgetvalue(claimed, row, CLAIMED_IS_DUE) == 't';
}

static bool any_due(const PGresult *claimed)
{
    for (int row = 0; row < PQntuples(claimed); row++) {
        if (is_due(claimed, row))
            return true;
    }
    return false;
}

/* What is to be done after the commit: rows of escalate_orders.sql. */
struct effects {
    PGresult *results[CLAIM_MAX]; /* owned */
    size_t count;
};

static void clear_effects(struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++)
        PQclear(effects->results[i]);
    effects->count = 0;
}

/* PostgreSQL's arrays. */
static void add_element(struct osy_buffer *array, const char *value)
{
    osy_buffer_char(array, array->length == 0 ? '{' : ',');
    osy_buffer_text(array, value);
}

static void end_array(struct osy_buffer *array)
{
    osy_buffer_text(array, array->length == 0 ? "{}" : "}");
}

/* The values of a column of the claimed timers for whose orders something is due, as an array. */
static void list_due(const PGresult *claimed, int column, struct osy_buffer *out)
{
    for (int row = 0; row < PQntuples(claimed); row++) {
        if (is_due(claimed, row))
            add_element(out, PQgetvalue(claimed, row, column));
    }
    end_array(out);
}

static bool lock_streams(struct api_watchdog *watchdog, const PGresult *claimed,
                         struct osy_error *err)
{
    struct osy_buffer restaurants = OSY_BUFFER_INIT;
    list_due(claimed, CLAIMED_RESTAURANT, &restaurants);
    PGresult *locked = osy_pg_query(watchdog->pg, sql_lock_streams, 1,
                                    (const char *const[]){restaurants.bytes}, err);
    PQclear(locked);
    osy_buffer_deinit(&restaurants);
    return locked != NULL;
}

/* orders: an array of PostgreSQL's. */
static bool escalate_orders(struct api_watchdog *watchdog, const char *orders,
                            struct effects *effects, struct osy_error *err)
{
    PGresult *result =
        osy_pg_query(watchdog->pg, sql_escalate_orders, 1, (const char *const[]){orders}, err);
    if (result)
        effects->results[effects->count++] = result;
    return result != NULL;
}

static bool escalate_together(struct api_watchdog *watchdog, const PGresult *claimed,
                              struct effects *effects, struct osy_error *err)
{
    struct osy_buffer orders = OSY_BUFFER_INIT;
    list_due(claimed, CLAIMED_ORDER, &orders);
    bool ok = escalate_orders(watchdog, orders.bytes, effects, err);
    osy_buffer_deinit(&orders);
    return ok;
}

/* An order whose steps the database refuses is left for a while. False: nothing goes on in this transaction. */
static bool escalate_alone(struct api_watchdog *watchdog, const char *order,
                           struct effects *effects, struct osy_error *err)
{
    char orders[OSY_UUID_TEXT_BYTES + 2];
    struct osy_error why = {0};
    snprintf(orders, sizeof orders, "{%s}", order);
    if (!run(watchdog, "SAVEPOINT before_order", err))
        return false;
    if (escalate_orders(watchdog, orders, effects, &why))
        return run(watchdog, "RELEASE before_order", err);
    if (why.code != OSY_ERR_INVALID) {
        *err = why;
        return false;
    }
    OSY_ERROR("order_not_escalated", OSY_STR("order_id", order), OSY_ERR(&why));
    PGresult *left = NULL;
    if (run(watchdog, "ROLLBACK TO before_order", err))
        left = osy_pg_query(watchdog->pg, sql_postpone_watch, 1, (const char *const[]){order}, err);
    PQclear(left);
    return left != NULL;
}

static bool escalate_each(struct api_watchdog *watchdog, const PGresult *claimed,
                          struct effects *effects, struct osy_error *err)
{
    bool ok = true;
    for (int row = 0; ok && row < PQntuples(claimed); row++) {
        if (is_due(claimed, row))
            ok = escalate_alone(watchdog, PQgetvalue(claimed, row, CLAIMED_ORDER), effects, err);
    }
    return ok;
}

typedef bool (*escalate_fn)(struct api_watchdog *watchdog, const PGresult *claimed,
                            struct effects *effects, struct osy_error *err);

/* One transaction: timers, steps and events, or nothing. effects has none when nothing was due; *more: further
 * timers may have run out. */
static bool take_steps_by(struct api_watchdog *watchdog, escalate_fn escalate_claimed,
                          struct effects *effects, bool *more, struct osy_error *err)
{
    effects->count = 0;
    if (!run(watchdog, "BEGIN", err))
        return false;
    PGresult *claimed = osy_pg_query(watchdog->pg, sql_claim_watches, 1,
                                     (const char *const[]){CLAIM_MAX_TEXT}, err);
    bool ok = claimed != NULL;
    *more = ok && PQntuples(claimed) == CLAIM_MAX;
    if (ok && any_due(claimed)) {
        OSY_FAILPOINT("watchdog.claimed", "the steps of the claimed timers are taken");
        ok = lock_streams(watchdog, claimed, err) &&
             escalate_claimed(watchdog, claimed, effects, err);
        OSY_FAILPOINT("watchdog.before_commit", "steps and events are committed");
    }
    PQclear(claimed);
    if (ok && run(watchdog, "COMMIT", err))
        return true;
    clear_effects(effects);
    osy_pg_reset(watchdog->pg); /* ends the transaction */
    return false;
}

/* The others must not wait for a bad one: when the database refuses the steps of all, each order's are taken alone. */
static bool take_steps(struct api_watchdog *watchdog, struct effects *effects, bool *more,
                       struct osy_error *err)
{
    struct osy_error why = {0};
    if (take_steps_by(watchdog, escalate_together, effects, more, &why))
        return true;
    if (why.code == OSY_ERR_INVALID)
        return take_steps_by(watchdog, escalate_each, effects, more, err);
    *err = why;
    return false;
}

/* ---- what comes after the commit ---- */

static void read_uuid(const PGresult *rows, int row, int column, struct osy_uuid *uuid)
{
    bool ok =
        osy_uuid_parse(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column), uuid);
    assert(ok); /* the column's type is uuid */
    (void)ok;
}

static void publish(struct api_watchdog *watchdog, const struct osy_event *event)
{
    bool added;
    OSY_FAILPOINT("watchdog.before_publish", "a committed event of the watchdog is published");
    uint64_t bit =
        UINT64_C(1) << osy_redis_blocking_shards_find(watchdog->redis, &event->restaurant_id);
    if (!(watchdog->away & bit) &&
        !api_blocking_publisher_publish(watchdog->publisher, event, &added, NULL))
        watchdog->away |= bit;
}

static void publish_alert(struct api_watchdog *watchdog, const PGresult *effects, int row)
{
    struct osy_event event = {
        .seq = strtoull(PQgetvalue(effects, row, EFFECT_SEQ), NULL, 10),
        .type = "order.alerted",
        .time_ms = strtoll(PQgetvalue(effects, row, EFFECT_TIME_MS), NULL, 10),
        .traceparent = PQgetvalue(effects, row, EFFECT_TRACEPARENT),
        .data = PQgetvalue(effects, row, EFFECT_DATA),
        .data_length = (size_t)PQgetlength(effects, row, EFFECT_DATA),
    };
    read_uuid(effects, row, EFFECT_EVENT, &event.id);
    read_uuid(effects, row, EFFECT_PREVIOUS_EVENT, &event.previous_id);
    read_uuid(effects, row, EFFECT_ORDER, &event.order_id);
    read_uuid(effects, row, EFFECT_RESTAURANT, &event.restaurant_id);
    publish(watchdog, &event);
    osy_metric_inc(watchdog->alerted);
}

static struct api_order_command *make_rejection(const PGresult *effects, int row)
{
    struct api_order_command *command = api_order_command_create(api_order_step_find("reject"));
    read_uuid(effects, row, EFFECT_ORDER, &command->order_id);
    read_uuid(effects, row, EFFECT_RESTAURANT, &command->restaurant_id);
    command->actor_role = "system";
    command->change.version = strtoll(PQgetvalue(effects, row, EFFECT_VERSION), NULL, 10);
    command->change.reason = osy_strdup(REJECT_REASON);
    return command;
}

static void publish_change(struct api_watchdog *watchdog, const struct api_order_command *command)
{
    const struct osy_event event = api_order_command_event(command);
    publish(watchdog, &event);
}

static void report_refusal(const struct api_order_command *command, const struct osy_error *why)
{
    char order_id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&command->order_id, order_id);
    OSY_ERROR("order_not_changed", OSY_STR("order_id", order_id),
              OSY_STR("step", command->step->name), OSY_ERR(why));
}

/* Takes the commands' steps and counts those that were taken. An order that somebody else moved on in the meantime comes
 * back as a conflict, which is what should be; one whose change the database refuses is told of, and left as it was. */
static bool change_batch(struct api_watchdog *watchdog, struct api_order_command *const *commands,
                         size_t count, struct osy_metric *taken, struct osy_error *err)
{
    enum api_batch_end end = api_order_session_run(
        watchdog->session, commands, count, osy_clock_monotonic_ms() + CHANGE_DEADLINE_MS, err);
    if (end == API_BATCH_REFUSED && count > 1) { /* the others must not wait for the bad one */
        bool ok = true;
        for (size_t i = 0; i < count; i++)
            ok = change_batch(watchdog, &commands[i], 1, taken, err) && ok;
        return ok;
    }
    if (end == API_BATCH_REFUSED) {
        report_refusal(commands[0], err);
        return true;
    }
    if (end != API_BATCH_COMMITTED)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->result.outcome != API_ORDER_DONE)
            continue;
        publish_change(watchdog, commands[i]);
        osy_metric_inc(taken);
    }
    return true;
}

/* As change_batch, but of no commands as well; destroys them. */
static bool change_and_destroy(struct api_watchdog *watchdog, struct api_order_command **commands,
                               size_t count, struct osy_metric *taken, struct osy_error *err)
{
    bool ok = count == 0 || change_batch(watchdog, commands, count, taken, err);
    for (size_t i = 0; i < count; i++)
        api_order_command_destroy(commands[i]);
    return ok;
}

static bool follow_up(struct api_watchdog *watchdog, const struct effects *effects,
                      struct osy_error *err)
{
    struct api_order_command *rejections[CLAIM_MAX];
    size_t count = 0;
    watchdog->away = 0;
    for (size_t i = 0; i < effects->count; i++) {
        const PGresult *result = effects->results[i];
        for (int row = 0; row < PQntuples(result); row++) {
            if (strcmp(PQgetvalue(result, row, EFFECT_WHAT), "publish") == 0)
                publish_alert(watchdog, result, row);
            else
                rejections[count++] = make_rejection(result, row);
        }
    }
    if (count > 0)
        OSY_FAILPOINT("watchdog.before_reject", "orders are rejected because nobody accepted them");
    return change_and_destroy(watchdog, rejections, count, watchdog->rejected, err);
}

static bool escalate(void *context, bool *more, struct osy_error *err)
{
    struct api_watchdog *watchdog = context;
    struct effects effects;
    if (!measure_lateness(watchdog, err) || !take_steps(watchdog, &effects, more, err))
        return false;
    if (effects.count == 0)
        return true;
    OSY_FAILPOINT("watchdog.committed", "what was committed is published, and orders are rejected");
    bool ok = follow_up(watchdog, &effects, err);
    clear_effects(&effects);
    return ok;
}

/* ---- restaurants that accept by themselves ---- */

/* Columns of find_orders_to_accept.sql. */
enum { ACCEPT_ORDER = 0, ACCEPT_RESTAURANT, ACCEPT_VERSION };

static struct api_order_command *make_acceptance(const PGresult *orders, int row)
{
    struct api_order_command *command = api_order_command_create(api_order_step_find("accept"));
    read_uuid(orders, row, ACCEPT_ORDER, &command->order_id);
    read_uuid(orders, row, ACCEPT_RESTAURANT, &command->restaurant_id);
    command->actor_role = "system";
    command->change.version = strtoll(PQgetvalue(orders, row, ACCEPT_VERSION), NULL, 10);
    return command;
}

/* Those that are due still, whatever has hindered it: a page of such orders must not hold up all that come after it. */
static bool postpone_unaccepted(struct api_watchdog *watchdog, const PGresult *orders,
                                struct osy_error *err)
{
    struct osy_buffer ids = OSY_BUFFER_INIT;
    for (int row = 0; row < PQntuples(orders); row++)
        add_element(&ids, PQgetvalue(orders, row, ACCEPT_ORDER));
    end_array(&ids);
    PGresult *result = osy_pg_query(watchdog->pg, sql_postpone_acceptances, 1,
                                    (const char *const[]){ids.bytes}, err);
    PQclear(result);
    osy_buffer_deinit(&ids);
    return result != NULL;
}

static bool accept_page(struct api_watchdog *watchdog, const PGresult *orders,
                        struct osy_error *err)
{
    struct api_order_command *acceptances[CLAIM_MAX];
    size_t count = 0;
    while (count < (size_t)PQntuples(orders)) {
        acceptances[count] = make_acceptance(orders, (int)count);
        count++;
    }
    return change_and_destroy(watchdog, acceptances, count, watchdog->accepted, err) &&
           postpone_unaccepted(watchdog, orders, err);
}

static bool accept_orders(void *context, bool *more, struct osy_error *err)
{
    struct api_watchdog *watchdog = context;
    PGresult *orders = osy_pg_query(watchdog->pg, sql_find_orders_to_accept, 1,
                                    (const char *const[]){CLAIM_MAX_TEXT}, err);
    if (!orders)
        return false;
    watchdog->away = 0;
    *more = PQntuples(orders) == CLAIM_MAX;
    bool ok = PQntuples(orders) == 0 || accept_page(watchdog, orders, err);
    PQclear(orders);
    return ok;
}

/* ---- life ---- */

static void add_metrics(struct api_watchdog *watchdog, struct osy_metrics *metrics)
{
    watchdog->alerted = osy_metrics_counter(metrics, "orders_alerted_total",
                                            "Alerts about orders that wait: order.alerted events");
    watchdog->rejected =
        osy_metrics_counter(metrics, "orders_rejected_automatically_total",
                            "Orders rejected because nobody accepted them in time");
    watchdog->accepted =
        osy_metrics_counter(metrics, "orders_accepted_automatically_total",
                            "Orders of restaurants that accept by themselves, accepted so");
    watchdog->timer_late = osy_metrics_gauge(metrics, "escalation_timer_late_seconds",
                                             "Age of the oldest due timer of an order");
    watchdog->message_late =
        osy_metrics_gauge(metrics, "escalation_message_late_seconds",
                          "Age of the oldest message that is due to be sent to the outside");
}

static void free_watchdog(struct api_watchdog *watchdog)
{
    api_order_session_destroy(watchdog->session);
    api_blocking_publisher_destroy(watchdog->publisher);
    osy_redis_blocking_shards_destroy(watchdog->redis);
    osy_pg_destroy(watchdog->pg);
    free(watchdog);
}

struct api_watchdog *api_watchdog_start(const struct api_config *config,
                                        struct osy_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {
        {"enrol_orders", config->watch_interval_ms, enrol},
        {"escalate_orders", config->watch_interval_ms, escalate},
        {"accept_orders", config->watch_interval_ms, accept_orders},
        {0},
    };
    struct api_watchdog *watchdog = osy_alloc(sizeof *watchdog);
    watchdog->redis = osy_redis_blocking_shards_create(config->redis, REDIS_TIMEOUT_MS, err);
    if (!watchdog->redis)
        goto failed;
    watchdog->publisher =
        api_blocking_publisher_create(watchdog->redis, (uint64_t)config->stream_events_max);
    watchdog->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                          .application_name = "ordersync-watchdog",
                                                          .settings = OSY_PG_PROBES_ONLY});
    watchdog->session = api_order_session_create(config->database_url);
    add_metrics(watchdog, metrics);
    watchdog->thread = api_task_thread_start(tasks, watchdog, err);
    if (watchdog->thread)
        return watchdog;
failed:
    free_watchdog(watchdog);
    return NULL;
}

void api_watchdog_stop(struct api_watchdog *watchdog)
{
    if (!watchdog)
        return;
    api_task_thread_stop(watchdog->thread);
    free_watchdog(watchdog);
}
