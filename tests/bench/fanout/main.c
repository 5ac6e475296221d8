/*
 * bench-fanout: what it costs a process to deliver events to WebSockets. The process is a hub, or the bare
 * writer (writer.c) that does nothing else: it gets the same messages from the same Redis and sends the same
 * frames. CPU time is the process' own, as the kernel counts it. tests/bench/hub runs both in turn.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/alloc.h"
#include "shared/clock.h"
#include "tests/bench/fanout/crowd.h"
#include "tests/bench/fanout/feed.h"
#include "tests/bench/fanout/meter.h"
#include "tests/bench/fanout/wire.h"

enum {
    LIMIT_S = 180, /* the program ends itself when a server has stopped answering */
    TRICKLE_ROOMS = 2000,
    FULL_SOCKETS = 2000, /* at saturation */
    FULL_ROOMS = 400,
    FULL_WINDOW = 16, /* events of a room on their way: less than what counts as a slow reader */
    TOKEN_BYTES = 6000,
};

static const char usage[] =
    "Usage: bench-fanout --port P --pid PID [--sockets N] [--deliveries N] [--broadcasts N] [--seconds S]\n"
    "\n"
    "Measures the process PID, which serves WebSockets on 127.0.0.1:P, and prints one JSON object.\n"
    "Standard input: a token, then ids of restaurants, one per line (2401 or more).\n"
    "\n"
    "  --sockets N     open sockets, except at saturation (10000)\n"
    "  --deliveries N  a second, in the trickle (10000)\n"
    "  --broadcasts N  events to all sockets of one restaurant, one after the other (20)\n"
    "  --seconds S     of trickle, and of saturation (5)\n"
    "  --only NAME     one of the three, for a profiler; broadcast opens its sockets first\n"
    "\n"
    "Environment: ORDERSYNC_REDIS_URL, where the events are published.\n";

struct bench {
    uint16_t port;
    pid_t pid;
    size_t sockets;
    uint64_t deliveries_per_s, broadcasts, seconds;
    const char *only; /* NULL: all */
    bool has_printed;
    char token[TOKEN_BYTES];
    struct bench_room *rooms; /* owned */
    size_t room_count;
    struct bench_feed feed;
    struct bench_crowd crowd;
};

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

static double us_each(uint64_t ns, uint64_t count)
{
    return us(ns) / (double)(count ? count : 1);
}

static void print(struct bench *bench, const char *name, double value)
{
    printf("%s\"%s\":%.3f", bench->has_printed ? "," : "", name, value);
    bench->has_printed = true;
}

/* --- what all measurements share ------------------------------------------------------------ */

/*
 * due_ns: when it should have gone out, however late we are. A room that has fallen behind keeps the time of the first
 * event that it waits for, so that its latency is never that of a later one alone.
 */
static void publish(struct bench *bench, struct bench_room *room, uint64_t due_ns)
{
    if (room->received == room->published * room->watchers)
        room->waiting_since_ns = due_ns;
    bench_feed_publish(&bench->feed, &room->stream);
    room->published++;
}

/* Spinning, because a receiver that sleeps is woken at the sender's expense. */
static void spin(struct bench *bench)
{
    bench_feed_flush(&bench->feed);
    bench_crowd_poll(&bench->crowd, 0);
}

static double latency_ms(struct bench *bench, double share)
{
    return us(bench_samples_quantile(&bench->crowd.latencies, share)) / 1e3;
}

static void close_crowd(struct bench *bench)
{
    bench_crowd_close(&bench->crowd);
    bench_meter_settle(bench->pid);
}

static void open_crowd(struct bench *bench, size_t count, struct bench_room *rooms,
                       size_t room_count)
{
    bench_crowd_open(&bench->crowd, bench->port, bench->token, count, rooms, room_count);
    bench_crowd_resume(&bench->crowd);
    bench_meter_settle(bench->pid);
}

/* --- one event to all sockets --------------------------------------------------------------- */

static void measure_opening(struct bench *bench, struct bench_room *room)
{
    double resident = (double)bench_meter_resident_bytes(bench->pid);
    uint64_t start_ns = bench_meter_cpu_ns(bench->pid);
    bench_crowd_open(&bench->crowd, bench->port, bench->token, bench->sockets, room, 1);
    bench_meter_settle(bench->pid);
    uint64_t open_ns = bench_meter_cpu_ns(bench->pid);
    bench_crowd_resume(&bench->crowd);
    bench_meter_settle(bench->pid);
    uint64_t live_ns = bench_meter_cpu_ns(bench->pid);
    resident = (double)bench_meter_resident_bytes(bench->pid) - resident;
    print(bench, "open_cpu_us", us_each(open_ns - start_ns, bench->sockets));
    print(bench, "resume_cpu_us", us_each(live_ns - open_ns, bench->sockets));
    print(bench, "resident_bytes", resident / (double)bench->sockets);
}

static void measure_broadcast(struct bench *bench)
{
    struct bench_room *room = &bench->rooms[0];
    struct bench_samples cpu = {0};
    measure_opening(bench, room);
    for (uint64_t i = 0; i < bench->broadcasts; i++) {
        uint64_t start_ns = bench_meter_cpu_ns(bench->pid);
        publish(bench, room, osy_clock_monotonic_ns());
        while (room->received < room->published * room->watchers)
            spin(bench);
        bench_meter_settle(bench->pid);
        bench_samples_add(&cpu, bench_meter_cpu_ns(bench->pid) - start_ns);
    }
    print(bench, "broadcast_cpu_us", us_each(bench_samples_quantile(&cpu, 0.5), bench->sockets));
    print(bench, "broadcast_last_ms", latency_ms(bench, 0.5));
    free(cpu.values);
    close_crowd(bench);
}

/* --- events for few sockets each, evenly spread over time ----------------------------------- */

static void measure_trickle(struct bench *bench)
{
    struct bench_room *rooms = bench->rooms + 1;
    uint64_t watchers = bench->sockets / TRICKLE_ROOMS;
    uint64_t step_ns = 1000000000u * watchers / bench->deliveries_per_s;
    uint64_t events = bench->seconds * 1000000000u / step_ns, published = 0;
    open_crowd(bench, watchers * TRICKLE_ROOMS, rooms, TRICKLE_ROOMS);
    uint64_t cpu_ns = bench_meter_cpu_ns(bench->pid), due_ns = osy_clock_monotonic_ns();
    while (bench->crowd.deliveries < events * watchers) {
        for (; published < events && osy_clock_monotonic_ns() >= due_ns; due_ns += step_ns)
            publish(bench, &rooms[published++ % TRICKLE_ROOMS], due_ns);
        spin(bench);
    }
    bench_meter_settle(bench->pid);
    cpu_ns = bench_meter_cpu_ns(bench->pid) - cpu_ns;
    print(bench, "trickle_cpu_us", us_each(cpu_ns, bench->crowd.deliveries));
    print(bench, "trickle_last_ms", latency_ms(bench, 0.5));
    print(bench, "trickle_last_p99_ms", latency_ms(bench, 0.99));
    close_crowd(bench);
}

/* --- as many as it takes -------------------------------------------------------------------- */

/* Keeps so many of the room's events on their way. */
static void fill(struct bench *bench, struct bench_room *room)
{
    while (room->published * room->watchers < room->received + FULL_WINDOW * room->watchers)
        publish(bench, room, osy_clock_monotonic_ns());
}

static void measure_saturation(struct bench *bench)
{
    struct bench_room *rooms = bench->rooms + 1 + TRICKLE_ROOMS;
    open_crowd(bench, FULL_SOCKETS, rooms, FULL_ROOMS);
    uint64_t cpu_ns = bench_meter_cpu_ns(bench->pid), start_ns = osy_clock_monotonic_ns();
    uint64_t end_ns = start_ns + bench->seconds * 1000000000u, wanted = 0;
    while (osy_clock_monotonic_ns() < end_ns) {
        for (size_t i = 0; i < FULL_ROOMS; i++)
            fill(bench, &rooms[i]);
        bench_feed_flush(&bench->feed);
        bench_crowd_poll(&bench->crowd, 1);
    }
    for (size_t i = 0; i < FULL_ROOMS; i++)
        wanted += rooms[i].published * rooms[i].watchers;
    while (bench->crowd.deliveries < wanted) {
        bench_feed_flush(&bench->feed);
        bench_crowd_poll(&bench->crowd, 1);
    }
    double elapsed_s = us(osy_clock_monotonic_ns() - start_ns) / 1e6;
    bench_meter_settle(bench->pid);
    cpu_ns = bench_meter_cpu_ns(bench->pid) - cpu_ns;
    print(bench, "full_rate", (double)bench->crowd.deliveries / elapsed_s);
    print(bench, "full_cpu_us", us_each(cpu_ns, bench->crowd.deliveries));
    close_crowd(bench);
}

static const struct {
    const char *name;
    void (*measure)(struct bench *bench);
} measurements[] = {
    {"broadcast", measure_broadcast},
    {"trickle", measure_trickle},
    {"saturation", measure_saturation},
};
enum { MEASUREMENTS = sizeof measurements / sizeof measurements[0] };

static bool is_measurement(const char *name)
{
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        if (strcmp(measurements[i].name, name) == 0)
            return true;
    }
    return false;
}

static void measure(struct bench *bench)
{
    putchar('{');
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        if (!bench->only || strcmp(bench->only, measurements[i].name) == 0)
            measurements[i].measure(bench);
    }
    puts("}");
}

/* --- the program ---------------------------------------------------------------------------- */

static void take_option(struct bench *bench, int option, const char *value)
{
    switch (option) {
    case 'p': bench->port = (uint16_t)bench_number("port", value, 1, 65535); break;
    case 'i': bench->pid = (pid_t)bench_number("pid", value, 2, INT32_MAX); break;
    case 'n': bench->sockets = bench_number("sockets", value, TRICKLE_ROOMS, 26000); break;
    case 'd': bench->deliveries_per_s = bench_number("deliveries", value, 100, 1000000); break;
    case 'b': bench->broadcasts = bench_number("broadcasts", value, 1, 1000); break;
    case 's': bench->seconds = bench_number("seconds", value, 1, 60); break;
    case 'o':
        bench->only = value;
        if (!is_measurement(value))
            bench_fail("--only must be broadcast, trickle or saturation");
        break;
    case 'h': fputs(usage, stdout); exit(EXIT_SUCCESS);
    default: bench_fail("see bench-fanout --help");
    }
}

static void read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"pid", required_argument, NULL, 'i'},
        {"sockets", required_argument, NULL, 'n'},
        {"deliveries", required_argument, NULL, 'd'},
        {"broadcasts", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"only", required_argument, NULL, 'o'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        take_option(bench, option, optarg);
    if (optind < argc || !bench->port || !bench->pid)
        bench_fail("--port and --pid are needed, and nothing else: see bench-fanout --help");
}

static bool read_line(char *line, size_t size)
{
    if (!fgets(line, (int)size, stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void read_restaurants(struct bench *bench)
{
    size_t wanted = 1 + TRICKLE_ROOMS + FULL_ROOMS;
    char line[OSY_UUID_TEXT_BYTES + 1];
    bench->rooms = osy_alloc_array(wanted, sizeof *bench->rooms);
    if (!read_line(bench->token, sizeof bench->token))
        bench_fail("standard input: no token");
    while (bench->room_count < wanted && read_line(line, sizeof line)) {
        struct bench_stream *stream = &bench->rooms[bench->room_count++].stream;
        if (!osy_uuid_parse(line, strlen(line), &stream->restaurant_id))
            bench_fail("standard input: '%s' is no restaurant", line);
        osy_uuid_format(&stream->restaurant_id, stream->restaurant);
    }
    if (bench->room_count < wanted)
        bench_fail("standard input: %zu restaurants, %zu are needed", bench->room_count, wanted);
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .sockets = 10000, .deliveries_per_s = 10000, .broadcasts = 20, .seconds = 5};
    const char *redis_url = getenv("ORDERSYNC_REDIS_URL");
    read_options(&bench, argc, argv);
    if (!redis_url)
        bench_fail("ORDERSYNC_REDIS_URL is not set");
    alarm(LIMIT_S);
    read_restaurants(&bench);
    bench_feed_init(&bench.feed, redis_url);
    measure(&bench);
    free(bench.rooms);
    return EXIT_SUCCESS;
}
