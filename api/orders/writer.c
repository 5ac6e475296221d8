#include "api/orders/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api/events/publisher.h"
#include "api/orders/batch.h"
#include "api/orders/command.h"
#include "api/orders/status.h"
#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/breaker.h"
#include "shared/clock.h"
#include "shared/event.h"
#include "shared/failpoint.h"
#include "shared/log.h"
#include "shared/metrics.h"

enum {
    ATTEMPT_LEAST_MS = 1000, /* a batch gets so long, even if one of its commands is nearly late */
    BACKOFF_FIRST_MS = 10,
    BACKOFF_MOST_MS = 500,
    GROUPS = 1024,
    SPREAD_FROM = 160, /* pending commands from which on all lanes work */
    COMPANY_MS = 10,   /* who comes so long after the last batch has none to wait for */
    ENOUGH = 64,      /* so many wait for nobody: a transaction costs as much as ten orders in it */
    LONGER_EVERY = 4, /* for so many commands in the last batch the next one waits as long again, */
    LONGEST = 8,      /* up to so many times as long as at least */
    STUCK_MS = 200,   /* a lane that gives nothing back for so long gets no more */
};

static const double batch_size_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

/* First in, first out; linked through the commands. */
struct queue {
    struct api_order_command *head, **tail;
    size_t count;
};

struct lane {
    struct api_order_writer *writer;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards queue and stopping */
    pthread_cond_t wake;
    struct queue queue;
    bool stopping;

    /* the thread's own */
    struct api_order_session *session;
    struct api_order_command **batch; /* commands under way, oldest first */
    size_t batch_count;
    int64_t ended_ms;  /* when the last batch did; monotonic */
    size_t last_count; /* of commands in it */
    struct osy_backoff backoff;
    bool is_failing; /* the failure has been logged */

    /* the loop's own */
    size_t pending;
    int64_t moved_ms; /* when a command came back, or the first of these was taken; monotonic */
};

/* Restaurants whose ids hash alike. They keep their lane while they have commands under way. */
struct group {
    struct lane *lane; /* borrowed */
    size_t pending;
};

struct api_order_writer {
    struct lane *lanes;
    size_t lane_count, lanes_started;
    uint32_t queue_max, batch_max, linger_ms, deadline_ms;
    struct api_publisher *publisher; /* borrowed */
    struct osy_breaker *breaker;     /* borrowed; NULL: none */
    size_t pending;                  /* loop only, */
    struct group groups[GROUPS];     /* as these are */

    uv_async_t wake_loop;
    pthread_mutex_t done_mutex; /* guards done */
    struct queue done;

    struct osy_metric *batch_size, *commit_seconds, *taken_to_committed, *queue_depth, *created;
    struct osy_metric *outcomes[API_ORDER_OUTCOME_COUNT];
    struct osy_metric_family *changes;
};

static void queue_init(struct queue *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->count = 0;
}

static void queue_push(struct queue *queue, struct api_order_command *command)
{
    command->next = NULL;
    *queue->tail = command;
    queue->tail = &command->next;
    queue->count++;
}

static struct api_order_command *queue_pop(struct queue *queue)
{
    struct api_order_command *command = queue->head;
    if (!command)
        return NULL;
    queue->head = command->next;
    if (!queue->head)
        queue->tail = &queue->head;
    queue->count--;
    return command;
}

static bool is_written(const struct api_order_command *command)
{
    return command->result.outcome == API_ORDER_DONE;
}

static bool is_decided(const struct api_order_command *command)
{
    return command->result.outcome != API_ORDER_UNDECIDED &&
           command->result.outcome != API_ORDER_RETRY;
}

/* ---- the lane's thread: batches ---- */

static struct timespec in_ms(int64_t delay_ms)
{
    int64_t at_ms = osy_clock_monotonic_ms() + delay_ms;
    return (struct timespec){.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
}

/*
 * How long a command may wait for others. The busier it is, the longer: the processors are what is scarce then, and
 * the work that a larger batch saves makes up for the wait.
 */
static uint64_t linger_ns(const struct lane *lane)
{
    uint64_t least_ns = lane->writer->linger_ms * UINT64_C(1000000);
    uint64_t wanted_ns = least_ns + least_ns * lane->last_count / LONGER_EVERY;
    return wanted_ns < LONGEST * least_ns ? wanted_ns : LONGEST * least_ns;
}

static bool is_enough(const struct api_order_writer *writer, size_t count)
{
    return count >= ENOUGH || count >= writer->batch_max;
}

/* Waits for company, until the oldest command has lingered long enough. Holds the mutex. */
static void linger(struct lane *lane)
{
    uint64_t until_ns = lane->queue.head->taken_ns + linger_ns(lane);
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    if (osy_clock_monotonic_ms() - lane->ended_ms > COMPANY_MS)
        return;
    while (!lane->stopping && !is_enough(lane->writer, lane->queue.count) &&
           pthread_cond_timedwait(&lane->wake, &lane->mutex, &until) == 0)
        ;
}

/* Commands that wait for another try stay in front. False: the lane has nothing left to do, for ever. */
static bool fill_batch(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    if (lane->batch_count == 0) {
        while (!lane->queue.head && !lane->stopping)
            pthread_cond_wait(&lane->wake, &lane->mutex);
        if (lane->queue.head)
            linger(lane);
    }
    while (lane->queue.head && lane->batch_count < lane->writer->batch_max)
        lane->batch[lane->batch_count++] = queue_pop(&lane->queue);
    lane->last_count = lane->batch_count;
    pthread_mutex_unlock(&lane->mutex);
    return lane->batch_count > 0;
}

/* Sleeps after a failure, but not after the first one (the server was restarted, say: trying again at once
 * is worth it), and not when the process wants to end. */
static void back_off(struct lane *lane)
{
    bool is_first = lane->backoff.attempt == 0;
    struct timespec until = in_ms(osy_backoff_next_ms(&lane->backoff));
    pthread_mutex_lock(&lane->mutex);
    while (!is_first && !lane->stopping &&
           pthread_cond_timedwait(&lane->wake, &lane->mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&lane->mutex);
}

static int64_t attempt_deadline(struct api_order_command *const *commands, size_t count)
{
    int64_t deadline_ms = commands[0]->deadline_ms;
    for (size_t i = 1; i < count; i++) {
        if (commands[i]->deadline_ms < deadline_ms)
            deadline_ms = commands[i]->deadline_ms;
    }
    int64_t least_ms = osy_clock_monotonic_ms() + ATTEMPT_LEAST_MS;
    return deadline_ms > least_ms ? deadline_ms : least_ms;
}

/* One line when trouble begins, one when it is over. */
static void report(struct lane *lane, bool failed, const struct osy_error *err)
{
    if (failed && !lane->is_failing)
        OSY_WARN("order_writer_failing", OSY_ERR(err));
    if (!failed && lane->is_failing)
        OSY_INFO("order_writer_recovered", OSY_INT("backoff_attempts", lane->backoff.attempt));
    lane->is_failing = failed;
}

static void mark_sent(struct api_order_command *const *commands, size_t count, bool was_sent)
{
    for (size_t i = 0; i < count; i++)
        commands[i]->was_sent = was_sent;
}

/* Hands the decided commands over in the order of their sequence numbers: in a transaction creations come
 * before changes. */
static void collect_decided(struct queue *decided, struct api_order_command **commands,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!commands[i]->step && is_decided(commands[i]))
            queue_push(decided, commands[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->step && is_decided(commands[i]))
            queue_push(decided, commands[i]);
    }
}

static void note_commit(struct api_order_command **commands, size_t count)
{
    uint64_t now_ns = osy_clock_monotonic_ns();
    for (size_t i = 0; i < count; i++)
        commands[i]->committed_ns = now_ns;
}

/* Whether PostgreSQL answered, for better or worse. */
static void note_end(struct api_order_writer *writer, enum api_batch_end end, uint64_t started_ns)
{
    bool was_answered = end != API_BATCH_UNSENT && end != API_BATCH_LOST;
    if (writer->breaker)
        osy_breaker_note(writer->breaker, was_answered, (int64_t)(started_ns / 1000000),
                         osy_clock_monotonic_ms());
}

/*
 * Runs commands as one transaction. If the database refuses it, each half is run by itself, so that the
 * command that broke a rule fails alone. False: the database is in trouble, come back later; those without
 * an outcome have to be run again.
 */
static bool run_commands(struct lane *lane, struct api_order_command **commands, size_t count,
                         struct queue *decided)
{
    struct api_order_writer *writer = lane->writer;
    struct osy_error err = {0};
    uint64_t started_ns = osy_clock_monotonic_ns();
    enum api_batch_end end = api_order_session_run(lane->session, commands, count,
                                                   attempt_deadline(commands, count), &err);
    note_end(writer, end, started_ns);
    switch (end) {
    case API_BATCH_COMMITTED:
        osy_metric_observe(writer->commit_seconds,
                           (double)(osy_clock_monotonic_ns() - started_ns) / 1e9);
        osy_metric_observe(writer->batch_size, (double)count);
        note_commit(commands, count);
        report(lane, false, &err);
        osy_backoff_reset(&lane->backoff);
        collect_decided(decided, commands, count);
        return true;
    case API_BATCH_REFUSED:
        if (count > 1)
            return run_commands(lane, commands, count / 2, decided) &&
                   run_commands(lane, commands + count / 2, count - count / 2, decided);
        OSY_ERROR("order_command_refused", OSY_ERR(&err));
        commands[0]->result.outcome = API_ORDER_FAILED;
        queue_push(decided, commands[0]);
        return true;
    case API_BATCH_BUSY:
    case API_BATCH_UNSENT: break;
    case API_BATCH_LOST: mark_sent(commands, count, true); break;
    }
    report(lane, true, &err);
    return false;
}

/* Keeps the undecided commands, in order, and gives up on those that are late. */
static void keep_undecided(struct lane *lane, size_t count, struct queue *decided)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct api_order_command *command = lane->batch[i];
        if (command->deadline_ms > now_ms) {
            lane->batch[kept++] = command;
            continue;
        }
        command->result.outcome = command->was_sent ? API_ORDER_UNCERTAIN : API_ORDER_UNAVAILABLE;
        queue_push(decided, command);
    }
    lane->batch_count = kept;
}

static size_t drop_decided(struct api_order_command **commands, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_decided(commands[i]))
            commands[kept++] = commands[i];
    }
    return kept;
}

static void hand_over(struct api_order_writer *writer, struct queue *decided)
{
    if (!decided->head)
        return;
    pthread_mutex_lock(&writer->done_mutex);
    *writer->done.tail = decided->head;
    writer->done.tail = decided->tail;
    writer->done.count += decided->count;
    pthread_mutex_unlock(&writer->done_mutex);
    uv_async_send(&writer->wake_loop);
}

static void *run_lane(void *context)
{
    struct lane *lane = context;
    while (fill_batch(lane)) {
        struct queue decided;
        queue_init(&decided);
        bool ok = run_commands(lane, lane->batch, lane->batch_count, &decided);
        /* From here on a decided command belongs to the loop as soon as it is handed over. */
        keep_undecided(lane, drop_decided(lane->batch, lane->batch_count), &decided);
        hand_over(lane->writer, &decided);
        lane->ended_ms = osy_clock_monotonic_ms();
        if (!ok)
            back_off(lane);
    }
    return NULL;
}

/* ---- the loop ---- */

/* FNV-1a */
static struct group *find_group(struct api_order_writer *writer,
                                const struct osy_uuid *restaurant_id)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < OSY_UUID_BYTES; i++)
        hash = (hash ^ restaurant_id->bytes[i]) * 16777619u;
    return &writer->groups[hash % GROUPS];
}

static void publish(struct api_order_writer *writer, const struct api_order_command *command)
{
    const struct osy_event event = api_order_command_event(command);
    api_publisher_publish(writer->publisher, &event, command->committed_ns);
}

static void finish(struct api_order_writer *writer, struct api_order_command *command)
{
    struct group *group = find_group(writer, &command->restaurant_id);
    group->pending--;
    group->lane->pending--;
    group->lane->moved_ms = osy_clock_monotonic_ms();
    writer->pending--;
    osy_metric_set(writer->queue_depth, (double)writer->pending);
    osy_metric_inc(writer->outcomes[command->result.outcome]);
    OSY_FAILPOINT("writer.before_reply", "the reply to a decided command is sent");
    command->on_done(command);
    if (is_written(command)) {
        if (!command->step)
            osy_metric_inc(writer->created);
        else if (command->step->to)
            osy_metric_inc(osy_metric_with(writer->changes, &command->step->to));
        osy_metric_observe(writer->taken_to_committed,
                           (double)(command->committed_ns - command->taken_ns) / 1e9);
        if (writer->publisher)
            publish(writer, command);
    }
    api_order_command_destroy(command);
}

static void on_decided(uv_async_t *handle)
{
    struct api_order_writer *writer = handle->data;
    struct queue done;
    pthread_mutex_lock(&writer->done_mutex);
    done.head = writer->done.head;
    queue_init(&writer->done);
    pthread_mutex_unlock(&writer->done_mutex);

    while (done.head) {
        struct api_order_command *command = done.head;
        done.head = command->next;
        finish(writer, command);
    }
}

/* Its batch waits for a lock that somebody holds who is frozen, or for the answer of a connection that is lost. */
static bool is_stuck(const struct lane *lane, int64_t now_ms)
{
    return lane->pending > 0 && now_ms - lane->moved_ms > STUCK_MS;
}

/* While there is little to do the first lane has it all: a transaction alone costs PostgreSQL as much as ten orders
 * in it, so few commands had better share one. But no restaurant has to wait for another one's lock. */
static struct lane *choose_lane(struct api_order_writer *writer, const struct group *group)
{
    size_t first = writer->pending < SPREAD_FROM ? 0 : (size_t)(group - writer->groups);
    struct lane *wanted = &writer->lanes[first % writer->lane_count], *lane = wanted;
    int64_t now_ms = osy_clock_monotonic_ms();
    for (size_t i = 1; i < writer->lane_count && is_stuck(lane, now_ms); i++)
        lane = &writer->lanes[(first + i) % writer->lane_count];
    return is_stuck(lane, now_ms) ? wanted : lane;
}

bool api_order_writer_has_room(const struct api_order_writer *writer)
{
    return writer->pending < writer->queue_max;
}

/* Nobody waits for a PostgreSQL that does not answer. */
static void refuse(struct api_order_writer *writer, struct api_order_command *command)
{
    struct queue refused;
    queue_init(&refused);
    command->result.outcome = API_ORDER_UNAVAILABLE;
    queue_push(&refused, command);
    hand_over(writer, &refused);
}

static bool may_ask(struct api_order_writer *writer, int64_t now_ms)
{
    return !writer->breaker || osy_breaker_allows(writer->breaker, now_ms);
}

bool api_order_writer_submit(struct api_order_writer *writer, struct api_order_command *command)
{
    if (!api_order_writer_has_room(writer))
        return false;
    struct group *group = find_group(writer, &command->restaurant_id);
    if (group->pending++ == 0)
        group->lane = choose_lane(writer, group);
    struct lane *lane = group->lane;
    int64_t now_ms = osy_clock_monotonic_ms();
    if (lane->pending++ == 0)
        lane->moved_ms = now_ms;
    command->deadline_ms = now_ms + writer->deadline_ms;
    command->taken_ns = osy_clock_monotonic_ns();
    writer->pending++;
    osy_metric_set(writer->queue_depth, (double)writer->pending);
    if (!may_ask(writer, now_ms)) {
        refuse(writer, command);
        return true;
    }
    pthread_mutex_lock(&lane->mutex);
    queue_push(&lane->queue, command);
    /* Its thread waits for the first one, or for enough of them; the others need not wake it. */
    if (lane->queue.count == 1 || is_enough(writer, lane->queue.count))
        pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
    return true;
}

size_t api_order_writer_pending(const struct api_order_writer *writer)
{
    return writer->pending;
}

/* ---- life ---- */

/* All at once: looking one up takes a lock, and each order has one. */
static void register_outcomes(struct api_order_writer *writer, struct osy_metrics *metrics)
{
    struct osy_metric_family *family = osy_metrics_counter_family(
        metrics, "order_outcomes_total", "What became of orders and status changes", "outcome");
    for (int i = 0; i < API_ORDER_OUTCOME_COUNT; i++) {
        const char *name = api_order_outcome_name((enum api_order_outcome)i);
        writer->outcomes[i] = osy_metric_with(family, &name);
    }
}

static void register_metrics(struct api_order_writer *writer, struct osy_metrics *metrics)
{
    writer->batch_size = osy_metrics_histogram(
        metrics, "order_writer_batch_size", "Commands in one transaction", batch_size_bounds,
        sizeof batch_size_bounds / sizeof batch_size_bounds[0]);
    writer->commit_seconds = osy_metrics_histogram(
        metrics, "order_writer_commit_seconds", "Duration of the writer's transactions",
        osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    writer->taken_to_committed = osy_metrics_histogram(
        metrics, "order_writer_taken_to_committed_seconds",
        "From when the writer took an order or status change to when it was committed",
        osy_metrics_stage_bounds, osy_metrics_stage_bound_count);
    writer->queue_depth = osy_metrics_gauge(metrics, "order_writer_queue_depth",
                                            "Commands that wait or are under way");
    writer->created =
        osy_metrics_counter(metrics, "orders_created_total", "Orders that were written");
    writer->changes = osy_metrics_counter_family(metrics, "order_changes_total",
                                                 "Status changes that were written", "to");
    register_outcomes(writer, metrics);
}

static void init_lane(struct lane *lane, struct api_order_writer *writer, const char *database_url)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    queue_init(&lane->queue);
    lane->writer = writer;
    lane->session = api_order_session_create(database_url);
    lane->batch = osy_alloc_array(writer->batch_max, sizeof(struct api_order_command *));
    lane->backoff = (struct osy_backoff){.first_ms = BACKOFF_FIRST_MS, .most_ms = BACKOFF_MOST_MS};
}

static void deinit_lane(struct lane *lane)
{
    api_order_session_destroy(lane->session);
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->mutex);
    free(lane->batch);
}

struct api_order_writer *api_order_writer_create(uv_loop_t *loop,
                                                 const struct api_order_writer_options *options,
                                                 struct osy_error *err)
{
    struct api_order_writer *writer = osy_alloc(sizeof *writer);
    writer->lane_count = options->lanes;
    writer->queue_max = options->queue_max;
    writer->batch_max = options->batch_max;
    writer->linger_ms = options->linger_ms;
    writer->deadline_ms = options->deadline_ms;
    writer->publisher = options->publisher;
    writer->breaker = options->breaker;
    pthread_mutex_init(&writer->done_mutex, NULL);
    queue_init(&writer->done);
    register_metrics(writer, options->metrics);
    uv_async_init(loop, &writer->wake_loop, on_decided);
    writer->wake_loop.data = writer;
    writer->lanes = osy_alloc_array(writer->lane_count, sizeof *writer->lanes);
    for (size_t i = 0; i < writer->lane_count; i++)
        init_lane(&writer->lanes[i], writer, options->database_url);

    while (writer->lanes_started < writer->lane_count) {
        struct lane *lane = &writer->lanes[writer->lanes_started];
        if (pthread_create(&lane->thread, NULL, run_lane, lane) != 0) {
            osy_error_set(err, OSY_ERR_IO, "cannot start a thread of the order writer");
            api_order_writer_destroy(writer);
            return NULL;
        }
        writer->lanes_started++;
    }
    return writer;
}

static void on_closed(uv_handle_t *handle)
{
    struct api_order_writer *writer = handle->data;
    pthread_mutex_destroy(&writer->done_mutex);
    free(writer->lanes);
    free(writer);
}

static void stop_lane(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    lane->stopping = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
}

void api_order_writer_destroy(struct api_order_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->lanes_started; i++)
        stop_lane(&writer->lanes[i]);
    for (size_t i = 0; i < writer->lanes_started; i++)
        pthread_join(writer->lanes[i].thread, NULL);
    on_decided(&writer->wake_loop);
    for (size_t i = 0; i < writer->lane_count; i++)
        deinit_lane(&writer->lanes[i]);
    uv_close((uv_handle_t *)&writer->wake_loop, on_closed);
}
