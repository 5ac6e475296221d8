/*
 * The order writer alone: real commands through the real api_order_writer into a real PostgreSQL, without
 * HTTP and without Redis. tests/bench/orders prepares the database and starts it.
 *
 * Each run writes a number of orders and prints orders per second, latencies from when an order was due,
 * and the CPU time per order of PostgreSQL (with its helpers, from /proc), of the writer's threads and of
 * the loop thread that makes the commands. By default orders come as fast as they are written (a fixed
 * number in flight); with --rate they come on a schedule that waits for nothing.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "api/orders/command.h"
#include "api/orders/writer.h"
#include "loadtest/accounts.h"
#include "loadtest/histogram.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/error.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/random.h"
#include "shared/uuid.h"

enum { RUNS_MAX = 100, DEADLINE_MS = 30000, SCHEDULE_TICK_MS = 1 };

static const char usage[] =
    "Usage: orders [OPTION]...\n\n"
    "Writes orders through the order writer into ORDERSYNC_DATABASE_URL, and prints what that costs.\n"
    "The restaurants and their menus must be there, and the orders stay: use a database for nothing else.\n"
    "DATABASE_URL, if set, is where menus are read (the former may be of a role that sees none by itself).\n"
    "POSTGRES_PIDS names PostgreSQL's main process, whose CPU time is counted.\n\n"
    "  --orders N       orders in a run (100000)      --runs N        measured runs (5), after one to warm up\n"
    "  --in-flight N    orders under way (2048)       --rate N        orders a second; 0: as many as go (0)\n"
    "  --lanes N        writer threads (2)            --batch N       orders in a transaction (512)\n"
    "  --linger MS      wait for company (0)          --restaurants N at most so many (200)\n"
    "  --lines N        lines of an order (2)         --no-keys       without Idempotency-Key\n"
    "  --help           this text\n";

struct options {
    long orders, runs, in_flight, rate, lanes, batch, linger, restaurants, lines, no_keys;
};

/* What can be ordered: per restaurant, `lines` items whose stock is not counted. */
struct menu {
    struct osy_uuid restaurant_id;
    struct osy_uuid items[API_ORDER_LINES_MAX];
};

struct bench;

/* An order under way. */
struct slot {
    struct bench *bench;
    uint64_t due_ns;
    struct slot *next_free;
};

struct bench {
    struct options options;
    struct menu *menus;
    size_t menu_count;
    uv_loop_t loop;
    uv_timer_t schedule;
    struct osy_metrics *metrics;
    struct load_accounts *accounts;
    struct api_order_writer *writer;
    struct slot *slots, *free_slots;

    /* this run */
    uint64_t begun_ns;
    long submitted, finished, failed;
    struct load_histogram latency;
};

struct figures {
    double orders_per_s, postgres_us, lanes_us, loop_us;
};

/* ---- the database ---- */

static PGresult *query(struct osy_pg *pg, const char *sql, int count, const char *const *values)
{
    struct osy_error err = {0};
    PGresult *result = osy_pg_query(pg, sql, count, values, &err);
    if (!result) {
        fprintf(stderr, "orders: %s\n", err.message);
        exit(1);
    }
    return result;
}

static void read_uuid(const PGresult *rows, int row, int column, struct osy_uuid *uuid)
{
    if (!osy_uuid_parse(PQgetvalue(rows, row, column), OSY_UUID_TEXT_BYTES - 1, uuid))
        abort(); /* PostgreSQL's own */
}

static void read_menus(struct bench *bench, struct osy_pg *pg)
{
    char restaurants[24], lines[24];
    snprintf(restaurants, sizeof restaurants, "%ld", bench->options.restaurants);
    snprintf(lines, sizeof lines, "%ld", bench->options.lines);
    PGresult *rows = query(
        pg,
        "SELECT restaurant_id, id FROM ("
        "  SELECT restaurant_id, id, row_number() OVER w AS line, count(*) OVER"
        "         (PARTITION BY restaurant_id) AS items, dense_rank() OVER (ORDER BY restaurant_id DESC)"
        "         AS restaurant FROM menu_items WHERE available AND stock IS NULL"
        "  WINDOW w AS (PARTITION BY restaurant_id ORDER BY position)) item"
        " WHERE restaurant <= $1::bigint AND line <= $2::bigint AND items >= $2::bigint"
        " ORDER BY restaurant_id, line",
        2, (const char *const[]){restaurants, lines});
    bench->menu_count = (size_t)(PQntuples(rows) / bench->options.lines);
    if (bench->menu_count == 0) {
        fprintf(stderr, "orders: no restaurant has so many items of uncounted stock\n");
        exit(1);
    }
    bench->menus = osy_alloc_array(bench->menu_count, sizeof *bench->menus);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct menu *menu = &bench->menus[row / bench->options.lines];
        read_uuid(rows, row, 0, &menu->restaurant_id);
        read_uuid(rows, row, 1, &menu->items[row % bench->options.lines]);
    }
    PQclear(rows);
}

/* Orders that would not survive a power cut are another figure. */
static void print_durability(struct osy_pg *pg)
{
    PGresult *row = query(pg,
                          "SELECT current_setting('server_version'), current_setting('fsync'),"
                          " current_setting('synchronous_commit')",
                          0, NULL);
    printf("PostgreSQL %s, fsync %s, synchronous_commit %s\n", PQgetvalue(row, 0, 0),
           PQgetvalue(row, 0, 1), PQgetvalue(row, 0, 2));
    PQclear(row);
}

/* ---- orders ---- */

/* As long as the real thing is: version, key id, nonce and tag around the text. */
static void add_ciphertext(struct osy_buffer *column, size_t text_bytes)
{
    size_t length = text_bytes + 51;
    osy_buffer_reserve(column, length);
    osy_random_bytes(column->bytes, length);
    column->length = length;
}

static void on_done(struct api_order_command *command);

static struct api_order_command *make_order(struct bench *bench, struct slot *slot)
{
    const struct menu *menu = &bench->menus[osy_random_below(bench->menu_count)];
    struct api_order_command *command = api_order_command_create(NULL);
    command->order_id = osy_uuid_v7();
    command->restaurant_id = menu->restaurant_id;
    command->actor_role = "guest";
    snprintf(command->traceparent, sizeof command->traceparent,
             "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
    if (!bench->options.no_keys) {
        command->has_key = true;
        osy_random_bytes(command->key_hash, sizeof command->key_hash);
        osy_random_bytes(command->body_hash, sizeof command->body_hash);
    }
    command->draft.line_count = (size_t)bench->options.lines;
    for (size_t i = 0; i < command->draft.line_count; i++)
        command->draft.lines[i] = (struct api_order_line){.item_id = menu->items[i], .quantity = 1};
    add_ciphertext(&command->draft.name, 12);
    add_ciphertext(&command->draft.phone, 13);
    add_ciphertext(&command->draft.address, 40);
    command->on_done = on_done;
    command->context = slot;
    return command;
}

static bool submit(struct bench *bench, uint64_t due_ns)
{
    struct slot *slot = bench->free_slots;
    if (!slot)
        return false;
    slot->due_ns = due_ns;
    struct api_order_command *command = make_order(bench, slot);
    if (!api_order_writer_submit(bench->writer, command))
        abort(); /* its queue has room for all slots */
    bench->free_slots = slot->next_free;
    bench->submitted++;
    return true;
}

static void on_done(struct api_order_command *command)
{
    struct slot *slot = command->context;
    struct bench *bench = slot->bench;
    uint64_t now_ns = osy_clock_monotonic_ns();
    bench->finished++;
    bench->failed += command->result.outcome != API_ORDER_DONE;
    if (command->result.outcome == API_ORDER_DONE)
        load_histogram_record(&bench->latency, (now_ns - slot->due_ns) / 1000);
    slot->next_free = bench->free_slots;
    bench->free_slots = slot;
    if (bench->options.rate == 0 && bench->submitted < bench->options.orders)
        (void)submit(bench, now_ns);
}

/* The order after `submitted` others is due then. When all slots are taken it waits, and its latency counts. */
static uint64_t due_ns(const struct bench *bench)
{
    return bench->begun_ns +
           (uint64_t)((double)bench->submitted / (double)bench->options.rate * 1e9);
}

static void on_schedule(uv_timer_t *timer)
{
    struct bench *bench = timer->data;
    uint64_t now_ns = osy_clock_monotonic_ns();
    while (bench->submitted < bench->options.orders && due_ns(bench) <= now_ns &&
           submit(bench, due_ns(bench)))
        ;
}

static void begin(struct bench *bench)
{
    bench->latency = (struct load_histogram){.total = 0};
    bench->submitted = bench->finished = 0;
    bench->begun_ns = osy_clock_monotonic_ns();
    if (bench->options.rate > 0) {
        uv_timer_start(&bench->schedule, on_schedule, 0, SCHEDULE_TICK_MS);
        return;
    }
    while (bench->submitted < bench->options.orders && submit(bench, bench->begun_ns))
        ;
}

/* ---- figures ---- */

static uint64_t own_cpu_us(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct account {
    uint64_t process_us, loop_us, postgres_us;
};

static uint64_t postgres_cpu_us(struct load_accounts *accounts)
{
    struct load_balance balance = {.group_count = 0};
    load_accounts_sample(accounts, false);
    load_accounts_copy(accounts, &balance);
    const struct load_account *postgres = load_balance_find(&balance, "POSTGRES");
    uint64_t cpu_us = postgres ? postgres->cpu_us : 0;
    load_balance_deinit(&balance);
    return cpu_us;
}

static struct account open_account(struct bench *bench)
{
    return (struct account){
        .process_us = own_cpu_us(RUSAGE_SELF),
        .loop_us = own_cpu_us(RUSAGE_THREAD),
        .postgres_us = postgres_cpu_us(bench->accounts),
    };
}

static struct figures run_once(struct bench *bench)
{
    struct account before = open_account(bench);
    long failed_before = bench->failed;
    begin(bench);
    while (bench->finished < bench->options.orders)
        uv_run(&bench->loop, UV_RUN_ONCE);
    long written = bench->finished - (bench->failed - failed_before);
    double orders = written > 0 ? (double)written : 1; /* what it cost is theirs */
    double seconds = (double)(osy_clock_monotonic_ns() - bench->begun_ns) / 1e9;
    uv_timer_stop(&bench->schedule);
    struct account after = open_account(bench);
    double loop_us = (double)(after.loop_us - before.loop_us);
    return (struct figures){
        .orders_per_s = (double)written / seconds,
        .postgres_us = (double)(after.postgres_us - before.postgres_us) / orders,
        .lanes_us = ((double)(after.process_us - before.process_us) - loop_us) / orders,
        .loop_us = loop_us / orders,
    };
}

static void print_run(struct bench *bench, const char *name, const struct figures *figures)
{
    printf("%-8s %10.0f %8.1f %8.1f %8.1f %10.1f %8.1f\n", name, figures->orders_per_s,
           (double)load_histogram_quantile(&bench->latency, 0.5) / 1e3,
           (double)load_histogram_quantile(&bench->latency, 0.99) / 1e3, figures->postgres_us,
           figures->lanes_us, figures->loop_us);
    fflush(stdout);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_median(const char *what, double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    printf("%s: median %.1f (%.1f to %.1f)\n", what, median, values[0], values[count - 1]);
}

static void run_all(struct bench *bench)
{
    size_t runs = (size_t)bench->options.runs;
    double rates[RUNS_MAX], postgres[RUNS_MAX], lanes[RUNS_MAX];
    printf("%-8s %10s %8s %8s %8s %10s %8s\n", "run", "orders/s", "p50 ms", "p99 ms", "PG us",
           "writer us", "loop us");
    for (size_t i = 0; i <= runs; i++) {
        char name[24] = "warm-up";
        struct figures figures = run_once(bench);
        if (i > 0) {
            snprintf(name, sizeof name, "%zu", i);
            rates[i - 1] = figures.orders_per_s;
            postgres[i - 1] = figures.postgres_us;
            lanes[i - 1] = figures.lanes_us;
        }
        print_run(bench, name, &figures);
    }
    print_median("durable orders/s", rates, runs);
    print_median("PostgreSQL CPU us per order", postgres, runs);
    print_median("writer CPU us per order", lanes, runs);
}

/* ---- life ---- */

static void start(struct bench *bench, const char *url)
{
    const struct options *options = &bench->options;
    struct osy_error err = {0};
    bench->metrics = osy_metrics_create();
    bench->accounts = load_accounts_create(NULL);
    uv_loop_init(&bench->loop);
    uv_timer_init(&bench->loop, &bench->schedule);
    bench->schedule.data = bench;
    bench->slots = osy_alloc_array((size_t)options->in_flight, sizeof *bench->slots);
    for (long i = 0; i < options->in_flight; i++) {
        bench->slots[i] = (struct slot){.bench = bench, .next_free = bench->free_slots};
        bench->free_slots = &bench->slots[i];
    }
    bench->writer = api_order_writer_create(
        &bench->loop,
        &(struct api_order_writer_options){.database_url = url,
                                           .lanes = (uint32_t)options->lanes,
                                           .queue_max = (uint32_t)options->in_flight,
                                           .batch_max = (uint32_t)options->batch,
                                           .linger_ms = (uint32_t)options->linger,
                                           .deadline_ms = DEADLINE_MS,
                                           .metrics = bench->metrics},
        &err);
    if (!bench->writer) {
        fprintf(stderr, "orders: %s\n", err.message);
        exit(1);
    }
}

static void stop(struct bench *bench)
{
    api_order_writer_destroy(bench->writer);
    uv_close((uv_handle_t *)&bench->schedule, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    uv_loop_close(&bench->loop);
    osy_metrics_destroy(bench->metrics);
    load_accounts_destroy(bench->accounts);
    free(bench->slots);
    free(bench->menus);
}

/* False: *exit_code tells. */
static bool parse_options(int argc, char **argv, struct options *options, int *exit_code)
{
    static const struct option names[] = {
        {"orders", required_argument, NULL, 0},    {"runs", required_argument, NULL, 1},
        {"in-flight", required_argument, NULL, 2}, {"rate", required_argument, NULL, 3},
        {"lanes", required_argument, NULL, 4},     {"batch", required_argument, NULL, 5},
        {"linger", required_argument, NULL, 6},    {"restaurants", required_argument, NULL, 7},
        {"lines", required_argument, NULL, 8},     {"no-keys", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},          {0}};
    const struct {
        long *target, least, most;
    } numbers[] = {
        {&options->orders, 1, 10000000},
        {&options->runs, 1, RUNS_MAX},
        {&options->in_flight, 1, 100000},
        {&options->rate, 0, 1000000},
        {&options->lanes, 1, 64},
        {&options->batch, 1, 10000},
        {&options->linger, 0, 100},
        {&options->restaurants, 1, 60000},
        {&options->lines, 1, API_ORDER_LINES_MAX},
    };

    *exit_code = 2;
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            *exit_code = 0;
            return false;
        }
        if (option == '?')
            return false;
        if (option == 'k') {
            options->no_keys = 1;
            continue;
        }
        char *end = NULL;
        long value = strtol(optarg, &end, 10);
        if (*end || end == optarg || value < numbers[option].least ||
            value > numbers[option].most) {
            fprintf(stderr, "orders: --%s must be %ld to %ld\n", names[option].name,
                    numbers[option].least, numbers[option].most);
            return false;
        }
        *numbers[option].target = value;
    }
    if (optind < argc)
        fputs(usage, stderr);
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct bench bench = {.options = {.orders = 100000,
                                      .runs = 5,
                                      .in_flight = 2048,
                                      .lanes = 2,
                                      .batch = 512,
                                      .restaurants = 200,
                                      .lines = 2}};
    const char *url = getenv("ORDERSYNC_DATABASE_URL");
    int exit_code = 0;
    if (!parse_options(argc, argv, &bench.options, &exit_code))
        return exit_code;
    if (!url || !*url) {
        fprintf(stderr, "orders: ORDERSYNC_DATABASE_URL is required\n");
        return 2;
    }
    osy_log_init("bench-orders", OSY_LOG_WARN);
    const char *owner_url =
        getenv("DATABASE_URL"); /* the writer's role sees no menu but by a scope */
    struct osy_pg *pg = osy_pg_create(&(struct osy_pg_options){.url = owner_url ? owner_url : url,
                                                               .application_name = "bench-orders"});
    read_menus(&bench, pg);
    print_durability(pg);
    osy_pg_destroy(pg);
    start(&bench, url);
    run_all(&bench);
    stop(&bench);
    if (bench.failed > 0)
        fprintf(stderr, "orders: %ld orders were not written\n", bench.failed);
    return bench.failed > 0;
}
