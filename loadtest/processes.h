/*
 * What the servers cost: CPU time and resident memory of the processes that the stack's environment
 * names (API_PIDS, HUB_PIDS, ...: every variable that ends in _PIDS), with their direct children
 * (nginx's workers, PostgreSQL's backends), read from /proc.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LOAD_PROCESS_GROUPS 8

struct load_processes {
    struct {
        char name[32]; /* "API" */
        uint64_t cpu_ms;
        uint64_t resident_kb;
    } groups[LOAD_PROCESS_GROUPS];
    size_t count;
};

/* path: the environment file, read anew, because process ids change when a server is restarted. NULL:
 * the process's own environment. Processes that are gone count as nothing. */
void load_processes_sample(struct load_processes *processes, const char *path);
/* CPU time that the group of that name has used since before; what a restart has lost is not known. */
uint64_t load_processes_cpu_since(const struct load_processes *now, size_t group,
                                  const struct load_processes *before);
