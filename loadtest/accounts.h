/*
 * What a run costs: CPU time and memory of the processes that the stack's environment names (API_PIDS, HUB_PIDS,
 * ...: every variable that ends in _PIDS), with their direct children (nginx's workers, PostgreSQL's backends), and
 * of the generators, read from /proc. Sampled once a second, so of a process that ends the last second is missing.
 *
 * Memory is counted twice. Resident: what each process has in its page tables; what processes share, such as
 * PostgreSQL's buffers, counts once for each. Proportional (Pss): shared pages are divided among those that share
 * them, so sums mean something; it is read only now and then, because the kernel has to walk all pages for it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_ACCOUNTS        12 /* groups of processes */
#define LOAD_ACCOUNT_BYTES   48
#define LOAD_GENERATOR_GROUP "GENERATOR"

struct load_account {              /* a group of processes, or one of them */
    char name[LOAD_ACCOUNT_BYTES]; /* "HUB", "HUB 2" */
    size_t group;                  /* of a process: its group's number */
    long pid;                      /* of a process, without its children; 0: it is a group */
    size_t processes;
    uint64_t cpu_us; /* since the first sample, or its start if that was later */
    uint64_t resident_kb, proportional_kb;
};

struct load_accounts; /* groups first, then the processes that variables name */

/* path: the stack's environment file, read anew for each sample, because process ids change when a server is
 * restarted. It may be NULL: the process's own environment. Borrowed. */
struct load_accounts *load_accounts_create(const char *path);
void load_accounts_destroy(struct load_accounts *accounts); /* NULL is fine */
/* From now on the processes are an account, too. At most LOAD_GENERATORS_MAX. */
void load_accounts_add(struct load_accounts *accounts, const pid_t *pids, size_t count);
void load_accounts_sample(struct load_accounts *accounts, bool with_proportional);

struct load_balance { /* the accounts as they were */
    struct load_account groups[LOAD_ACCOUNTS];
    size_t group_count;
    struct load_account *processes; /* owned */
    size_t process_count;
};

void load_accounts_copy(const struct load_accounts *accounts, struct load_balance *balance);
void load_balance_deinit(struct load_balance *balance);
/* The group of that name; NULL when there is none. */
const struct load_account *load_balance_find(const struct load_balance *balance, const char *name);
/* CPU time of an account since an earlier balance; all of it when the account is not in that. */
uint64_t load_balance_cpu_us(const struct load_balance *before, const struct load_account *account);
