/* Measures small parts: see part.h, and tests/bench/micro, which runs this. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/keys.h"
#include "shared/log.h"
#include "tests/bench/parts/part.h"

enum { ROUNDS_MAX = 1000 };

static const char usage[] =
    "Usage: parts --keys DIR [--rounds N] [--ms N] [--times N] [--list] [NAME]...\n\n"
    "Prints what one operation of each small part costs: the median of some rounds, and the least and the\n"
    "greatest of them, in nanoseconds of CPU time of its thread.\n\n"
    "  NAME        only parts whose names begin so, e.g. event, or event.parse\n"
    "  --keys DIR  keys of every kind, as ordersync-api keys init makes them\n"
    "  --rounds N  how many rounds (9)\n"
    "  --ms N      how long a round takes at least (50)\n"
    "  --times N   instead, one round of exactly so many operations, and no figure: for a tool that counts\n"
    "  --list      the names, and nothing else\n"
    "  --help      this text\n";

static const struct bench_part *const tables[] = {
    bench_event_parts,  bench_topic_parts,  bench_http_parts,  bench_order_parts, bench_token_parts,
    bench_cipher_parts, bench_metric_parts, bench_shard_parts, bench_limit_parts,
};

struct options {
    const char *keys_dir;
    long rounds, ms, times; /* times 0: measure */
    bool only_list;
};

void bench_check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "parts: %s failed\n", what);
    exit(1);
}

/* ---- measuring ---- */

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The name is what tests/bench/micro tells callgrind to count below. */
__attribute__((noinline)) void bench_counted(const struct bench_part *part, void *state,
                                             size_t times);
void bench_counted(const struct bench_part *part, void *state, size_t times)
{
    part->run(state, times);
}

static double time_round(const struct bench_part *part, void *state, size_t times)
{
    double began_ns = cpu_ns();
    bench_counted(part, state, times);
    return cpu_ns() - began_ns;
}

/* So many operations that a round takes long enough for the clock. The rounds before warm up. */
static size_t find_times(const struct bench_part *part, void *state, long ms)
{
    size_t times = 1;
    while (time_round(part, state, times) < (double)ms * 1e6)
        times *= 2;
    return times;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(const struct bench_part *part, void *state, const struct options *options)
{
    double ns[ROUNDS_MAX];
    size_t times = find_times(part, state, options->ms), rounds = (size_t)options->rounds;
    for (size_t i = 0; i < rounds; i++)
        ns[i] = time_round(part, state, times) / (double)times;
    qsort(ns, rounds, sizeof ns[0], compare);
    double median = (ns[(rounds - 1) / 2] + ns[rounds / 2]) / 2;
    printf("%-24s %10.1f ns  (%.1f to %.1f)\n", part->name, median, ns[0], ns[rounds - 1]);
    fflush(stdout);
}

static void run_part(const struct bench_part *part, const struct osy_keyring *keyring,
                     const struct options *options)
{
    void *state = part->begin(keyring);
    if (options->times > 0)
        bench_counted(part, state, (size_t)options->times);
    else
        measure(part, state, options);
    part->end(state);
}

/* ---- which ---- */

static bool is_wanted(const char *name, char *const *wanted)
{
    if (!*wanted)
        return true;
    for (; *wanted; wanted++) {
        if (strncmp(name, *wanted, strlen(*wanted)) == 0)
            return true;
    }
    return false;
}

/* How many there were. */
static size_t visit_parts(char *const *wanted, const struct osy_keyring *keyring,
                          const struct options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct bench_part *part = tables[i]; part->name; part++) {
            if (!is_wanted(part->name, wanted))
                continue;
            count++;
            if (options->only_list)
                puts(part->name);
            else
                run_part(part, keyring, options);
        }
    }
    return count;
}

static bool parse_number(const char *name, const char *text, long most, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    if (*text != '\0' && *end == '\0' && *number >= 1 && *number <= most)
        return true;
    fprintf(stderr, "parts: --%s must be a number from 1 to %ld\n", name, most);
    return false;
}

/* False: *exit_code tells. */
static bool parse_options(int argc, char **argv, struct options *options, int *exit_code)
{
    static const struct option known[] = {
        {"keys", required_argument, NULL, 'k'},
        {"rounds", required_argument, NULL, 'r'},
        {"ms", required_argument, NULL, 'm'},
        {"times", required_argument, NULL, 't'},
        {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *exit_code = 2;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        bool ok = true;
        switch (option) {
        case 'k': options->keys_dir = optarg; break;
        case 'r': ok = parse_number("rounds", optarg, ROUNDS_MAX, &options->rounds); break;
        case 'm': ok = parse_number("ms", optarg, 10000, &options->ms); break;
        case 't': ok = parse_number("times", optarg, 1000000000, &options->times); break;
        case 'l': options->only_list = true; break;
        case 'h':
            fputs(usage, stdout);
            *exit_code = 0;
            return false;
        default: return false;
        }
        if (!ok)
            return false;
    }
    if (options->keys_dir || options->only_list)
        return true;
    fputs("parts: --keys is missing\n", stderr);
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {.rounds = 9, .ms = 50};
    struct osy_error err = {0};
    struct osy_keyring *keyring = NULL;
    int exit_code;
    if (!parse_options(argc, argv, &options, &exit_code))
        return exit_code;
    if (!options.only_list) {
        keyring = osy_keyring_load(options.keys_dir,
                                   OSY_KEYS_JWT_PRIVATE | OSY_KEYS_TRACKING | OSY_KEYS_DATA, &err);
        if (!keyring) {
            fprintf(stderr, "parts: %s\n", err.message);
            return 1;
        }
    }
    size_t count = visit_parts(argv + optind, keyring, &options);
    osy_keyring_destroy(keyring);
    if (count == 0)
        fputs("parts: no part has such a name; see --list\n", stderr);
    return count > 0 ? 0 : 2;
}
