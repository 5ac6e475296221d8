#include "loadtest/accounts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadtest/environment.h"
#include "loadtest/options.h"
#include "shared/alloc.h"

#define PIDS_BYTES 1024

static const char suffix[] = "_PIDS";

struct process { /* as /proc tells */
    long pid, parent;
    uint64_t cpu_us, resident_kb;
};

struct known { /* a process that has been seen */
    long pid;
    size_t account;
    uint64_t cpu_us; /* that it had when it was seen last */
    bool is_there;
};

struct group {
    char name[LOAD_ACCOUNT_BYTES];
    char pids[PIDS_BYTES]; /* "12 13" */
};

struct load_accounts {
    const char *path; /* borrowed */
    struct group groups[LOAD_ACCOUNTS];
    size_t group_count;
    struct load_account
        *all; /* owned: the groups' first, LOAD_ACCOUNTS of them, then the processes' */
    size_t count, capacity;
    struct known *known; /* owned */
    size_t known_count, known_capacity;
    bool has_sampled;
};

struct load_accounts *load_accounts_create(const char *path)
{
    struct load_accounts *accounts = osy_alloc(sizeof(*accounts));
    accounts->path = path;
    accounts->capacity = LOAD_ACCOUNTS + 16;
    accounts->all = osy_alloc_array(accounts->capacity, sizeof(*accounts->all));
    accounts->count = LOAD_ACCOUNTS;
    return accounts;
}

void load_accounts_destroy(struct load_accounts *accounts)
{
    if (!accounts)
        return;
    free(accounts->all);
    free(accounts->known);
    free(accounts);
}

/* --- whose processes they are --- */

static void set_group(struct load_accounts *accounts, const char *name, size_t length,
                      const char *pids)
{
    size_t i = 0;
    while (i < accounts->group_count && (strncmp(accounts->groups[i].name, name, length) != 0 ||
                                         accounts->groups[i].name[length] != '\0'))
        i++;
    if (i == LOAD_ACCOUNTS || length >= LOAD_ACCOUNT_BYTES)
        return;
    struct group *group = &accounts->groups[i];
    if (i == accounts->group_count) {
        accounts->group_count++;
        memcpy(group->name, name, length);
        memcpy(accounts->all[i].name, group->name, sizeof(group->name));
    }
    snprintf(group->pids, sizeof(group->pids), "%s", pids);
}

static void on_pair(void *context, const char *name, const char *value)
{
    size_t length = strlen(name), tail = sizeof(suffix) - 1;
    if (length > tail && strcmp(name + length - tail, suffix) == 0)
        set_group(context, name, length - tail, value);
}

static void read_own_environment(struct load_accounts *accounts)
{
    for (char **at = environ; *at; at++) {
        char name[64];
        const char *equals = strchr(*at, '=');
        if (!equals || (size_t)(equals - *at) >= sizeof(name))
            continue;
        memcpy(name, *at, (size_t)(equals - *at));
        name[equals - *at] = '\0';
        on_pair(accounts, name, equals + 1);
    }
}

void load_accounts_add(struct load_accounts *accounts, const pid_t *pids, size_t count)
{
    char text[PIDS_BYTES] = "";
    size_t length = 0;
    for (size_t i = 0; i < count && i < LOAD_GENERATORS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%ld ", (long)pids[i]);
    set_group(accounts, LOAD_GENERATOR_GROUP, strlen(LOAD_GENERATOR_GROUP), text);
}

/* The number of pid in the text, from 1; 0 when it is not there. */
static size_t find_pid(const char *pids, long pid)
{
    for (size_t number = 1; *pids; number++) {
        char *end;
        long named = strtol(pids, &end, 10);
        if (end == pids)
            return 0;
        if (named == pid)
            return number;
        pids = end;
    }
    return 0;
}

/* --- what /proc tells --- */

static bool read_file(long pid, const char *name, char *text, size_t capacity)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

/* The fields of /proc/PID/stat behind the name, which may itself hold spaces and parentheses. */
static bool read_process(long pid, struct process *process)
{
    char text[1024];
    unsigned long user, kernel;
    long resident_pages;
    const char *behind_name =
        read_file(pid, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
    if (!behind_name || sscanf(behind_name + 1,
                               " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
                               "%*d %*d %*d %*u %*u %ld",
                               &process->parent, &user, &kernel, &resident_pages) != 4)
        return false;
    uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    process->pid = pid;
    process->cpu_us = ((uint64_t)user + kernel) * 1000000 / ticks_per_second;
    process->resident_kb = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    return true;
}

/* 0 when we may not know. */
static uint64_t read_proportional_kb(long pid)
{
    char text[4096];
    unsigned long kb = 0;
    const char *line =
        read_file(pid, "smaps_rollup", text, sizeof(text)) ? strstr(text, "\nPss:") : NULL;
    return line && sscanf(line, " Pss: %lu", &kb) == 1 ? kb : 0;
}

/* --- the books --- */

static size_t open_account(struct load_accounts *accounts, size_t group, size_t number, long pid)
{
    if (accounts->count == accounts->capacity) {
        accounts->capacity *= 2;
        accounts->all =
            osy_realloc_array(accounts->all, accounts->capacity, sizeof(*accounts->all));
    }
    struct load_account *account = &accounts->all[accounts->count];
    *account = (struct load_account){.group = group, .pid = pid, .processes = 1};
    snprintf(account->name, sizeof(account->name), "%.20s %zu", accounts->groups[group].name,
             number);
    return accounts->count++;
}

/* number: which of the group's; 0: a child of one, which has no account of its own. */
static struct known *get_known(struct load_accounts *accounts, const struct process *process,
                               size_t group, size_t number)
{
    for (size_t i = 0; i < accounts->known_count; i++)
        if (accounts->known[i].pid == process->pid)
            return &accounts->known[i];
    if (accounts->known_count == accounts->known_capacity) {
        accounts->known_capacity = accounts->known_capacity ? 2 * accounts->known_capacity : 64;
        accounts->known =
            osy_realloc_array(accounts->known, accounts->known_capacity, sizeof(*accounts->known));
    }
    struct known *known = &accounts->known[accounts->known_count++];
    *known = (struct known){
        .pid = process->pid,
        .account = number > 0 ? open_account(accounts, group, number, process->pid) : group,
        .cpu_us = accounts->has_sampled ? 0 : process->cpu_us,
    };
    return known;
}

static void enter_into(struct load_account *account, const struct process *process, uint64_t cpu_us,
                       uint64_t proportional_kb)
{
    account->cpu_us += cpu_us;
    account->resident_kb += process->resident_kb;
    account->proportional_kb += proportional_kb;
}

static void enter_process(struct load_accounts *accounts, const struct process *process,
                          size_t group, size_t number, bool with_proportional)
{
    struct known *known = get_known(accounts, process, group, number);
    uint64_t cpu_us = process->cpu_us > known->cpu_us ? process->cpu_us - known->cpu_us : 0;
    uint64_t proportional_kb = with_proportional ? read_proportional_kb(process->pid) : 0;
    known->cpu_us = process->cpu_us;
    known->is_there = true;
    enter_into(&accounts->all[group], process, cpu_us, proportional_kb);
    accounts->all[group].processes++;
    if (known->account != group)
        enter_into(&accounts->all[known->account], process, cpu_us, proportional_kb);
}

static void judge_process(struct load_accounts *accounts, long pid, bool with_proportional)
{
    struct process process;
    if (pid <= 0 || !read_process(pid, &process))
        return;
    for (size_t group = 0; group < accounts->group_count; group++) {
        size_t number = find_pid(accounts->groups[group].pids, pid);
        if (number > 0 || find_pid(accounts->groups[group].pids, process.parent) > 0) {
            enter_process(accounts, &process, group, number, with_proportional);
            return;
        }
    }
}

/* What is only true now is taken anew; a process number that comes again is another process. */
static void turn_page(struct load_accounts *accounts, bool with_proportional)
{
    size_t kept = 0;
    for (size_t i = 0; i < accounts->known_count; i++)
        if (accounts->known[i].is_there)
            accounts->known[kept++] = accounts->known[i];
    accounts->known_count = kept;
    for (size_t i = 0; i < kept; i++)
        accounts->known[i].is_there = false;
    for (size_t i = 0; i < accounts->count; i++) {
        accounts->all[i].resident_kb = 0;
        accounts->all[i].processes = i < LOAD_ACCOUNTS ? 0 : 1;
        if (with_proportional)
            accounts->all[i].proportional_kb = 0;
    }
}

void load_accounts_sample(struct load_accounts *accounts, bool with_proportional)
{
    turn_page(accounts, with_proportional);
    if (!accounts->path || !load_environment_read(accounts->path, on_pair, accounts, NULL))
        read_own_environment(accounts);
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc))
        judge_process(accounts, strtol(entry->d_name, NULL, 10), with_proportional);
    closedir(proc);
    accounts->has_sampled = true;
}

/* --- balances --- */

void load_accounts_copy(const struct load_accounts *accounts, struct load_balance *balance)
{
    load_balance_deinit(balance);
    balance->group_count = accounts->group_count;
    memcpy(balance->groups, accounts->all, sizeof(balance->groups));
    balance->process_count = accounts->count - LOAD_ACCOUNTS;
    balance->processes = osy_alloc_array(balance->process_count, sizeof(*balance->processes));
    if (balance->process_count > 0)
        memcpy(balance->processes, accounts->all + LOAD_ACCOUNTS,
               balance->process_count * sizeof(*balance->processes));
}

void load_balance_deinit(struct load_balance *balance)
{
    free(balance->processes);
    *balance = (struct load_balance){0};
}

const struct load_account *load_balance_find(const struct load_balance *balance, const char *name)
{
    for (size_t i = 0; i < balance->group_count; i++)
        if (strcmp(balance->groups[i].name, name) == 0)
            return &balance->groups[i];
    return NULL;
}

static const struct load_account *find_process(const struct load_balance *balance, long pid)
{
    for (size_t i = 0; i < balance->process_count; i++)
        if (balance->processes[i].pid == pid)
            return &balance->processes[i];
    return NULL;
}

uint64_t load_balance_cpu_us(const struct load_balance *before, const struct load_account *account)
{
    const struct load_account *was = account->pid ? find_process(before, account->pid)
                                                  : load_balance_find(before, account->name);
    return account->cpu_us - (was ? was->cpu_us : 0);
}
