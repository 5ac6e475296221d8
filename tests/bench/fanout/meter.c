#include "tests/bench/fanout/meter.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/fanout/wire.h"

enum {
    LOOK_NS = 5000000,
    IDLE_NS = 150000, /* of CPU between two looks: timers alone */
    LOOKS_MAX = 400,
};

uint64_t bench_meter_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        bench_fail("process %d is gone", (int)pid);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

size_t bench_meter_resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long all = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%lu %lu", &all, &resident) != 2)
        bench_fail("cannot read %s", path);
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

void bench_meter_settle(pid_t pid)
{
    uint64_t before = bench_meter_cpu_ns(pid);
    for (int i = 0; i < LOOKS_MAX; i++) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        uint64_t now = bench_meter_cpu_ns(pid);
        if (now - before < IDLE_NS)
            return;
        before = now;
    }
}
