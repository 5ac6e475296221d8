/*
 * The order writer against a real PostgreSQL (DATABASE_URL, see with_postgres): races, batches with a bad
 * member, lost connections. Every test has a restaurant of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "api/orders/command.h"
#include "api/orders/status.h"
#include "api/orders/writer.h"
#include "api/privacy/account.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/error.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/uuid.h"
#include "tests/integration/writer/database.h"

enum {
    ITEMS = 4,
    SAFETY_MS = 60000, /* a test that waits longer for an answer has failed */
};

/* What is left of a command when it came back. */
struct answer {
    bool is_back;
    enum api_order_outcome outcome;
    struct osy_uuid order_id;
    uint64_t seq, version;
    char *data;
    char changed_by[16];
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t safety;
    struct osy_metrics *metrics;
    struct api_order_writer *writer;
    struct osy_pg *pg; /* the test's own connection */
    struct osy_uuid restaurant_id;
    struct osy_uuid items[ITEMS];
    size_t waiting;
    struct answer *all[20000]; /* owned */
    size_t count;
};

/* ---- help ---- */

static PGresult *query(struct fixture *f, const char *sql, int count, const char *const *values)
{
    return database_query(f->pg, sql, count, values);
}

/* The one number that sql gives for this restaurant ($1). */
static int64_t ask(struct fixture *f, const char *sql)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->restaurant_id, id);
    PGresult *result = query(f, sql, 1, (const char *const[]){id});
    int64_t number = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    PQclear(result);
    return number;
}

static void set_stock(struct fixture *f, int item, const char *stock)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->items[item], id);
    PQclear(query(f, "UPDATE menu_items SET stock = $2::integer WHERE id = $1::uuid", 2,
                  (const char *const[]){id, stock}));
}

static int64_t stock(struct fixture *f, int item)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->items[item], id);
    PGresult *result =
        query(f, "SELECT stock FROM menu_items WHERE id = $1::uuid", 1, (const char *const[]){id});
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static struct api_order_writer *make_writer(struct fixture *f, const char *url,
                                            struct osy_metrics *metrics, uint32_t lanes,
                                            uint32_t batch_max, uint32_t deadline_ms)
{
    struct osy_error err = {0};
    struct api_order_writer *writer =
        api_order_writer_create(&f->loop,
                                &(struct api_order_writer_options){.database_url = url,
                                                                   .lanes = lanes,
                                                                   .queue_max = 20000,
                                                                   .batch_max = batch_max,
                                                                   .deadline_ms = deadline_ms,
                                                                   .metrics = metrics},
                                &err);
    if (!writer)
        fail_msg("%s", err.message);
    return writer;
}

static void end_writer(struct fixture *f, struct api_order_writer *writer,
                       struct osy_metrics *metrics)
{
    api_order_writer_destroy(writer);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    osy_metrics_destroy(metrics);
}

static int set_up(void **state)
{
    struct fixture *f = osy_alloc(sizeof *f);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->safety);
    f->metrics = osy_metrics_create();
    f->pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    database_add_restaurant(f->pg, &f->restaurant_id, f->items, ITEMS);
    f->writer = make_writer(f, database_url_as("ordersync_api"), f->metrics, 2, 512, 60000);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_order_writer_destroy(f->writer);
    uv_close((uv_handle_t *)&f->safety, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_loop_close(&f->loop);
    osy_metrics_destroy(f->metrics);
    osy_pg_destroy(f->pg);
    for (size_t i = 0; i < f->count; i++) {
        free(f->all[i]->data);
        free(f->all[i]);
    }
    free(f);
    return 0;
}

struct ticket {
    struct fixture *fixture;
    struct answer *answer;
};

static void on_done(struct api_order_command *command)
{
    struct ticket *ticket = command->context;
    struct answer *answer = ticket->answer;
    const struct api_order_result *result = &command->result;
    assert_false(answer->is_back);
    *answer = (struct answer){.is_back = true,
                              .outcome = result->outcome,
                              .order_id = result->order_id,
                              .seq = result->seq,
                              .version = result->version,
                              .data = result->data ? osy_strdup(result->data) : NULL};
    memcpy(answer->changed_by, result->changed_by, sizeof answer->changed_by);
    ticket->fixture->waiting--;
    free(ticket);
}

static struct answer *submit_to(struct api_order_writer *writer, struct fixture *f,
                                struct api_order_command *command)
{
    struct ticket *ticket = osy_alloc(sizeof *ticket);
    struct answer *answer = osy_alloc(sizeof *answer);
    *ticket = (struct ticket){f, answer};
    if (!command->on_done)
        command->on_done = on_done;
    command->context = ticket;
    f->all[f->count++] = answer;
    f->waiting++;
    assert_true(api_order_writer_submit(writer, command));
    return answer;
}

static struct answer *submit(struct fixture *f, struct api_order_command *command)
{
    return submit_to(f->writer, f, command);
}

/* Leaving libuv by longjmp is no option, so this ends the program. */
static void on_safety_timeout(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "the answers did not come\n");
    abort();
}

static void run_once(struct fixture *f)
{
    uv_timer_start(&f->safety, on_safety_timeout, SAFETY_MS, 0);
    uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->safety);
}

static void wait_for_answers(struct fixture *f)
{
    while (f->waiting > 0)
        run_once(f);
}

static struct api_order_command *new_order(struct fixture *f, int item, int quantity)
{
    struct api_order_command *command = api_order_command_create(NULL);
    command->order_id = osy_uuid_v7();
    command->restaurant_id = f->restaurant_id;
    command->actor_role = "guest";
    command->draft.line_count = 1;
    command->draft.lines[0] =
        (struct api_order_line){.item_id = f->items[item], .quantity = quantity};
    osy_buffer_text(&command->draft.name, "name");
    osy_buffer_text(&command->draft.phone, "phone");
    osy_buffer_text(&command->draft.address, "address");
    return command;
}

static struct api_order_command *new_step(struct fixture *f, const char *step,
                                          const struct osy_uuid *order_id)
{
    struct api_order_command *command = api_order_command_create(api_order_step_find(step));
    command->order_id = *order_id;
    command->restaurant_id = f->restaurant_id;
    command->actor_role = "staff";
    return command;
}

static struct api_order_command *with_key(struct api_order_command *command, int key, int body)
{
    command->has_key = true;
    memcpy(command->key_hash, &key, sizeof key);
    memcpy(command->body_hash, &body, sizeof body);
    return command;
}

static struct osy_uuid place_order(struct fixture *f, int item, int quantity)
{
    struct answer *answer = submit(f, new_order(f, item, quantity));
    wait_for_answers(f);
    assert_int_equal(answer->outcome, API_ORDER_DONE);
    return answer->order_id;
}

static size_t count_outcome(struct answer *const *answers, size_t count,
                            enum api_order_outcome outcome)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += answers[i]->outcome == outcome;
    return found;
}

/* Numbers 1 to n, each once, and n is what the stream says. */
static void assert_no_holes(struct fixture *f)
{
    int64_t seq = ask(f, "SELECT seq FROM restaurant_streams WHERE restaurant_id = $1::uuid");
    assert_int_equal(ask(f, "SELECT count(*) FROM order_events WHERE restaurant_id = $1::uuid"),
                     seq);
    assert_int_equal(
        ask(f, "SELECT coalesce(max(seq), 0) FROM order_events WHERE restaurant_id = $1::uuid"),
        seq);
    assert_int_equal(
        ask(f, "SELECT count(*) FROM restaurant_streams s JOIN order_events e"
               " ON (e.restaurant_id, e.seq, e.id) = (s.restaurant_id, s.seq, s.last_event_id)"
               " WHERE s.restaurant_id = $1::uuid"),
        seq > 0);
}

/* ---- tests ---- */

static void stock_race_sells_exactly_the_stock(void **state)
{
    struct fixture *f = *state;
    struct answer *answers[100];
    set_stock(f, 0, "10");
    for (int i = 0; i < 100; i++)
        answers[i] = submit(f, new_order(f, 0, 1));
    wait_for_answers(f);
    assert_int_equal(count_outcome(answers, 100, API_ORDER_DONE), 10);
    assert_int_equal(count_outcome(answers, 100, API_ORDER_OUT_OF_STOCK), 90);
    assert_int_equal(stock(f, 0), 0);
    assert_no_holes(f);
}

static void two_processes_sell_exactly_the_stock(void **state)
{
    struct fixture *f = *state;
    struct osy_metrics *metrics = osy_metrics_create();
    struct api_order_writer *other =
        make_writer(f, database_url_as("ordersync_api"), metrics, 1, 16, 60000);
    struct answer *answers[400];
    set_stock(f, 0, "150");
    for (int i = 0; i < 400; i++)
        answers[i] = submit_to(i % 2 ? other : f->writer, f, new_order(f, 0, 1 + i % 3));
    wait_for_answers(f);
    int64_t sold = 0;
    for (int i = 0; i < 400; i++) {
        if (answers[i]->outcome == API_ORDER_DONE)
            sold += 1 + i % 3;
    }
    assert_int_equal(sold, 150); /* orders of one portion use up whatever is left */
    assert_int_equal(stock(f, 0), 0);
    assert_no_holes(f);
    end_writer(f, other, metrics);
}

static void an_order_that_may_fit_waits_for_those_before_it(void **state)
{
    struct fixture *f = *state;
    set_stock(f, 0, "5");
    struct answer *first = submit(f, new_order(f, 0, 3));
    struct answer *too_much = submit(f, new_order(f, 0, 3));
    struct answer *fits = submit(f, new_order(f, 0, 2));
    wait_for_answers(f);
    assert_int_equal(first->outcome, API_ORDER_DONE);
    assert_int_equal(too_much->outcome, API_ORDER_OUT_OF_STOCK);
    assert_int_equal(fits->outcome, API_ORDER_DONE);
    assert_int_equal(stock(f, 0), 0);
}

/* So many lines of an item with the longest name there may be; JSON needs six bytes for each of its characters. */
static struct api_order_command *new_long_order(struct fixture *f, size_t lines)
{
    struct api_order_command *command = new_order(f, 0, 1);
    for (size_t i = 1; i < lines; i++)
        command->draft.lines[i] = command->draft.lines[0];
    command->draft.line_count = lines;
    return command;
}

static void an_order_that_fits_no_frame_is_refused_alone(void **state)
{
    struct fixture *f = *state;
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&f->items[0], id);
    PQclear(query(f, "UPDATE menu_items SET name = repeat(chr(1), 200) WHERE id = $1::uuid", 1,
                  (const char *const[]){id}));
    struct answer *before = submit(f, new_order(f, 1, 1));
    struct answer *too_large = submit(f, new_long_order(f, 45));
    struct answer *large = submit(f, new_long_order(f, 40));
    wait_for_answers(f);
    assert_int_equal(before->outcome, API_ORDER_DONE);
    assert_int_equal(too_large->outcome, API_ORDER_TOO_LARGE);
    assert_int_equal(large->outcome, API_ORDER_DONE);
    struct api_order_command *reject = new_step(f, "reject", &large->order_id);
    reject->change.reason = osy_alloc(200 * 2 + 1);
    for (size_t i = 0; i < 400; i += 2) /* the longest reason of two-byte characters */
        memcpy(reject->change.reason + i, "é", 2);
    struct answer *rejected = submit(f, reject);
    wait_for_answers(f);
    assert_int_equal(rejected->outcome, API_ORDER_DONE);
    assert_no_holes(f);
}

static void a_key_that_comes_often_makes_one_order(void **state)
{
    struct fixture *f = *state;
    struct answer *answers[20];
    for (int i = 0; i < 20; i++)
        answers[i] = submit(f, with_key(new_order(f, 0, 1), 7, 1));
    struct answer *reused = submit(f, with_key(new_order(f, 0, 2), 7, 2));
    wait_for_answers(f);
    assert_int_equal(count_outcome(answers, 20, API_ORDER_DONE), 1);
    assert_int_equal(count_outcome(answers, 20, API_ORDER_REPLAY), 19);
    for (int i = 1; i < 20; i++)
        assert_string_equal(answers[i]->data, answers[0]->data);
    assert_int_equal(reused->outcome, API_ORDER_KEY_REUSED);
    assert_int_equal(ask(f, "SELECT count(*) FROM orders WHERE restaurant_id = $1::uuid"), 1);
}

static void a_refused_request_leaves_no_record_of_its_key(void **state)
{
    struct fixture *f = *state;
    set_stock(f, 0, "0");
    struct answer *refused = submit(f, with_key(new_order(f, 0, 1), 8, 1));
    wait_for_answers(f);
    set_stock(f, 0, "1");
    struct answer *again = submit(f, with_key(new_order(f, 0, 1), 8, 1));
    wait_for_answers(f);
    assert_int_equal(refused->outcome, API_ORDER_OUT_OF_STOCK);
    assert_int_equal(again->outcome, API_ORDER_DONE);
}

static struct api_order_command *new_order_of(struct fixture *f, const struct osy_uuid *customer)
{
    struct api_order_command *command = new_order(f, 0, 1);
    command->actor_role = "customer";
    command->actor_id = *customer;
    command->has_actor = true;
    return command;
}

/* Their data key was read, and the order sealed with it, before it was destroyed. */
static void a_customer_who_is_erased_meanwhile_places_no_order(void **state)
{
    struct fixture *f = *state;
    const struct osy_uuid erased = osy_uuid_v7(), other = osy_uuid_v7();
    char id[OSY_UUID_TEXT_BYTES];
    struct api_account_end end;
    osy_uuid_format(&erased, id);
    struct answer *before = submit(f, with_key(new_order_of(f, &erased), 9, 1));
    wait_for_answers(f);
    struct api_order_command *late = new_order_of(f, &erased);
    assert_true(api_account_erase(f->pg, id, &end, NULL));
    struct answer *refused = submit(f, late);
    struct answer *again = submit(f, with_key(new_order_of(f, &erased), 9, 1));
    struct answer *others = submit(f, new_order_of(f, &other));
    wait_for_answers(f);
    assert_int_equal(before->outcome, API_ORDER_DONE);
    assert_int_equal(refused->outcome, API_ORDER_CUSTOMER_ERASED);
    assert_int_equal(again->outcome, API_ORDER_REPLAY); /* what was done was done */
    assert_int_equal(others->outcome, API_ORDER_DONE);
    assert_int_equal(ask(f, "SELECT count(*) FROM orders WHERE restaurant_id = $1::uuid"), 2);
}

static void the_first_step_wins_inside_a_batch(void **state)
{
    struct fixture *f = *state;
    struct osy_uuid order_id = place_order(f, 0, 1);
    struct answer *accepted = submit(f, new_step(f, "accept", &order_id));
    struct answer *rejected = submit(f, new_step(f, "reject", &order_id));
    struct answer *prepared = submit(f, new_step(f, "prepare", &order_id));
    wait_for_answers(f);
    assert_int_equal(accepted->outcome, API_ORDER_DONE);
    assert_int_equal(accepted->version, 2);
    assert_int_equal(rejected->outcome, API_ORDER_CONFLICT);
    assert_string_equal(rejected->changed_by, "staff");
    assert_string_equal(rejected->data, accepted->data);
    assert_int_equal(prepared->outcome, API_ORDER_DONE);
    assert_int_equal(prepared->version, 3);
}

static void a_step_that_names_another_version_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct osy_uuid order_id = place_order(f, 0, 1);
    struct api_order_command *stale = new_step(f, "accept", &order_id);
    struct api_order_command *fresh = new_step(f, "accept", &order_id);
    stale->change.version = 2;
    fresh->change.version = 1;
    struct answer *refused = submit(f, stale), *accepted = submit(f, fresh);
    wait_for_answers(f);
    assert_int_equal(refused->outcome, API_ORDER_CONFLICT);
    assert_int_equal(accepted->outcome, API_ORDER_DONE);
}

static void an_order_of_another_restaurant_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct osy_uuid order_id = place_order(f, 0, 1);
    database_add_restaurant(f->pg, &f->restaurant_id, f->items, ITEMS);
    struct answer *answer = submit(f, new_step(f, "accept", &order_id));
    wait_for_answers(f);
    assert_int_equal(answer->outcome, API_ORDER_NOT_FOUND);
}

static void cancelling_gives_counted_stock_back(void **state)
{
    struct fixture *f = *state;
    set_stock(f, 0, "3");
    struct osy_uuid order_id = place_order(f, 0, 2);
    assert_int_equal(stock(f, 0), 1);
    struct answer *cancelled = submit(f, new_step(f, "cancel", &order_id));
    wait_for_answers(f);
    assert_int_equal(cancelled->outcome, API_ORDER_DONE);
    assert_int_equal(stock(f, 0), 3);
}

static void a_command_that_the_database_refuses_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct answer *answers[100];
    for (int i = 0; i < 100; i++) {
        struct api_order_command *command = new_order(f, 0, 1);
        if (i == 37)
            command->actor_role = NULL; /* NOT NULL in the schema, and unknown to the statement */
        answers[i] = submit(f, command);
    }
    wait_for_answers(f);
    assert_int_equal(answers[37]->outcome, API_ORDER_FAILED);
    assert_int_equal(count_outcome(answers, 100, API_ORDER_DONE), 99);
    assert_no_holes(f);
}

/* Another transaction holds the restaurant's stream, as a writer of another process would. */
static struct osy_pg *hold_stream(struct fixture *f)
{
    struct osy_error err = {0};
    char id[OSY_UUID_TEXT_BYTES];
    struct osy_pg *holder = osy_pg_create(
        &(struct osy_pg_options){.url = database_url(),
                                 .application_name = "holder",
                                 .settings = "-c idle_in_transaction_session_timeout=0"});
    osy_uuid_format(&f->restaurant_id, id);
    PQclear(osy_pg_query(holder, "BEGIN", 0, NULL, &err));
    PQclear(osy_pg_query(
        holder, "SELECT 1 FROM restaurant_streams WHERE restaurant_id = $1::uuid FOR UPDATE", 1,
        (const char *const[]){id}, &err));
    assert_int_equal(err.code, OSY_OK);
    return holder;
}

/* Until a writer's transaction waits for that lock. */
static void wait_for_blocked_writer(struct fixture *f)
{
    int64_t until_ms = osy_clock_monotonic_ms() + SAFETY_MS;
    while (ask(f,
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ordersync-writer'"
               " AND wait_event_type = 'Lock' AND $1::uuid IS NOT NULL") == 0) {
        assert_true(osy_clock_monotonic_ms() < until_ms);
        usleep(1000);
    }
}

static struct answer *order_elsewhere(struct fixture *f)
{
    struct osy_uuid restaurant_id, item;
    struct api_order_command *command = new_order(f, 0, 1);
    database_add_restaurant(f->pg, &restaurant_id, &item, 1);
    command->restaurant_id = restaurant_id;
    command->draft.lines[0].item_id = item;
    return submit(f, command);
}

static bool is_any_back(struct answer *const *answers, int count)
{
    for (int i = 0; i < count; i++) {
        if (answers[i]->is_back)
            return true;
    }
    return false;
}

/* Those that come before the lane counts as hanging wait with it, as do restaurants whose ids hash alike. */
static void a_restaurant_that_is_held_does_not_hold_the_others(void **state)
{
    enum { MOST = 50 }; /* not so many that all lanes work, hanging or not */
    struct fixture *f = *state;
    struct osy_pg *holder = hold_stream(f);
    struct answer *held = submit(f, new_order(f, 0, 1)), *others[MOST];
    wait_for_blocked_writer(f);
    int count = 0;
    while (!is_any_back(others, count)) {
        assert_true(count < MOST);
        others[count++] = order_elsewhere(f);
        usleep(10000);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    assert_false(held->is_back);
    osy_pg_destroy(holder);
    wait_for_answers(f);
    assert_int_equal(held->outcome, API_ORDER_DONE);
    for (int i = 0; i < count; i++)
        assert_int_equal(others[i]->outcome, API_ORDER_DONE);
    assert_no_holes(f);
}

static void terminate_writers(struct fixture *f)
{
    ask(f, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
           " WHERE application_name = 'ordersync-writer' AND $1::uuid IS NOT NULL");
}

static void a_connection_that_dies_in_a_transaction_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct answer *answers[50];
    struct osy_pg *holder = hold_stream(f);
    for (int i = 0; i < 50; i++)
        answers[i] = submit(f, new_order(f, 0, 1));
    wait_for_blocked_writer(f);
    terminate_writers(f);
    osy_pg_destroy(holder);
    wait_for_answers(f);
    assert_int_equal(count_outcome(answers, 50, API_ORDER_DONE), 50);
    assert_int_equal(ask(f, "SELECT count(*) FROM orders WHERE restaurant_id = $1::uuid"), 50);
    assert_no_holes(f);
}

/* The connections are killed whenever some more answers have come, while the next transactions are under
 * way: before, in and after their commit. */
static void commands_are_written_once_however_often_the_connection_dies(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 3000, ANSWERS_PER_KILL = 60 };
    static struct answer *answers[COUNT];
    struct osy_metrics *metrics = osy_metrics_create();
    struct api_order_writer *victim =
        make_writer(f, database_url_as("ordersync_api"), metrics, 1, 16, 60000);
    set_stock(f, 0, "1000000");
    for (int i = 0; i < COUNT; i++)
        answers[i] = submit_to(victim, f, new_order(f, 0, 1));
    for (size_t kill_at = COUNT - ANSWERS_PER_KILL; f->waiting > 0;) {
        run_once(f);
        if (f->waiting > 0 && f->waiting <= kill_at) {
            terminate_writers(f);
            kill_at = f->waiting > ANSWERS_PER_KILL ? f->waiting - ANSWERS_PER_KILL : 0;
        }
    }
    assert_int_equal(count_outcome(answers, COUNT, API_ORDER_DONE), COUNT);
    assert_int_equal(ask(f, "SELECT count(*) FROM orders WHERE restaurant_id = $1::uuid"), COUNT);
    assert_int_equal(stock(f, 0), 1000000 - COUNT);
    assert_no_holes(f);
    end_writer(f, victim, metrics);
}

static void a_late_command_is_answered_as_uncertain(void **state)
{
    struct fixture *f = *state;
    struct osy_metrics *metrics = osy_metrics_create();
    struct api_order_writer *hasty =
        make_writer(f, database_url_as("ordersync_api"), metrics, 1, 512, 100);
    struct osy_pg *holder = hold_stream(f);
    struct answer *answer = submit_to(hasty, f, new_order(f, 0, 1));
    wait_for_answers(f);
    assert_int_equal(answer->outcome, API_ORDER_UNCERTAIN);
    osy_pg_destroy(holder);
    end_writer(f, hasty, metrics);
}

static void without_a_database_nothing_was_written(void **state)
{
    struct fixture *f = *state;
    struct osy_metrics *metrics = osy_metrics_create();
    struct api_order_writer *lost =
        make_writer(f, "postgresql:///none?host=/nonexistent", metrics, 1, 512, 100);
    struct answer *answer = submit_to(lost, f, new_order(f, 0, 1));
    wait_for_answers(f);
    assert_int_equal(answer->outcome, API_ORDER_UNAVAILABLE);
    end_writer(f, lost, metrics);
}

static void destroying_the_writer_finishes_what_it_took(void **state)
{
    struct fixture *f = *state;
    struct answer *answers[200];
    for (int i = 0; i < 200; i++)
        answers[i] = submit(f, new_order(f, 0, 1));
    api_order_writer_destroy(f->writer);
    f->writer = NULL;
    assert_int_equal(f->waiting, 0);
    assert_int_equal(count_outcome(answers, 200, API_ORDER_DONE), 200);
}

/* ---- against a model ---- */

enum { MODEL_ORDERS = 500, MODEL_COMMANDS = 10000, MODEL_KEYS = 300 };

/* What a restaurant is, without batches, threads and SQL. */
struct model {
    struct osy_uuid ids[MODEL_ORDERS];
    const char *status[MODEL_ORDERS];
    int64_t version[MODEL_ORDERS];
    int stock[ITEMS]; /* -1: not counted */
    bool key_used[MODEL_KEYS];
    int64_t events;
    uint64_t random;
};

static int pick(struct model *model, int bound)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return (int)(model->random % (uint64_t)bound);
}

static enum api_order_outcome model_create(struct model *model, int item, int quantity, int key)
{
    if (key >= 0 && model->key_used[key])
        return API_ORDER_REPLAY;
    if (model->stock[item] >= 0 && model->stock[item] < quantity)
        return API_ORDER_OUT_OF_STOCK;
    if (model->stock[item] >= 0)
        model->stock[item] -= quantity;
    if (key >= 0)
        model->key_used[key] = true;
    model->events++;
    return API_ORDER_DONE;
}

static enum api_order_outcome model_step(struct model *model, int order,
                                         const struct api_order_step *step, int64_t version)
{
    if (!strstr(step->from, model->status[order]))
        return API_ORDER_CONFLICT;
    if (version > 0 && version != model->version[order])
        return API_ORDER_CONFLICT;
    model->status[order] = step->to;
    model->version[order]++;
    model->events++;
    return API_ORDER_DONE;
}

static struct answer *submit_random_order(struct fixture *f, struct model *model,
                                          enum api_order_outcome *expected)
{
    int item = pick(model, ITEMS), quantity = 1 + pick(model, 5);
    int key = pick(model, 4) == 0 ? pick(model, MODEL_KEYS) : -1;
    if (key >= 0) { /* a key goes with one request */
        item = key % ITEMS;
        quantity = 1 + key % 5;
    }
    struct api_order_command *command = new_order(f, item, quantity);
    *expected = model_create(model, item, quantity, key);
    return submit(f, key < 0 ? command : with_key(command, key, key));
}

static struct answer *submit_random_step(struct fixture *f, struct model *model,
                                         enum api_order_outcome *expected)
{
    const struct api_order_step *step = api_order_step_at((size_t)pick(model, 6));
    int order = pick(model, MODEL_ORDERS);
    struct api_order_command *command = new_step(f, step->name, &model->ids[order]);
    command->change.version = pick(model, 3) == 0 ? 1 + pick(model, 4) : 0;
    *expected = model_step(model, order, step, command->change.version);
    return submit(f, command);
}

/* The orders that steps are about exist before, and are of an item that is not counted: inside a batch
 * creations come first, so only commands of one kind may depend on each other here. */
static void prepare_model(struct fixture *f, struct model *model)
{
    static const char *const stocks[ITEMS] = {NULL, "100", "1000", "4000"};
    static const int numbers[ITEMS] = {-1, 100, 1000, 4000};
    struct answer *answers[MODEL_ORDERS];
    for (int i = 0; i < MODEL_ORDERS; i++)
        answers[i] = submit(f, new_order(f, 0, 1));
    wait_for_answers(f);
    for (int i = 0; i < MODEL_ORDERS; i++) {
        assert_int_equal(answers[i]->outcome, API_ORDER_DONE);
        model->ids[i] = answers[i]->order_id;
        model->status[i] = API_ORDER_STATUS_FIRST;
        model->version[i] = 1;
    }
    for (int i = 0; i < ITEMS; i++) {
        set_stock(f, i, stocks[i]);
        model->stock[i] = numbers[i];
    }
    model->events = MODEL_ORDERS;
}

static void batches_decide_like_one_command_after_the_other(void **state)
{
    struct fixture *f = *state;
    static struct answer *answers[MODEL_COMMANDS];
    static enum api_order_outcome expected[MODEL_COMMANDS];
    struct model model = {.random = 88172645463325252u};
    prepare_model(f, &model);
    for (int i = 0; i < MODEL_COMMANDS; i++) {
        answers[i] = pick(&model, 2) ? submit_random_order(f, &model, &expected[i])
                                     : submit_random_step(f, &model, &expected[i]);
        if (pick(&model, 50) == 0)
            uv_run(&f->loop, UV_RUN_ONCE); /* so that batches have many sizes */
    }
    wait_for_answers(f);
    for (int i = 0; i < MODEL_COMMANDS; i++) {
        if (answers[i]->outcome != expected[i])
            fail_msg("command %d: %s instead of %s", i, api_order_outcome_name(answers[i]->outcome),
                     api_order_outcome_name(expected[i]));
    }
    for (int i = 1; i < ITEMS; i++)
        assert_int_equal(stock(f, i), model.stock[i]);
    assert_int_equal(ask(f, "SELECT seq FROM restaurant_streams WHERE restaurant_id = $1::uuid"),
                     model.events);
    assert_no_holes(f);
}

/* The order of answers is the order of publication, so it must be that of the sequence. */
static uint64_t last_seq_seen;

static void on_done_in_order(struct api_order_command *command)
{
    assert_int_equal(command->result.seq, last_seq_seen + 1);
    last_seq_seen = command->result.seq;
    on_done(command);
}

static void answers_come_in_the_order_of_the_sequence(void **state)
{
    struct fixture *f = *state;
    struct osy_uuid orders[200];
    struct answer *answers[200];
    for (int i = 0; i < 200; i++)
        answers[i] = submit(f, new_order(f, 0, 1));
    wait_for_answers(f);
    for (int i = 0; i < 200; i++)
        orders[i] = answers[i]->order_id;
    last_seq_seen = 200;
    for (int i = 0; i < 200; i++) {
        struct api_order_command *step = new_step(f, "accept", &orders[i]);
        struct api_order_command *order = new_order(f, 0, 1);
        step->on_done = on_done_in_order;
        order->on_done = on_done_in_order;
        submit(f, step);
        submit(f, order);
    }
    wait_for_answers(f);
    assert_int_equal(last_seq_seen, 600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stock_race_sells_exactly_the_stock),
        TEST(two_processes_sell_exactly_the_stock),
        TEST(an_order_that_may_fit_waits_for_those_before_it),
        TEST(an_order_that_fits_no_frame_is_refused_alone),
        TEST(a_key_that_comes_often_makes_one_order),
        TEST(a_refused_request_leaves_no_record_of_its_key),
        TEST(a_customer_who_is_erased_meanwhile_places_no_order),
        TEST(the_first_step_wins_inside_a_batch),
        TEST(a_step_that_names_another_version_is_a_conflict),
        TEST(an_order_of_another_restaurant_is_not_found),
        TEST(cancelling_gives_counted_stock_back),
        TEST(a_command_that_the_database_refuses_fails_alone),
        TEST(a_restaurant_that_is_held_does_not_hold_the_others),
        TEST(a_connection_that_dies_in_a_transaction_costs_nothing),
        TEST(commands_are_written_once_however_often_the_connection_dies),
        TEST(a_late_command_is_answered_as_uncertain),
        TEST(without_a_database_nothing_was_written),
        TEST(destroying_the_writer_finishes_what_it_took),
        TEST(batches_decide_like_one_command_after_the_other),
        TEST(answers_come_in_the_order_of_the_sequence),
    };
    osy_log_init("test_order_writer",
                 OSY_LOG_ERROR); /* lost connections are this test's business */
    return cmocka_run_group_tests(tests, database_migrate, NULL);
}
