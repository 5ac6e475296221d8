/*
 * The delivery property: whatever happens to the parts around it, a hub gives each client exactly the events
 * behind its position, in order, each once, or one `reset`; nobody gets what is not his; when everything
 * works again, everybody has everything; and nothing leaks. See world.h for what can happen.
 *
 *   property_delivery                        a fixed corpus, as tests/run has it
 *   property_delivery --runs 100000 --seed 7 more
 *   property_delivery --seed 7               one run, told step by step
 *
 *   property_delivery --bugs                 the seeded bugs that this program has (shared/bug.h)
 *
 * A run that breaks a promise is cut down to the steps that it takes and told; its seed belongs into the
 * corpus below. tests/property/mutants.mjs shows that the corpus finds bugs: seeded ones and planted ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/cursor.h"
#include "shared/bug.h"
#include "tests/property/world.h"

enum { STEPS = 900, CORPUS_RUNS = 6000 };

/* Runs that once broke a promise. */
static const uint64_t corpus[] = {127, 793, 1012, 5018, 118197};

/* --- one run -------------------------------------------------------------------------------- */

/* The steps that a run takes: all, or those that a failure needs. */
static bool is_kept[STEPS];

static void run(uint64_t seed)
{
    world_begin(seed);
    for (int step = 0; step < STEPS; step++) {
        if (is_kept[step])
            world_step(seed, step);
    }
    world_settle();
    world_end();
}

/* In a process of its own, which a broken promise ends. */
static bool holds(uint64_t seed, bool tells)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!tells && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
            _exit(EXIT_FAILURE);
        is_tracing = tells;
        run(seed);
        exit(EXIT_SUCCESS); /* with the search for leaks */
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* --- a run that went wrong ------------------------------------------------------------------ */

static bool holds_without(uint64_t seed, int first, int count)
{
    bool was_kept[STEPS];
    memcpy(was_kept, is_kept, sizeof was_kept);
    memset(is_kept + first, false, (size_t)count * sizeof is_kept[0]);
    if (memcmp(was_kept, is_kept, sizeof was_kept) == 0)
        return true; /* nothing left out */
    bool ok = holds(seed, false);
    if (ok)
        memcpy(is_kept, was_kept, sizeof was_kept);
    return ok;
}

/* Leaves out halves, quarters, ... and single steps, as long as it still goes wrong. */
static void cut_down(uint64_t seed)
{
    for (int size = STEPS / 2; size >= 1; size /= 2) {
        for (int first = 0; first < STEPS; first += size) {
            int count = first + size <= STEPS ? size : STEPS - first;
            (void)holds_without(seed, first, count);
        }
    }
}

static void tell(uint64_t seed)
{
    printf("seed %" PRIu64 " breaks a promise; the steps that it takes:\n", seed);
    cut_down(seed);
    (void)holds(seed, true);
    fflush(stdout);
}

/* --- many runs ------------------------------------------------------------------------------ */

/* All in one process: the parent learns from *at which run ended it. */
static bool hold_in_child(uint64_t first, uint64_t count, volatile uint64_t *at)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        for (*at = first; *at < first + count; (*at)++)
            run(*at);
        exit(EXIT_SUCCESS);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool hold(uint64_t first, uint64_t count)
{
    volatile uint64_t *at =
        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    memset(is_kept, true, sizeof is_kept);
    bool ok = hold_in_child(first, count, at);
    if (!ok && *at < first + count)
        tell(*at);
    else if (!ok)
        printf("memory leaked in one of the runs %" PRIu64 " to %" PRIu64 "\n", first,
               first + count - 1);
    munmap((void *)at, sizeof *at);
    return ok;
}

/* --- the cursor alone ----------------------------------------------------------------------- */

/* Event number `seq` of a history; another `branch` is another history from its fork on. */
static struct osy_envelope event_of(uint64_t seq, uint8_t branch, uint64_t fork_seq)
{
    struct osy_envelope event = {.seq = seq};
    event.id.bytes[0] = seq >= fork_seq ? branch : 0;
    event.id.bytes[1] = (uint8_t)seq;
    event.previous_id.bytes[0] = seq > fork_seq ? branch : 0;
    event.previous_id.bytes[1] = (uint8_t)(seq - 1);
    return event;
}

static void take(struct hub_cursor *cursor, const struct osy_envelope *event, uint8_t taken[],
                 uint64_t *count)
{
    switch (hub_cursor_judge(cursor, event)) {
    case HUB_VERDICT_DELIVER:
        hub_cursor_advance(cursor, event->seq, &event->id);
        taken[(*count)++] = event->id.bytes[1];
        break;
    case HUB_VERDICT_GAP: hub_cursor_expect(cursor, event->seq, &event->id); break;
    case HUB_VERDICT_DROP:
    case HUB_VERDICT_FORK: break;
    }
}

/* Messages lost, doubled, out of order and of a history that was lost; now and then a repair. */
static void a_cursor_takes_each_event_of_its_history_once_and_in_order(void **state)
{
    enum { EVENTS = 60, ROUNDS = 4000 };
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        world_seed(seed);
        struct hub_cursor cursor = {0};
        uint8_t taken[EVENTS];
        uint64_t count = 0, fork_seq = 1 + below(EVENTS);
        for (int i = 0; i < 150; i++) {
            uint64_t seq = cursor.last + below(6);
            bool is_foreign = one_in(4) && cursor.last >= fork_seq;
            if (seq < 1 || seq > EVENTS)
                continue;
            struct osy_envelope event = event_of(seq, is_foreign ? 2 : 1, fork_seq);
            take(&cursor, &event, taken, &count);
        }
        while (cursor.last < EVENTS) {
            struct osy_envelope event = event_of(cursor.last + 1, 1, fork_seq);
            take(&cursor, &event, taken, &count);
        }
        assert_int_equal(count, EVENTS);
        for (uint64_t i = 0; i < EVENTS; i++)
            assert_int_equal(taken[i], i + 1);
        assert_false(hub_cursor_is_behind(&cursor));
    }
}

/* --- main ----------------------------------------------------------------------------------- */

static void runs_that_went_wrong_once_do_so_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++)
        assert_true(hold(corpus[i], 1));
}

static void every_client_gets_every_event_once_and_in_order(void **state)
{
    (void)state;
    assert_true(hold(1, CORPUS_RUNS));
}

static int test_corpus(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_takes_each_event_of_its_history_once_and_in_order),
        cmocka_unit_test(runs_that_went_wrong_once_do_so_no_more),
        cmocka_unit_test(every_client_gets_every_event_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static int usage(void)
{
    fprintf(stderr, "usage: property_delivery [--runs N] [--seed S] | --bugs\n");
    return 2;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    uint64_t runs = 0, seed = 1;
    if (argc == 1)
        return test_corpus();
    if (argc == 2 && strcmp(argv[1], "--bugs") == 0) {
        osy_bugs_print(stdout);
        return EXIT_SUCCESS;
    }
    for (int i = 1; i < argc; i += 2) {
        uint64_t *number = strcmp(argv[i], "--runs") == 0   ? &runs
                           : strcmp(argv[i], "--seed") == 0 ? &seed
                                                            : NULL;
        if (!number || i + 1 == argc || !parse_number(argv[i + 1], number))
            return usage();
    }
    memset(is_kept, true, sizeof is_kept);
    bool ok = runs > 0 ? hold(seed, runs) : holds(seed, true);
    printf("%s\n", ok ? "every promise was kept" : "a promise was broken");
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
