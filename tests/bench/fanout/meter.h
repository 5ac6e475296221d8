/* The meter: what a process has cost so far, as the kernel counts it. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t bench_meter_cpu_ns(pid_t pid); /* of all its threads, in user space and in the kernel */
size_t bench_meter_resident_bytes(pid_t pid);
/* Returns once the process does nothing any more, for at most two seconds. */
void bench_meter_settle(pid_t pid);
