/*
 * bench-offer: what the API does when more orders come than it can write. POSTs go out on a schedule that waits for
 * nothing, in three stretches: calm, overload, calm again. A reply counts as written or refused in the stretch in which
 * it comes, and its latency, from when the request was due, for the stretch in which that was. An order that is due while
 * every connection waits for a reply is not sent, and counted: so many clients would have given up.
 * tests/bench/http starts it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "loadtest/accounts.h"
#include "loadtest/histogram.h"
#include "loadtest/http_client.h"
#include "loadtest/pacer.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/random.h"
#include "shared/uuid.h"

enum {
    TICK_MS = 1,
    SLICE_MS = 100, /* in which calm is looked for again */
    SETTLE_MS = 10000,
    KEY_BYTES = 32,
    BODY_BYTES = 600,
};

static const char usage[] =
    "Usage: bench-offer --url URL --calm R --rate R [OPTION]...\n\n"
    "Offers the API of a seeded stack so many orders a second, and prints what became of them. The stack's\n"
    "*_PIDS in the environment name the processes whose CPU time is counted.\n\n"
    "  --url URL        the API, http://...\n"
    "  --calm R         orders a second before and after\n"
    "  --rate R         orders a second in the overload\n"
    "  --seconds S      of each of the three stretches (8)\n"
    "  --restaurants N  that get the orders (200)\n"
    "  --connections N  to use at most (8192)\n"
    "  --help           this text\n";

enum stretch_name { BEFORE = 0, OVERLOAD, AFTER, STRETCHES };
static const char *const stretch_names[] = {"before", "overload", "after"};

struct options {
    const char *url;
    long calm, rate, seconds, restaurants, connections;
};

struct stretch {
    uint64_t offered, unsent, written, refused, refused_mutely, other, lost;
    struct load_histogram written_us, refused_us, late_us;
    double took_s; /* a generator that gets no processor takes longer than it should */
    struct load_balance at_begin, at_end;
};

/* A tenth of a second of the last stretch, by when requests were due. */
struct slice {
    uint64_t refused;
    struct load_histogram written_us;
};

struct bench {
    struct options options;
    uv_loop_t loop;
    uv_timer_t schedule;
    struct load_endpoint endpoint;
    struct load_http *http;
    struct load_accounts *accounts;
    struct load_pacer pacer;
    enum stretch_name now;
    struct stretch
        stretches[STRETCHES + 1]; /* the last one: replies that come behind all of them */
    struct slice *slices;         /* owned; of AFTER */
    size_t slice_count;
    uint64_t after_ns; /* when AFTER began */
    uint64_t keys;
    char key_prefix[2 * 8 + 1];
};

struct offer { /* an order under way */
    struct bench *bench;
    enum stretch_name stretch;
    uint64_t due_ns;
};

/* ---- replies ---- */

static struct slice *slice_of(struct bench *bench, const struct offer *offer)
{
    size_t index = (size_t)((offer->due_ns - bench->after_ns) / (SLICE_MS * 1000000u));
    return index < bench->slice_count ? &bench->slices[index] : NULL;
}

static void count_written(struct bench *bench, const struct offer *offer, uint64_t took_us)
{
    struct slice *slice = offer->stretch == AFTER ? slice_of(bench, offer) : NULL;
    bench->stretches[bench->now].written++;
    load_histogram_record(&bench->stretches[offer->stretch].written_us, took_us);
    if (slice)
        load_histogram_record(&slice->written_us, took_us);
}

static void count_refused(struct bench *bench, const struct offer *offer, uint64_t took_us,
                          bool says_when)
{
    struct slice *slice = offer->stretch == AFTER ? slice_of(bench, offer) : NULL;
    bench->stretches[bench->now].refused++;
    bench->stretches[bench->now].refused_mutely += !says_when;
    load_histogram_record(&bench->stretches[offer->stretch].refused_us, took_us);
    if (slice)
        slice->refused++;
}

static void on_reply(void *context, const struct load_http_reply *reply, const char *failure)
{
    struct offer *offer = context;
    struct bench *bench = offer->bench;
    uint64_t took_us = (osy_clock_monotonic_ns() - offer->due_ns) / 1000;
    (void)failure;
    if (!reply)
        bench->stretches[bench->now].lost++;
    else if (reply->status == 201)
        count_written(bench, offer, took_us);
    else if (reply->status == 503)
        count_refused(bench, offer, took_us, reply->retry_after_s > 0);
    else
        bench->stretches[bench->now].other++;
    free(offer);
}

/* ---- requests ---- */

/* Two lines of a seeded restaurant's menu, as seed_restaurants.sql derives their ids. */
static void write_body(const struct bench *bench, char body[BODY_BYTES])
{
    unsigned restaurant =
        0x10000 + (unsigned)osy_random_below((uint64_t)bench->options.restaurants);
    unsigned item = 1 + (unsigned)osy_random_below(9);
    snprintf(body, BODY_BYTES,
             "{\"restaurant_id\":\"01890000-0000-7000-8000-0000000%05x\",\"items\":["
             "{\"item_id\":\"01890000-0000-7000-8000-1%03x000%05x\",\"quantity\":1},"
             "{\"item_id\":\"01890000-0000-7000-8000-1%03x000%05x\",\"quantity\":1}],"
             "\"customer\":{\"name\":\"Test Customer\",\"phone\":\"+82 10 0000 0000\","
             "\"address\":\"1 Example-ro, Example-gu, 00000, building 2, door 3\"}}",
             restaurant, item, restaurant, item + 1, restaurant);
}

static void send_order(struct bench *bench, uint64_t due_ns)
{
    struct stretch *stretch = &bench->stretches[bench->now];
    char body[BODY_BYTES], key[KEY_BYTES + 24];
    stretch->offered++;
    if (load_http_pending(bench->http) >= (size_t)bench->options.connections) {
        stretch->unsent++;
        return;
    }
    struct offer *offer = osy_alloc(sizeof *offer);
    *offer = (struct offer){bench, bench->now, due_ns};
    write_body(bench, body);
    snprintf(key, sizeof key, "%s%" PRIu64, bench->key_prefix, bench->keys++);
    load_histogram_record(&stretch->late_us, (osy_clock_monotonic_ns() - due_ns) / 1000);
    load_http_send(bench->http,
                   &(struct load_http_request){
                       .method = "POST",
                       .path = "/api/v1/orders",
                       .idempotency_key = key,
                       .body = body,
                   },
                   on_reply, offer);
}

static void on_schedule(uv_timer_t *timer)
{
    struct bench *bench = timer->data;
    uint64_t now_ns = osy_clock_monotonic_ns(), due_ns;
    while (load_pacer_take(&bench->pacer, now_ns, &due_ns))
        send_order(bench, due_ns);
}

/* ---- the three stretches ---- */

static void sample(struct bench *bench, struct load_balance *balance)
{
    load_accounts_sample(bench->accounts, false);
    load_accounts_copy(bench->accounts, balance);
}

static void run_until(struct bench *bench, uint64_t end_ns)
{
    while (osy_clock_monotonic_ns() < end_ns)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

static void run_stretch(struct bench *bench, enum stretch_name name)
{
    const struct options *options = &bench->options;
    struct stretch *stretch = &bench->stretches[name];
    uint64_t now_ns = osy_clock_monotonic_ns();
    bench->now = name;
    if (name == AFTER)
        bench->after_ns = now_ns;
    sample(bench, &stretch->at_begin);
    load_pacer_start(&bench->pacer, (double)(name == OVERLOAD ? options->rate : options->calm),
                     now_ns);
    run_until(bench, now_ns + (uint64_t)options->seconds * 1000000000u);
    stretch->took_s = (double)(osy_clock_monotonic_ns() - now_ns) / 1e9;
    sample(bench, &stretch->at_end);
}

/* Replies that are still to come. */
static void settle(struct bench *bench)
{
    uint64_t end_ns = osy_clock_monotonic_ns() + SETTLE_MS * 1000000ull;
    bench->now = STRETCHES;
    load_pacer_start(&bench->pacer, 0, osy_clock_monotonic_ns());
    while (load_http_pending(bench->http) > 0 && osy_clock_monotonic_ns() < end_ns)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

/* ---- figures ---- */

static double cpu_us(const struct stretch *stretch, const char *group)
{
    const struct load_account *account = load_balance_find(&stretch->at_end, group);
    return account ? (double)load_balance_cpu_us(&stretch->at_begin, account) : 0;
}

static double quantile_ms(const struct load_histogram *histogram, double quantile)
{
    return (double)load_histogram_quantile(histogram, quantile) / 1e3;
}

/* How long after the overload orders are as fast again as most were before: the first tenth of a second in which none
 * is refused and half of them are within the p99 of before. Negative: not within the stretch. */
static long calm_after_ms(const struct bench *bench)
{
    uint64_t usual_us = load_histogram_quantile(&bench->stretches[BEFORE].written_us, 0.99);
    for (size_t i = 0; i < bench->slice_count; i++) {
        const struct slice *slice = &bench->slices[i];
        if (slice->refused == 0 && slice->written_us.total > 0 &&
            load_histogram_quantile(&slice->written_us, 0.5) <= usual_us)
            return (long)i * SLICE_MS;
    }
    return -1;
}

static void print_stretch(const struct bench *bench, enum stretch_name name)
{
    const struct stretch *stretch = &bench->stretches[name];
    double seconds = stretch->took_s;
    printf("%-9s %9.0f %9.0f %9.0f %9.0f %6" PRIu64 " %6" PRIu64 " %6" PRIu64
           " %8.1f %8.1f %8.1f %8.1f %7.1f  %5.0f %5.0f %5.0f %5.0f\n",
           stretch_names[name], (double)stretch->offered / seconds,
           (double)stretch->unsent / seconds, (double)stretch->written / seconds,
           (double)stretch->refused / seconds, stretch->refused_mutely, stretch->other,
           stretch->lost, quantile_ms(&stretch->written_us, 0.5),
           quantile_ms(&stretch->written_us, 0.99), quantile_ms(&stretch->refused_us, 0.5),
           quantile_ms(&stretch->refused_us, 0.99), quantile_ms(&stretch->late_us, 0.99),
           cpu_us(stretch, "API") / seconds / 1e4, cpu_us(stretch, "POSTGRES") / seconds / 1e4,
           cpu_us(stretch, "REDIS") / seconds / 1e4,
           cpu_us(stretch, LOAD_GENERATOR_GROUP) / seconds / 1e4);
}

static void print_figures(const struct bench *bench)
{
    const struct stretch *overload = &bench->stretches[OVERLOAD];
    double seconds = overload->took_s;
    printf("%-9s %9s %9s %9s %9s %6s %6s %6s %8s %8s %8s %8s %7s  %s\n", "", "offered/s",
           "unsent/s", "written/s", "refused/s", "mute", "other", "lost", "p50 ms", "p99 ms",
           "ref. p50", "ref. p99", "late", "% of a core: API, PostgreSQL, Redis, generator");
    for (int i = 0; i < STRETCHES; i++)
        print_stretch(bench, (enum stretch_name)i);
    printf("figures %.0f %.0f %ld %.0f %.0f\n", (double)overload->written / seconds,
           (double)overload->refused / seconds, calm_after_ms(bench),
           cpu_us(overload, "API") / seconds, cpu_us(overload, LOAD_GENERATOR_GROUP) / seconds);
    fflush(stdout);
}

/* ---- life ---- */

static bool take_number(const char *text, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    return *end == '\0' && *number > 0 && *number <= 10000000;
}

static int refuse_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

static bool parse(struct options *options, int argc, char **argv, bool *help)
{
    static const struct option names[] = {
        {"url", required_argument, NULL, 'u'},
        {"calm", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"restaurants", required_argument, NULL, 'n'},
        {"connections", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool ok = true;
    for (int name; ok && (name = getopt_long(argc, argv, "h", names, NULL)) != -1;) {
        switch (name) {
        case 'u': options->url = optarg; break;
        case 'c': ok = take_number(optarg, &options->calm); break;
        case 'r': ok = take_number(optarg, &options->rate); break;
        case 's': ok = take_number(optarg, &options->seconds); break;
        case 'n': ok = take_number(optarg, &options->restaurants); break;
        case 'k': ok = take_number(optarg, &options->connections); break;
        case 'h': *help = true; break;
        default: ok = false;
        }
    }
    return ok && optind == argc && (*help || (options->url && options->calm && options->rate));
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void start(struct bench *bench)
{
    uint64_t random;
    pid_t own = getpid();
    osy_random_bytes(&random, sizeof random);
    snprintf(bench->key_prefix, sizeof bench->key_prefix, "%016" PRIx64, random);
    bench->slice_count = (size_t)bench->options.seconds * (1000 / SLICE_MS);
    bench->slices = osy_alloc_array(bench->slice_count, sizeof *bench->slices);
    bench->accounts = load_accounts_create(NULL);
    load_accounts_add(bench->accounts, &own, 1);
    uv_loop_init(&bench->loop);
    uv_timer_init(&bench->loop, &bench->schedule);
    bench->schedule.data = bench;
    uv_timer_start(&bench->schedule, on_schedule, 0, TICK_MS);
    bench->http =
        load_http_create(&bench->loop, &bench->endpoint, (size_t)bench->options.connections);
}

static void stop(struct bench *bench)
{
    load_http_destroy(bench->http);
    uv_close((uv_handle_t *)&bench->schedule, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    uv_loop_close(&bench->loop);
    for (int i = 0; i < STRETCHES; i++) {
        load_balance_deinit(&bench->stretches[i].at_begin);
        load_balance_deinit(&bench->stretches[i].at_end);
    }
    load_accounts_destroy(bench->accounts);
    free(bench->slices);
}

int main(int argc, char **argv)
{
    static struct bench bench; /* histograms are too large for a stack */
    struct osy_error err = {0};
    bool help = false;
    bench.options = (struct options){.seconds = 8, .restaurants = 200, .connections = 8192};
    if (!parse(&bench.options, argc, argv, &help))
        return refuse_usage();
    if (help) {
        fputs(usage, stdout);
        return 0;
    }
    if (!load_endpoint_parse(&bench.endpoint, "http", bench.options.url, &err)) {
        fprintf(stderr, "bench-offer: %s\n", err.message);
        return 2;
    }
    raise_descriptor_limit();
    start(&bench);
    for (int i = 0; i < STRETCHES; i++)
        run_stretch(&bench, (enum stretch_name)i);
    settle(&bench);
    print_figures(&bench);
    stop(&bench);
    return 0;
}
