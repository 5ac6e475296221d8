#include "loadtest/fleet.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loadtest/http_client.h"
#include "loadtest/slice.h"
#include "shared/alloc.h"

#define SPARE_DESCRIPTORS 64

/* Zeroed, and the same memory in every process that is forked from now on. NULL: errno says why not. */
static void *map_shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool check_descriptors(const struct load_options *slice, struct osy_error *err)
{
    struct rlimit limit;
    /* A new order's socket opens before the old one closes. */
    uint64_t each_customer = slice->walk_in ? 1 : 2;
    uint64_t wanted = (uint64_t)slice->tablets + (uint64_t)slice->dashboards +
                      (uint64_t)slice->stalled + each_customer * (uint64_t)slice->customers +
                      LOAD_HTTP_CONNECTIONS + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return true;
    return osy_error_set(err, OSY_ERR_LIMIT,
                         "a generator needs %llu descriptors, 'ulimit -n' allows %llu",
                         (unsigned long long)wanted, (unsigned long long)limit.rlim_cur);
}

bool load_fleet_init(struct load_fleet *fleet, const struct load_options *options, size_t count,
                     struct osy_error *err)
{
    *fleet = (struct load_fleet){.generators = osy_alloc_array(count, sizeof(*fleet->generators)),
                                 .count = count};
    fleet->board = map_shared(sizeof(*fleet->board));
    bool ok = fleet->board;
    for (size_t i = 0; ok && i < count; i++) {
        struct load_generator *generator = &fleet->generators[i];
        load_slice_cut(&generator->options, options, i, count);
        generator->desk = map_shared(sizeof(*generator->desk));
        ok = generator->desk;
    }
    if (!ok)
        return osy_error_set(err, OSY_ERR_IO, "mmap: %s", strerror(errno));
    for (size_t i = 0; ok && i < count; i++)
        ok = check_descriptors(&fleet->generators[i].options, err);
    return ok;
}

static void end_generator(struct load_generator *generator)
{
    if (generator->pid > 0) {
        kill(generator->pid, SIGKILL);
        waitpid(generator->pid, NULL, 0);
    }
    generator->pid = 0;
}

void load_fleet_deinit(struct load_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        end_generator(&fleet->generators[i]);
        if (fleet->generators[i].desk)
            munmap(fleet->generators[i].desk, sizeof(struct load_desk));
    }
    if (fleet->board)
        munmap(fleet->board, sizeof(*fleet->board));
    free(fleet->generators);
    *fleet = (struct load_fleet){0};
}

/* In the new process. Ctrl-C reaches the whole group: it is the conductor that ends the load. */
static void generate(const struct load_generator *generator, pid_t conductor)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != conductor)
        _exit(1);
    signal(SIGINT, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exit(load_run_main(&generator->assignment) ? 0 : 1);
}

bool load_fleet_start(struct load_fleet *fleet, const struct load_assignment *common,
                      struct osy_error *err)
{
    pid_t conductor = getpid();
    fflush(NULL);
    for (size_t i = 0; i < fleet->count; i++) {
        struct load_generator *generator = &fleet->generators[i];
        generator->assignment = *common;
        generator->assignment.options = &generator->options;
        generator->assignment.number = i;
        generator->assignment.count = fleet->count;
        generator->assignment.board = fleet->board;
        generator->assignment.desk = generator->desk;
        generator->pid = fork();
        if (generator->pid == 0)
            generate(generator, conductor);
        if (generator->pid < 0)
            return osy_error_set(err, OSY_ERR_IO, "fork: %s", strerror(errno));
    }
    return true;
}

static bool check_end(const struct load_fleet *fleet, size_t number, int status,
                      struct osy_error *err)
{
    const char *failure = fleet->generators[number].desk->failure;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (failure[0])
        return osy_error_set(err, OSY_ERR_IO, "%s", failure);
    return osy_error_set(err, OSY_ERR_IO, "generator %zu died (%s %d)", number + 1,
                         WIFSIGNALED(status) ? "signal" : "exit status",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

bool load_fleet_reap(struct load_fleet *fleet, struct osy_error *err)
{
    for (size_t i = 0; i < fleet->count; i++) {
        struct load_generator *generator = &fleet->generators[i];
        int status;
        if (generator->pid <= 0 || waitpid(generator->pid, &status, WNOHANG) != generator->pid)
            continue;
        generator->pid = 0;
        if (!check_end(fleet, i, status, err))
            return false;
    }
    return true;
}

bool load_fleet_has_ended(const struct load_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        if (fleet->generators[i].pid > 0)
            return false;
    return true;
}

enum load_step load_fleet_step(const struct load_fleet *fleet)
{
    int least = LOAD_STEP_DONE;
    for (size_t i = 0; i < fleet->count; i++) {
        int step = atomic_load(&fleet->generators[i].desk->step);
        least = step < least ? step : least;
    }
    return (enum load_step)least;
}

void load_fleet_sum(const struct load_fleet *fleet, struct load_stats *stats)
{
    for (size_t i = 0; i < fleet->count; i++)
        load_stats_merge(stats, &fleet->generators[i].desk->stats);
}
