#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loadtest/accounts.h"

static char path[] = "/tmp/ordersync-accounts-XXXXXX";

/* An environment file that names this process. */
static void write_environment(const char *name, long pid)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "export %s_PIDS='%ld'\nexport OTHER_URLS='1 2'\n", name, pid);
    fclose(file);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void processes_are_found_by_their_group_with_their_children(void **state)
{
    struct load_accounts *accounts = load_accounts_create(path);
    struct load_balance balance = {.group_count = 0};
    (void)state;
    write_environment("SELF", getpid());
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    load_accounts_sample(accounts, true);
    load_accounts_copy(accounts, &balance);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(balance.group_count, 1);
    const struct load_account *self = load_balance_find(&balance, "SELF");
    assert_non_null(self);
    assert_int_equal(self->processes, 2);
    assert_int_equal(balance.process_count, 1); /* a child has no account of its own */
    assert_string_equal(balance.processes[0].name, "SELF 1");
    assert_int_equal(balance.processes[0].pid, getpid());
    assert_true(self->resident_kb > balance.processes[0].resident_kb);
    assert_true(balance.processes[0].proportional_kb > 0);
    assert_null(load_balance_find(&balance, "OTHER"));
    load_balance_deinit(&balance);
    load_accounts_destroy(accounts);
}

/* What was used before the first sample is no part of it. */
static void cpu_time_counts_from_the_first_sample(void **state)
{
    struct load_accounts *accounts = load_accounts_create(path);
    struct load_balance before = {.group_count = 0}, now = {.group_count = 0};
    volatile unsigned long busy = 0;
    (void)state;
    write_environment("SELF", getpid());
    load_accounts_sample(accounts, false);
    load_accounts_copy(accounts, &before);
    assert_int_equal(load_balance_find(&before, "SELF")->cpu_us, 0);
    do { /* the kernel counts in steps of 10 ms; the test's own limit ends this if it never does */
        for (int i = 0; i < 1000000; i++)
            busy++;
        load_accounts_sample(accounts, false);
        load_accounts_copy(accounts, &now);
    } while (load_balance_cpu_us(&before, load_balance_find(&now, "SELF")) == 0);
    assert_int_equal(load_balance_cpu_us(&before, &now.processes[0]),
                     load_balance_cpu_us(&before, load_balance_find(&now, "SELF")));
    load_balance_deinit(&before);
    load_balance_deinit(&now);
    load_accounts_destroy(accounts);
}

static void a_server_that_was_restarted_goes_on_in_its_group(void **state)
{
    struct load_accounts *accounts = load_accounts_create(path);
    struct load_balance balance = {.group_count = 0};
    (void)state;
    write_environment("HUB", 999999999);
    load_accounts_sample(accounts, false);
    write_environment("HUB", getpid());
    load_accounts_sample(accounts, false);
    load_accounts_copy(accounts, &balance);
    assert_int_equal(balance.group_count, 1);
    assert_int_equal(load_balance_find(&balance, "HUB")->processes, 1);
    load_balance_deinit(&balance);
    load_accounts_destroy(accounts);
}

static void generators_are_an_account_too(void **state)
{
    struct load_accounts *accounts = load_accounts_create(path);
    struct load_balance balance = {.group_count = 0};
    pid_t pid = getpid();
    (void)state;
    load_accounts_add(accounts, &pid, 1);
    load_accounts_sample(accounts, false);
    load_accounts_copy(accounts, &balance);
    assert_non_null(load_balance_find(&balance, LOAD_GENERATOR_GROUP));
    load_balance_deinit(&balance);
    load_accounts_destroy(accounts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_found_by_their_group_with_their_children),
        cmocka_unit_test(cpu_time_counts_from_the_first_sample),
        cmocka_unit_test(a_server_that_was_restarted_goes_on_in_its_group),
        cmocka_unit_test(generators_are_an_account_too),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
