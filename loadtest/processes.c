#include "loadtest/processes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadtest/environment.h"

static const char suffix[] = "_PIDS";

struct process {
    long pid, parent;
    uint64_t cpu_ms, resident_kb;
};

/* The fields of /proc/PID/stat behind the name, which may itself hold spaces and parentheses. */
static bool read_process(long pid, struct process *process)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *behind_name = strrchr(text, ')');
    unsigned long user, kernel;
    long resident_pages;
    if (!behind_name || sscanf(behind_name + 1,
                               " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
                               "%*d %*d %*d %*u %*u %ld",
                               &process->parent, &user, &kernel, &resident_pages) != 4)
        return false;
    uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    process->pid = pid;
    process->cpu_ms = ((uint64_t)user + kernel) * 1000 / ticks_per_second;
    process->resident_kb = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    return true;
}

static bool names_pid(const char *pids, long pid)
{
    while (*pids) {
        char *end;
        long named = strtol(pids, &end, 10);
        if (end == pids)
            return false;
        if (named == pid)
            return true;
        pids = end;
    }
    return false;
}

static void add_group(void *context, const char *name, const char *pids)
{
    struct load_processes *processes = context;
    size_t length = strlen(name), tail = sizeof(suffix) - 1;
    if (length <= tail || strcmp(name + length - tail, suffix) != 0 ||
        length - tail >= sizeof(processes->groups->name) || processes->count == LOAD_PROCESS_GROUPS)
        return;
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    size_t group = processes->count++;
    memcpy(processes->groups[group].name, name, length - tail);
    for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
        struct process process;
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || !read_process(pid, &process) ||
            !(names_pid(pids, pid) || names_pid(pids, process.parent)))
            continue;
        processes->groups[group].cpu_ms += process.cpu_ms;
        processes->groups[group].resident_kb += process.resident_kb;
    }
    closedir(proc);
}

static void read_own_environment(struct load_processes *processes)
{
    for (char **at = environ; *at; at++) {
        char name[64];
        const char *equals = strchr(*at, '=');
        if (!equals || (size_t)(equals - *at) >= sizeof(name))
            continue;
        memcpy(name, *at, (size_t)(equals - *at));
        name[equals - *at] = '\0';
        add_group(processes, name, equals + 1);
    }
}

void load_processes_sample(struct load_processes *processes, const char *path)
{
    *processes = (struct load_processes){0};
    if (!path || !load_environment_read(path, add_group, processes, NULL))
        read_own_environment(processes);
}

uint64_t load_processes_cpu_since(const struct load_processes *now, size_t group,
                                  const struct load_processes *before)
{
    uint64_t cpu_ms = now->groups[group].cpu_ms;
    for (size_t i = 0; i < before->count; i++)
        if (strcmp(before->groups[i].name, now->groups[group].name) == 0)
            return cpu_ms > before->groups[i].cpu_ms ? cpu_ms - before->groups[i].cpu_ms : cpu_ms;
    return cpu_ms;
}
