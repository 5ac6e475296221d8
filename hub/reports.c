#include "hub/reports.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/hub_core.h"
#include "hub/devices.h"
#include "hub/history.h"
#include "hub/metrics.h"
#include "hub/receipts.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/pg_array.h"
#include "shared/pg_settings.h"

enum {
    DEVICES_MAX = 1000, /* in a batch */
    RECEIPTS_MAX = 4000,
    COLUMNS_MAX = 8,
    RETRY_MS = 1000,
    TEXT_FORMAT = 0,
    BINARY_FORMAT = 1,
};

struct restaurants {
    struct osy_uuid *ids; /* owned */
    size_t count, capacity;
};

struct hub_reports {
    uv_async_t wake; /* presence has been written */
    uv_thread_t thread;
    char *url, *application_name, *hub_id;
    int64_t interval_ms, receipt_interval_ms, lease_ms;
    struct hub_metrics *metrics;
    hub_reports_fn on_presence;
    void *context;
    atomic_int_least64_t beaten_ms; /* monotonic; when the loop was last known to run */

    /* of the thread alone */
    struct osy_uuid incarnation;
    struct osy_pg *pg;
    uint64_t told_connection; /* number of the one on which all devices were told; 0: none */
    int64_t lease_due_ms;
    int64_t receipts_due_ms;
    size_t receipts_most; /* that are written at once */
    bool is_failing;
    union {
        struct hub_device_state states[DEVICES_MAX];
        struct hub_receipt receipts[RECEIPTS_MAX];
    } batch;
    struct osy_pg_array columns[COLUMNS_MAX];

    uv_mutex_t lock; /* guards what follows */
    uv_cond_t stop;
    struct hub_devices *devices;
    struct hub_receipts *receipts;
    struct restaurants changed; /* their presence; not told yet */
    bool is_stopping;
};

/* A device that a socket has named, and how far it has acknowledged. */
struct hub_reported {
    struct hub_device device;
    bool is_here;      /* the device counts as being here by this socket */
    uint64_t acked[2]; /* by state: received, displayed; 0: nothing yet */
};

static void count_dropped(struct hub_reports *reports, const char *kind, size_t count)
{
    if (count > 0)
        osy_metric_add(osy_metric_with(reports->metrics->reports_dropped, &kind), (double)count);
}

/* --- on the thread: statements ----------------------------------------------------------------- */

static PGresult *query_with_columns(struct hub_reports *reports, const char *sql,
                                    const char *first_value, int columns, struct osy_error *err)
{
    const char *values[COLUMNS_MAX + 1];
    int lengths[COLUMNS_MAX + 1], formats[COLUMNS_MAX + 1], count = 0;
    if (first_value) {
        values[count] = first_value;
        lengths[count] = 0;
        formats[count++] = TEXT_FORMAT;
    }
    for (int i = 0; i < columns; i++) {
        values[count] = osy_pg_array_end(&reports->columns[i], &lengths[count]);
        formats[count++] = BINARY_FORMAT;
    }
    return osy_pg_query_params(reports->pg, sql, count, values, lengths, formats, TEXT_FORMAT, err);
}

static void begin_columns(struct hub_reports *reports, const enum osy_pg_type *types, int count)
{
    for (int i = 0; i < count; i++)
        osy_pg_array_begin(&reports->columns[i], types[i]);
}

/* --- on the thread: the lease ------------------------------------------------------------------- */

static bool is_loop_running(struct hub_reports *reports)
{
    int64_t silence_ms = osy_clock_monotonic_ms() - atomic_load(&reports->beaten_ms);
    return silence_ms < reports->lease_ms / 3;
}

static bool knows_devices(const struct hub_reports *reports)
{
    return reports->told_connection == osy_pg_connection_number(reports->pg);
}

/* A new connection may lead to a PostgreSQL that has no lease of ours: there it is due at once. */
static bool renew_lease(struct hub_reports *reports, struct osy_error *err)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    if (!osy_pg_connection(reports->pg, err))
        return false;
    if (now_ms < reports->lease_due_ms && knows_devices(reports))
        return true;
    char incarnation[OSY_UUID_TEXT_BYTES], lease_ms[24];
    osy_uuid_format(&reports->incarnation, incarnation);
    snprintf(lease_ms, sizeof lease_ms, "%" PRId64, reports->lease_ms);
    const char *const values[] = {incarnation, reports->hub_id, lease_ms};
    PGresult *row = osy_pg_query(reports->pg, sql_renew_lease, 3, values, err);
    if (!row)
        return false;
    bool is_new = strcmp(PQgetvalue(row, 0, 0), "t") == 0;
    PQclear(row);
    reports->lease_due_ms = now_ms + reports->lease_ms / 3;
    if (is_new) /* what was said under a lease that ended has been taken back */
        reports->told_connection = 0;
    return true;
}

static void end_lease(struct hub_reports *reports)
{
    char incarnation[OSY_UUID_TEXT_BYTES];
    struct osy_error err = {0};
    osy_uuid_format(&reports->incarnation, incarnation);
    PGresult *done =
        osy_pg_query(reports->pg, sql_end_lease, 1, (const char *[]){incarnation}, &err);
    if (!done)
        OSY_WARN("lease_not_ended", OSY_ERR(&err)); /* it runs out */
    PQclear(done);
}

/* --- on the thread: presence -------------------------------------------------------------------- */

static void note_changed(struct hub_reports *reports, const PGresult *rows)
{
    struct restaurants *changed = &reports->changed;
    for (int row = 0; row < PQntuples(rows); row++) {
        struct osy_uuid id;
        if (!osy_uuid_parse(PQgetvalue(rows, row, 0), (size_t)PQgetlength(rows, row, 0), &id))
            continue; /* never: the column's type is uuid */
        if (changed->count == changed->capacity) {
            changed->capacity = changed->capacity ? changed->capacity * 2 : 64;
            changed->ids = osy_realloc_array(changed->ids, changed->capacity, sizeof *changed->ids);
        }
        changed->ids[changed->count++] = id;
    }
    if (changed->count > 0)
        uv_async_send(&reports->wake);
}

/* Under the lock. Returns how many there was no room for. */
static size_t doubt_devices(struct hub_reports *reports, const PGresult *rows)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    size_t dropped = 0;
    for (int row = 0; row < PQntuples(rows); row++) {
        struct osy_uuid id;
        if (!osy_uuid_parse(PQgetvalue(rows, row, 0), (size_t)PQgetlength(rows, row, 0), &id))
            continue; /* never: the column's type is uuid */
        struct hub_device device = hub_device_make(&id, PQgetvalue(rows, row, 1));
        int64_t connected_ms = now_ms - strtoll(PQgetvalue(rows, row, 2), NULL, 10);
        if (!hub_devices_doubt(reports->devices, &device, connected_ms, now_ms))
            dropped++;
    }
    return dropped;
}

/* Whoever answers on a connection that is new may know of fewer devices than it has been told, or of some
 * that have left since. */
static bool repeat_devices(struct hub_reports *reports, struct osy_error *err)
{
    if (knows_devices(reports))
        return true;
    uint64_t connection = osy_pg_connection_number(reports->pg);
    char incarnation[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&reports->incarnation, incarnation);
    PGresult *rows =
        osy_pg_query(reports->pg, sql_find_devices, 1, (const char *[]){incarnation}, err);
    if (!rows)
        return false;
    uv_mutex_lock(&reports->lock);
    hub_devices_repeat(reports->devices);
    size_t dropped = doubt_devices(reports, rows);
    uv_mutex_unlock(&reports->lock);
    PQclear(rows);
    count_dropped(reports, "device", dropped);
    reports->told_connection = connection;
    return true;
}

static PGresult *write_states(struct hub_reports *reports, size_t count, struct osy_error *err)
{
    static const enum osy_pg_type types[] = {OSY_PG_UUID, OSY_PG_TEXT, OSY_PG_INT8, OSY_PG_INT8};
    struct osy_pg_array *columns = reports->columns;
    char incarnation[OSY_UUID_TEXT_BYTES];
    int64_t now_ms = osy_clock_monotonic_ms();
    begin_columns(reports, types, 4);
    for (size_t i = 0; i < count; i++) {
        const struct hub_device_state *state = &reports->batch.states[i];
        osy_pg_array_add_uuid(&columns[0], &state->device.restaurant_id);
        osy_pg_array_add_text(&columns[1], state->device.name);
        osy_pg_array_add_int8(&columns[2], now_ms - state->connected_ms);
        if (state->left_ms)
            osy_pg_array_add_int8(&columns[3], now_ms - state->left_ms);
        else
            osy_pg_array_add(&columns[3], NULL, 0);
    }
    osy_uuid_format(&reports->incarnation, incarnation);
    return query_with_columns(reports, sql_write_devices, incarnation, 4, err);
}

static bool write_devices(struct hub_reports *reports, bool *more, struct osy_error *err)
{
    uv_mutex_lock(&reports->lock);
    size_t count = hub_devices_take(reports->devices, reports->batch.states, DEVICES_MAX);
    uv_mutex_unlock(&reports->lock);
    if (count == 0)
        return true;
    PGresult *rows = write_states(reports, count, err);
    uv_mutex_lock(&reports->lock);
    hub_devices_settle(reports->devices, rows != NULL);
    if (rows)
        note_changed(reports, rows);
    uv_mutex_unlock(&reports->lock);
    PQclear(rows);
    *more = *more || count == DEVICES_MAX;
    return rows != NULL;
}

/* --- on the thread: receipts -------------------------------------------------------------------- */

static PGresult *write_batch(struct hub_reports *reports, size_t count, struct osy_error *err)
{
    static const enum osy_pg_type types[] = {OSY_PG_UUID, OSY_PG_TEXT, OSY_PG_BOOL, OSY_PG_BOOL,
                                             OSY_PG_INT8, OSY_PG_INT8, OSY_PG_UUID, OSY_PG_INT8};
    struct osy_pg_array *columns = reports->columns;
    int64_t now_ms = osy_clock_monotonic_ms();
    begin_columns(reports, types, 8);
    for (size_t i = 0; i < count; i++) {
        const struct hub_receipt *receipt = &reports->batch.receipts[i];
        osy_pg_array_add_uuid(&columns[0], &receipt->device.restaurant_id);
        osy_pg_array_add_text(&columns[1], receipt->device.name);
        osy_pg_array_add_bool(&columns[2], receipt->is_displayed);
        osy_pg_array_add_bool(&columns[3], receipt->is_first);
        osy_pg_array_add_int8(&columns[4], (int64_t)receipt->after);
        osy_pg_array_add_int8(&columns[5], (int64_t)receipt->upto.number);
        osy_pg_array_add_uuid(&columns[6], &receipt->upto.event_id);
        osy_pg_array_add_int8(&columns[7], now_ms - receipt->at_ms);
    }
    return query_with_columns(reports, sql_write_receipts, NULL, 8, err);
}

static void keep_for_later(struct hub_reports *reports, size_t count)
{
    size_t dropped = 0;
    uv_mutex_lock(&reports->lock);
    for (size_t i = 0; i < count; i++) {
        if (!hub_receipts_add(reports->receipts, &reports->batch.receipts[i]))
            dropped++;
    }
    uv_mutex_unlock(&reports->lock);
    count_dropped(reports, "receipt", dropped);
}

/* Less often than devices: the longer they wait, the more devices' acks of an order become one row. */
static bool are_receipts_due(const struct hub_reports *reports)
{
    return osy_clock_monotonic_ms() >= reports->receipts_due_ms;
}

/* Fewer at once after a failure, which may have been the statement's timeout: what is retried must shrink. */
static bool write_receipts(struct hub_reports *reports, bool *more, struct osy_error *err)
{
    size_t most = reports->receipts_most;
    if (!are_receipts_due(reports))
        return true;
    uv_mutex_lock(&reports->lock);
    size_t count = hub_receipts_take(reports->receipts, reports->batch.receipts, most);
    uv_mutex_unlock(&reports->lock);
    if (count < most)
        reports->receipts_due_ms = osy_clock_monotonic_ms() + reports->receipt_interval_ms;
    if (count == 0)
        return true;
    PGresult *row = write_batch(reports, count, err);
    if (!row) {
        keep_for_later(reports, count);
        reports->receipts_most = count > 1 ? count / 2 : 1;
        return false;
    }
    reports->receipts_most = most < RECEIPTS_MAX / 2 ? 2 * most : RECEIPTS_MAX;
    size_t proven = strtoul(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    count_dropped(reports, "unproven", count - proven);
    *more = *more || count == most;
    return true;
}

/* --- on the thread: the round ------------------------------------------------------------------- */

/* The lease comes first: presence that is written without one would never end. */
static bool write_round(struct hub_reports *reports, bool *more, struct osy_error *err)
{
    *more = false;
    OSY_FAILPOINT("hub.reports.round", "a batch of presence and receipts is written");
    if (!is_loop_running(reports))
        return true;
    return renew_lease(reports, err) && repeat_devices(reports, err) &&
           write_devices(reports, more, err) && write_receipts(reports, more, err);
}

static bool write_all(struct hub_reports *reports)
{
    struct osy_error err = {0};
    bool more = true, ok = true;
    while (ok && more)
        ok = write_round(reports, &more, &err);
    if (!ok && !reports->is_failing)
        OSY_WARN("reports_failing", OSY_ERR(&err));
    if (ok && reports->is_failing)
        OSY_INFO("reports_recovered");
    reports->is_failing = !ok;
    osy_metric_set(reports->metrics->reports_up, ok);
    return ok;
}

/* Returns whether to go on. */
static bool wait_for_round(struct hub_reports *reports)
{
    int64_t wait_ms = reports->is_failing ? RETRY_MS : reports->interval_ms;
    int64_t due_ms = osy_clock_monotonic_ms() + wait_ms;
    uv_mutex_lock(&reports->lock);
    while (!reports->is_stopping && wait_ms > 0) {
        uv_cond_timedwait(&reports->stop, &reports->lock, (uint64_t)wait_ms * 1000000);
        wait_ms = due_ms - osy_clock_monotonic_ms();
    }
    bool go_on = !reports->is_stopping;
    uv_mutex_unlock(&reports->lock);
    return go_on;
}

static void run_thread(void *argument)
{
    struct hub_reports *reports = argument;
    reports->pg =
        osy_pg_create(&(struct osy_pg_options){.url = reports->url,
                                               .application_name = reports->application_name,
                                               .settings = OSY_PG_PROBES_ONLY});
    do
        write_all(reports);
    while (wait_for_round(reports));
    reports->receipts_due_ms = 0;
    if (write_all(reports))
        end_lease(reports);
    osy_pg_destroy(reports->pg);
}

/* --- on the loop thread: life ------------------------------------------------------------------- */

static void on_wake(uv_async_t *wake)
{
    struct hub_reports *reports = wake->data;
    uv_mutex_lock(&reports->lock);
    struct restaurants changed = reports->changed;
    reports->changed = (struct restaurants){0};
    uv_mutex_unlock(&reports->lock);
    for (size_t i = 0; i < changed.count; i++)
        reports->on_presence(reports->context, &changed.ids[i]);
    free(changed.ids);
}

struct hub_reports *hub_reports_create(uv_loop_t *loop, const struct hub_reports_options *options)
{
    struct hub_reports *reports = osy_alloc(sizeof *reports);
    reports->url = osy_strdup(options->url);
    reports->application_name = osy_strdup(options->application_name);
    reports->hub_id = osy_strdup(options->hub_id);
    reports->interval_ms = options->interval_ms;
    reports->receipt_interval_ms = options->receipt_interval_ms;
    reports->lease_ms = options->lease_ms;
    reports->metrics = options->metrics;
    reports->on_presence = options->on_presence;
    reports->context = options->context;
    atomic_init(&reports->beaten_ms, osy_clock_monotonic_ms());
    reports->incarnation = osy_uuid_v4();
    reports->receipts_most = RECEIPTS_MAX;
    reports->devices = hub_devices_create(options->most);
    reports->receipts = hub_receipts_create(2 * options->most); /* received and displayed */
    uv_async_init(loop, &reports->wake, on_wake);
    reports->wake.data = reports;
    uv_mutex_init(&reports->lock);
    uv_cond_init(&reports->stop);
    int failure = uv_thread_create(&reports->thread, run_thread, reports);
    assert(failure == 0);
    (void)failure;
    return reports;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct hub_reports *reports = handle->data;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        osy_pg_array_deinit(&reports->columns[i]);
    hub_devices_destroy(reports->devices);
    hub_receipts_destroy(reports->receipts);
    uv_mutex_destroy(&reports->lock);
    uv_cond_destroy(&reports->stop);
    free(reports->url);
    free(reports->application_name);
    free(reports->hub_id);
    free(reports);
}

void hub_reports_beat(struct hub_reports *reports)
{
    atomic_store(&reports->beaten_ms, osy_clock_monotonic_ms());
}

void hub_reports_destroy(struct hub_reports *reports)
{
    if (!reports)
        return;
    hub_reports_beat(reports);
    uv_mutex_lock(&reports->lock);
    reports->is_stopping = true;
    uv_cond_signal(&reports->stop);
    uv_mutex_unlock(&reports->lock);
    uv_thread_join(&reports->thread);
    on_wake(&reports->wake);
    uv_close((uv_handle_t *)&reports->wake, on_handle_closed);
}

/* --- on the loop thread: a socket's side -------------------------------------------------------- */

/* The device of that name, for which the socket speaks from now on if it has named none; NULL: it speaks for
 * another one. */
static struct hub_reported *speak_for(struct hub_reporter *reporter,
                                      const struct osy_uuid *restaurant_id, const char *name)
{
    if (!reporter->reported) {
        reporter->reported = osy_alloc(sizeof *reporter->reported);
        reporter->reported->device = hub_device_make(restaurant_id, name);
    }
    return strcmp(reporter->reported->device.name, name) == 0 ? reporter->reported : NULL;
}

void hub_reporter_resume(struct hub_reporter *reporter, struct hub_reports *reports,
                         const struct osy_uuid *restaurant_id, const char *name,
                         const struct osy_position *position)
{
    reporter->resumed = position ? position->number : 0;
    struct hub_reported *reported = name ? speak_for(reporter, restaurant_id, name) : NULL;
    if (!reported)
        return;
    uv_mutex_lock(&reports->lock);
    reported->is_here =
        hub_devices_come(reports->devices, &reported->device, osy_clock_monotonic_ms());
    uv_mutex_unlock(&reports->lock);
    count_dropped(reports, "device", reported->is_here ? 0 : 1);
}

void hub_reporter_leave(struct hub_reporter *reporter, struct hub_reports *reports)
{
    struct hub_reported *reported = reporter->reported;
    if (reported && reported->is_here) {
        uv_mutex_lock(&reports->lock);
        hub_devices_leave(reports->devices, &reported->device, osy_clock_monotonic_ms());
        uv_mutex_unlock(&reports->lock);
    }
    reporter->reported = NULL;
    free(reported);
}

void hub_reporter_ack(struct hub_reporter *reporter, struct hub_reports *reports,
                      const struct osy_uuid *restaurant_id, const char *name,
                      const struct osy_position *position, bool is_displayed,
                      const struct hub_history *history)
{
    uint64_t upto = position->number;
    struct hub_reported *reported = speak_for(reporter, restaurant_id, name);
    if (!reported) {
        count_dropped(reports, "foreign", 1);
        return;
    }
    uint64_t *acked = &reported->acked[is_displayed];
    bool is_first = *acked == 0;
    if (upto <= *acked)
        return; /* an ack before covers it, or it is before the first event */
    uint64_t after = is_first ? reporter->resumed : *acked;
    *acked = upto;
    if (!is_first && history && hub_history_lacks_new_order(history, after, position))
        return;
    struct hub_receipt receipt = {
        .device = reported->device,
        .is_displayed = is_displayed,
        .is_first = is_first,
        .after = after,
        .upto = *position,
        .at_ms = osy_clock_monotonic_ms(),
    };
    uv_mutex_lock(&reports->lock);
    bool is_kept = hub_receipts_add(reports->receipts, &receipt);
    uv_mutex_unlock(&reports->lock);
    count_dropped(reports, "receipt", is_kept ? 0 : 1);
}
