#include "hub/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "embedded/hub_core.h"
#include "shared/alloc.h"
#include "shared/failpoint.h"
#include "shared/pg.h"

enum { BATCH_MAX = 128 };

enum kind { KIND_HEAD = 0, KIND_EVENTS, KIND_ORDER, KIND_CUSTOMER, KIND_PRESENCE, KIND_FIGURES };

struct request {
    enum kind kind;
    struct osy_uuid restaurant_id, order_id;
    uint64_t first, last;
    hub_store_head_fn on_head;
    hub_store_events_fn on_events;
    hub_store_customer_fn on_customer;
    hub_store_state_fn on_state;
    void *context;

    struct hub_head head;
    struct hub_customer customer;
    struct hub_event **events; /* owned */
    size_t event_count, event_capacity;
    char *state, *as_of; /* owned; NULL: none */
    bool failed;
    struct osy_error err;

    struct request *prev, *next;
};

struct hub_store {
    uv_async_t wake; /* a thread has answered something */
    uv_thread_t *threads;
    size_t thread_count, threads_running, max_queued;
    char *url, *application_name;
    atomic_bool is_up;

    uv_mutex_t lock; /* guards what follows */
    uv_cond_t work;
    struct request *queue, *answered;
    size_t queued;
    bool stopping;
};

/* --- on a database thread ------------------------------------------------------------------- */

static void fail_batch(struct request *batch, const struct osy_error *err)
{
    struct request *request;
    DL_FOREACH(batch, request) {
        request->failed = true;
        request->err = *err;
    }
}

static bool is_about_order(const struct request *request)
{
    return request->kind == KIND_ORDER || request->kind == KIND_CUSTOMER;
}

static void format_uuid_array(struct request *batch, struct osy_buffer *out)
{
    struct request *request;
    osy_buffer_char(out, '{');
    DL_FOREACH(batch, request) {
        char text[OSY_UUID_TEXT_BYTES];
        osy_uuid_format(is_about_order(request) ? &request->order_id : &request->restaurant_id,
                        text);
        if (request != batch)
            osy_buffer_char(out, ',');
        osy_buffer_text(out, text);
    }
    osy_buffer_char(out, '}');
}

static struct osy_uuid read_uuid(const PGresult *rows, int row, int column)
{
    struct osy_uuid uuid = {0};
    if (!PQgetisnull(rows, row, column))
        (void)osy_uuid_parse(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column),
                             &uuid);
    return uuid;
}

static uint64_t read_u64(const PGresult *rows, int row, int column)
{
    return strtoull(PQgetvalue(rows, row, column), NULL, 10);
}

/* What the statement finds for all of the batch at once; NULL: err. */
static PGresult *find_all(struct osy_pg *pg, const char *sql, struct request *batch,
                          struct osy_error *err)
{
    struct osy_buffer ids = OSY_BUFFER_INIT;
    format_uuid_array(batch, &ids);
    PGresult *rows = osy_pg_query(pg, sql, 1, (const char *const[]){ids.bytes}, err);
    osy_buffer_deinit(&ids);
    return rows;
}

/* Each row begins with a restaurant; whoever asked for that one takes it. False when there are no rows to take. */
static bool answer_restaurants(PGresult *rows, struct request *batch,
                               void (*take)(struct request *request, const PGresult *rows, int row))
{
    if (!rows)
        return false;
    for (int row = 0; row < PQntuples(rows); row++) {
        struct osy_uuid restaurant_id = read_uuid(rows, row, 0);
        struct request *request;
        DL_FOREACH(batch, request) {
            if (osy_uuid_equal(&request->restaurant_id, &restaurant_id))
                take(request, rows, row);
        }
    }
    PQclear(rows);
    return true;
}

static void take_head(struct request *request, const PGresult *rows, int row)
{
    request->head = (struct hub_head){
        .found = true, .seq = read_u64(rows, row, 1), .event_id = read_uuid(rows, row, 2)};
}

static bool answer_heads(struct osy_pg *pg, struct request *batch, struct osy_error *err)
{
    return answer_restaurants(find_all(pg, sql_find_heads, batch, err), batch, take_head);
}

/* Encodes a row as the envelope that the API would have published, so both ways meet in one parser. */
static struct hub_event *read_event(const PGresult *rows, int row, struct osy_error *err)
{
    struct osy_event event = {
        .restaurant_id = read_uuid(rows, row, 0),
        .seq = read_u64(rows, row, 1),
        .order_id = read_uuid(rows, row, 2),
        .version = read_u64(rows, row, 3), /* null: "", 0 */
        .id = read_uuid(rows, row, 4),
        .type = PQgetvalue(rows, row, 5),
        .time_ms = strtoll(PQgetvalue(rows, row, 6), NULL, 10),
        .traceparent = PQgetvalue(rows, row, 7),
        .data = PQgetvalue(rows, row, 8),
        .data_length = (size_t)PQgetlength(rows, row, 8),
        .previous_id = read_uuid(rows, row, 9),
    };
    struct osy_buffer envelope = OSY_BUFFER_INIT;
    osy_event_write_envelope(&event, &envelope);
    struct hub_event *parsed =
        hub_event_create(envelope.bytes, envelope.length, &event.restaurant_id, err);
    osy_buffer_deinit(&envelope);
    return parsed;
}

static void add_event(struct request *request, struct hub_event *event)
{
    if (request->event_count == request->event_capacity) {
        request->event_capacity = request->event_capacity ? request->event_capacity * 2 : 8;
        request->events =
            osy_realloc_array(request->events, request->event_capacity, sizeof(struct hub_event *));
    }
    request->events[request->event_count++] = event;
}

static bool is_for(const struct request *request, const PGresult *rows, int row)
{
    if (request->kind == KIND_EVENTS)
        return true;
    struct osy_uuid restaurant_id = read_uuid(rows, row, 0), order_id = read_uuid(rows, row, 2);
    return osy_uuid_equal(&request->order_id, &order_id) &&
           osy_uuid_equal(&request->restaurant_id, &restaurant_id);
}

/* Two sockets may wait for the same order in one batch; each request gets its own copy of the event,
 * because counting references is the loop thread's business alone. A row that does not encode fails
 * only those who asked for it. */
static void hand_out_row(const PGresult *rows, int row, struct request *batch)
{
    struct request *request;
    DL_FOREACH(batch, request) {
        if (!is_for(request, rows, row))
            continue;
        struct hub_event *event = read_event(rows, row, &request->err);
        if (event)
            add_event(request, event);
        else
            request->failed = true;
    }
}

static bool hand_out_rows(PGresult *rows, struct request *batch)
{
    if (!rows)
        return false;
    for (int row = 0; row < PQntuples(rows); row++)
        hand_out_row(rows, row, batch);
    PQclear(rows);
    return true;
}

static bool answer_events(struct osy_pg *pg, struct request *batch, struct osy_error *err)
{
    char restaurant_id[OSY_UUID_TEXT_BYTES], first[24], last[24];
    osy_uuid_format(&batch->restaurant_id, restaurant_id);
    snprintf(first, sizeof first, "%" PRIu64, batch->first);
    snprintf(last, sizeof last, "%" PRIu64, batch->last);
    const char *values[] = {restaurant_id, first, last};
    return hand_out_rows(osy_pg_query(pg, sql_find_events, 3, values, err), batch);
}

static bool answer_orders(struct osy_pg *pg, struct request *batch, struct osy_error *err)
{
    return hand_out_rows(find_all(pg, sql_find_order_events, batch, err), batch);
}

/* By order: whoever names it together with another restaurant finds nothing. */
static bool answer_customers(struct osy_pg *pg, struct request *batch, struct osy_error *err)
{
    PGresult *rows = find_all(pg, sql_find_customers, batch, err);
    struct request *request;
    for (int row = 0; rows && row < PQntuples(rows); row++) {
        struct osy_uuid restaurant_id = read_uuid(rows, row, 0), order_id = read_uuid(rows, row, 1);
        DL_FOREACH(batch, request) {
            if (osy_uuid_equal(&request->order_id, &order_id) &&
                osy_uuid_equal(&request->restaurant_id, &restaurant_id))
                request->customer =
                    (struct hub_customer){.found = true, .customer_id = read_uuid(rows, row, 2)};
        }
    }
    PQclear(rows);
    return rows != NULL;
}

static char *copy_text(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? NULL : osy_strdup(PQgetvalue(rows, row, column));
}

static void take_state(struct request *request, const PGresult *rows, int row)
{
    if (request->state)
        return;
    request->state = copy_text(rows, row, 1);
    request->as_of = copy_text(rows, row, 2);
}

static bool answer_states(struct osy_pg *pg, struct request *batch, struct osy_error *err)
{
    const char *sql = batch->kind == KIND_PRESENCE ? sql_find_presence : sql_find_figures;
    return answer_restaurants(find_all(pg, sql, batch, err), batch, take_state);
}

static void answer_batch(struct hub_store *store, struct osy_pg *pg, struct request *batch)
{
    static bool (*const answer[])(struct osy_pg *, struct request *, struct osy_error *) = {
        [KIND_HEAD] = answer_heads,      [KIND_EVENTS] = answer_events,
        [KIND_ORDER] = answer_orders,    [KIND_CUSTOMER] = answer_customers,
        [KIND_PRESENCE] = answer_states, [KIND_FIGURES] = answer_states,
    };
    struct osy_error err = {0};
    bool ok = !OSY_FAILPOINT_ERROR("store.before_query", "the hub asks PostgreSQL", &err) &&
              answer[batch->kind](pg, batch, &err);
    if (!ok)
        fail_batch(batch, &err);
    atomic_store(&store->is_up, ok || err.code != OSY_ERR_IO);
}

/* The first request and those of its kind that queue behind it. A run of events is a query of its own. */
static struct request *take_batch(struct hub_store *store)
{
    struct request *batch = NULL, *request, *following;
    enum kind kind = store->queue->kind;
    size_t most = kind == KIND_EVENTS ? 1 : BATCH_MAX, count = 0;
    DL_FOREACH_SAFE(store->queue, request, following) {
        if (request->kind != kind)
            continue;
        DL_DELETE(store->queue, request);
        DL_APPEND(batch, request);
        store->queued--;
        if (++count == most)
            break;
    }
    return batch;
}

static void run_thread(void *argument)
{
    struct hub_store *store = argument;
    struct osy_pg *pg = osy_pg_create(&(struct osy_pg_options){
        .url = store->url,
        .application_name = store->application_name,
        .read_only = true,
    });
    uv_mutex_lock(&store->lock);
    for (;;) {
        while (!store->queue && !store->stopping)
            uv_cond_wait(&store->work, &store->lock);
        if (store->stopping)
            break;
        struct request *batch = take_batch(store);
        uv_mutex_unlock(&store->lock);
        answer_batch(store, pg, batch);
        uv_mutex_lock(&store->lock);
        DL_CONCAT(store->answered, batch);
        uv_async_send(&store->wake);
    }
    uv_mutex_unlock(&store->lock);
    osy_pg_destroy(pg);
}

/* --- on the loop thread --------------------------------------------------------------------- */

static void free_request(struct request *request)
{
    hub_events_free(request->events, request->event_count);
    free(request->state);
    free(request->as_of);
    free(request);
}

static void report(const struct request *request)
{
    const struct osy_error *err = request->failed ? &request->err : NULL;
    if (request->kind == KIND_HEAD)
        request->on_head(request->context, &request->head, err);
    else if (request->on_customer)
        request->on_customer(request->context, &request->customer, err);
    else if (request->on_state)
        request->on_state(request->context, &(struct hub_state){request->state, request->as_of},
                          err);
    else
        request->on_events(request->context, request->events, err ? 0 : request->event_count, err);
}

static void on_wake(uv_async_t *wake)
{
    struct hub_store *store = wake->data;
    uv_mutex_lock(&store->lock);
    struct request *answered = store->answered;
    store->answered = NULL;
    uv_mutex_unlock(&store->lock);

    struct request *request, *following;
    DL_FOREACH_SAFE(answered, request, following) {
        report(request);
        free_request(request);
    }
}

struct hub_store *hub_store_create(uv_loop_t *loop, const struct hub_store_options *options)
{
    struct hub_store *store = osy_alloc(sizeof *store);
    store->url = osy_strdup(options->url);
    store->application_name = osy_strdup(options->application_name);
    store->max_queued = options->max_queued;
    store->thread_count = options->threads;
    store->threads = osy_alloc_array(options->threads, sizeof *store->threads);
    atomic_init(&store->is_up, true);
    uv_async_init(loop, &store->wake, on_wake);
    store->wake.data = store;
    uv_mutex_init(&store->lock);
    uv_cond_init(&store->work);
    for (size_t i = 0; i < options->threads; i++) {
        if (uv_thread_create(&store->threads[i], run_thread, store) != 0)
            break;
        store->threads_running++;
    }
    assert(store->threads_running > 0);
    return store;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct hub_store *store = handle->data;
    uv_mutex_destroy(&store->lock);
    uv_cond_destroy(&store->work);
    free(store->threads);
    free(store->url);
    free(store->application_name);
    free(store);
}

/* Whoever asked holds memory until the answer comes, so everybody gets one. No thread runs any more. */
static void refuse_queued(struct hub_store *store)
{
    struct request *request;
    DL_FOREACH(store->queue, request) {
        request->failed = true;
        osy_error_set(&request->err, OSY_ERR_IO, "the hub is stopping");
    }
    DL_CONCAT(store->answered, store->queue);
    store->queue = NULL;
    on_wake(&store->wake);
}

void hub_store_destroy(struct hub_store *store)
{
    if (!store)
        return;
    uv_mutex_lock(&store->lock);
    store->stopping = true;
    uv_cond_broadcast(&store->work);
    uv_mutex_unlock(&store->lock);
    for (size_t i = 0; i < store->threads_running; i++)
        uv_thread_join(&store->threads[i]);
    refuse_queued(store);
    uv_close((uv_handle_t *)&store->wake, on_handle_closed);
}

static void submit(struct hub_store *store, const struct request *fields)
{
    struct request *request = osy_alloc(sizeof *request);
    *request = *fields;
    uv_mutex_lock(&store->lock);
    if (store->queued < store->max_queued) {
        DL_APPEND(store->queue, request);
        store->queued++;
        uv_cond_signal(&store->work);
    } else {
        request->failed = true;
        osy_error_set(&request->err, OSY_ERR_LIMIT, "%zu database reads are queued", store->queued);
        DL_APPEND(store->answered, request);
        uv_async_send(&store->wake);
    }
    uv_mutex_unlock(&store->lock);
}

void hub_store_find_head(struct hub_store *store, const struct osy_uuid *restaurant_id,
                         hub_store_head_fn fn, void *context)
{
    submit(store, &(struct request){.kind = KIND_HEAD,
                                    .restaurant_id = *restaurant_id,
                                    .on_head = fn,
                                    .context = context});
}

void hub_store_find_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                           uint64_t first, uint64_t last, hub_store_events_fn fn, void *context)
{
    submit(store, &(struct request){.kind = KIND_EVENTS,
                                    .restaurant_id = *restaurant_id,
                                    .first = first,
                                    .last = last,
                                    .on_events = fn,
                                    .context = context});
}

void hub_store_find_order_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                                 const struct osy_uuid *order_id, hub_store_events_fn fn,
                                 void *context)
{
    submit(store, &(struct request){.kind = KIND_ORDER,
                                    .restaurant_id = *restaurant_id,
                                    .order_id = *order_id,
                                    .on_events = fn,
                                    .context = context});
}

void hub_store_find_customer(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             const struct osy_uuid *order_id, hub_store_customer_fn fn,
                             void *context)
{
    submit(store, &(struct request){.kind = KIND_CUSTOMER,
                                    .restaurant_id = *restaurant_id,
                                    .order_id = *order_id,
                                    .on_customer = fn,
                                    .context = context});
}

static void find_state(struct hub_store *store, enum kind kind,
                       const struct osy_uuid *restaurant_id, hub_store_state_fn fn, void *context)
{
    submit(store,
           &(struct request){
               .kind = kind, .restaurant_id = *restaurant_id, .on_state = fn, .context = context});
}

void hub_store_find_presence(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             hub_store_state_fn fn, void *context)
{
    find_state(store, KIND_PRESENCE, restaurant_id, fn, context);
}

void hub_store_find_figures(struct hub_store *store, const struct osy_uuid *restaurant_id,
                            hub_store_state_fn fn, void *context)
{
    find_state(store, KIND_FIGURES, restaurant_id, fn, context);
}

bool hub_store_is_full(struct hub_store *store)
{
    uv_mutex_lock(&store->lock);
    bool is_full = store->queued >= store->max_queued;
    uv_mutex_unlock(&store->lock);
    return is_full;
}

bool hub_store_is_busy(struct hub_store *store)
{
    uv_mutex_lock(&store->lock);
    bool is_busy = store->queued > store->max_queued / 2;
    uv_mutex_unlock(&store->lock);
    return is_busy;
}

bool hub_store_is_up(const struct hub_store *store)
{
    return atomic_load(&store->is_up);
}
