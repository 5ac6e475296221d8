#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/http/budgets.h"

#define WINDOW_MS           10000
#define START_MS            (INT64_C(170000000) * WINDOW_MS) /* where a window begins */
#define SIXTY_FOURTH(limit) ((limit) / 64 + 1)

static struct api_budgets *make(uint32_t limit, size_t slots)
{
    return api_budgets_create(&(struct api_budgets_options){
        .slots = slots,
        .window_ms = WINDOW_MS,
        .limits = {[API_BUDGET_ADDRESS] = limit, [API_BUDGET_USER] = 2 * limit}});
}

static struct api_budget_key key(uint32_t number)
{
    struct api_budget_key made = {.kind = API_BUDGET_ADDRESS};
    memcpy(made.who, &number, sizeof number);
    return made;
}

/* As a request does: charged when it is granted. */
static bool ask(struct api_budgets *budgets, uint32_t who, uint32_t cost, int64_t now_ms,
                struct api_budget_state *state)
{
    const struct api_budget_key asker = key(who);
    if (!api_budgets_grants(budgets, &asker, cost, now_ms, state))
        return false;
    api_budgets_charge(budgets, &asker, cost, now_ms);
    return true;
}

static uint32_t ask_often(struct api_budgets *budgets, uint32_t who, uint32_t times, int64_t now_ms)
{
    struct api_budget_state state;
    uint32_t granted = 0;
    for (uint32_t i = 0; i < times; i++)
        granted += ask(budgets, who, 1, now_ms, &state);
    return granted;
}

static uint32_t random_below(uint32_t bound) /* the same sequence in every run */
{
    static uint64_t seed = 42;
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % bound);
}

static void budget_ends_and_says_what_is_left(void **state)
{
    struct api_budgets *budgets = make(10, 64);
    struct api_budget_state left;
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(ask(budgets, 1, 1, START_MS + 2500, &left));
        assert_int_equal(left.limit, 10);
        assert_int_equal(left.remaining, 9 - i);
        assert_int_equal(left.reset_s, 8);
    }
    assert_false(ask(budgets, 1, 1, START_MS + 2500, &left));
    assert_int_equal(left.remaining, 0);
    assert_true(ask(budgets, 2, 1, START_MS + 2500, &left)); /* another's is his own */
    api_budgets_destroy(budgets);
}

static void window_before_weighs_what_is_left_of_it(void **state)
{
    static const struct {
        uint32_t passed_ms, granted;
    } rows[] = {{0, 0}, {999, 0}, {1000, 10}, {5000, 50}, {9999, 99}, {10000, 100}, {25000, 100}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_budgets *budgets = make(100, 64);
        assert_int_equal(ask_often(budgets, 1, 200, START_MS + 9000), 100);
        assert_int_equal(ask_often(budgets, 1, 200, START_MS + WINDOW_MS + rows[i].passed_ms),
                         rows[i].granted == 0 ? rows[i].passed_ms / 100 : rows[i].granted);
        api_budgets_destroy(budgets);
    }
}

static void who_is_refused_is_told_when_to_come_back(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint32_t limit = 1 + random_below(50);
        struct api_budgets *budgets = make(limit, 64);
        struct api_budget_state left;
        int64_t now_ms = START_MS + random_below(WINDOW_MS);
        for (int step = 0; step < 200; step++) {
            uint32_t cost = 1 + random_below(limit);
            now_ms += random_below(WINDOW_MS / 4);
            if (ask(budgets, 1, cost, now_ms, &left))
                continue;
            assert_in_range(left.reset_s, 1, 2 * WINDOW_MS / 1000);
            now_ms += 1000 * left.reset_s;
            assert_true(ask(budgets, 1, cost, now_ms, &left));
        }
        api_budgets_destroy(budgets);
    }
}

static void what_is_refused_does_not_count(void **state)
{
    struct api_budgets *budgets = make(10, 64);
    (void)state;
    assert_int_equal(ask_often(budgets, 1, 1000, START_MS), 10);
    assert_int_equal(ask_often(budgets, 1, 1000, START_MS + WINDOW_MS + WINDOW_MS / 2), 5);
    api_budgets_destroy(budgets);
}

static void cost_above_the_whole_budget_is_the_whole_budget(void **state)
{
    struct api_budgets *budgets = make(10, 64);
    struct api_budget_state left;
    (void)state;
    assert_true(ask(budgets, 1, 20, START_MS, &left));
    assert_int_equal(left.remaining, 0);
    assert_false(ask(budgets, 1, 1, START_MS, &left));
    api_budgets_destroy(budgets);
}

static void budget_without_a_limit_is_not_counted(void **state)
{
    struct api_budgets *budgets = make(0, 64);
    struct api_budget_state left;
    struct api_budget_share share;
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(ask(budgets, 1, 200, START_MS, &left));
    assert_int_equal(left.limit, 0);
    assert_false(api_budgets_next_share(budgets, START_MS, &share));
    api_budgets_destroy(budgets);
}

static void kinds_do_not_mix(void **state)
{
    struct api_budgets *budgets = make(5, 64);
    struct api_budget_state left;
    struct api_budget_key user = key(1);
    (void)state;
    user.kind = API_BUDGET_USER;
    assert_int_equal(ask_often(budgets, 1, 9, START_MS), 5);
    assert_true(api_budgets_grants(budgets, &user, 1, START_MS, &left));
    assert_int_equal(left.remaining, 9);
    api_budgets_destroy(budgets);
}

/* A flood from more addresses than there is room for. */
static void who_has_used_least_makes_room(void **state)
{
    struct api_budgets *budgets = make(100, 64);
    struct api_budget_state left;
    const struct api_budget_key heavy = key(0);
    (void)state;
    assert_int_equal(ask_often(budgets, 0, 200, START_MS), 100);
    for (uint32_t i = 1; i < 10000; i++)
        assert_true(ask(budgets, i, 1, START_MS, &left));
    assert_false(api_budgets_grants(budgets, &heavy, 1, START_MS, &left));
    assert_in_range(api_budgets_evicted(budgets), 10000 - 64, 10000);
    api_budgets_destroy(budgets);
}

/* ---- several processes ---- */

struct shared { /* what count_requests.lua keeps */
    bool is_known;
    struct api_budget_sum sum;
};

static struct api_budget_sum add(struct shared *shared, const struct api_budget_share *share)
{
    struct api_budget_sum *sum = &shared->sum;
    if (!shared->is_known)
        *sum = (struct api_budget_sum){.window = share->window};
    shared->is_known = true;
    if (share->window > sum->window) {
        sum->previous = share->window == sum->window + 1 ? sum->current : 0;
        sum->current = 0;
        sum->window = share->window;
    }
    if (share->window == sum->window)
        sum->current += share->cost;
    else if (share->window + 1 == sum->window)
        sum->previous += share->cost;
    return *sum;
}

static void exchange(struct api_budgets *budgets, struct shared *shared, int64_t now_ms)
{
    struct api_budget_share share;
    while (api_budgets_next_share(budgets, now_ms, &share)) {
        struct api_budget_sum sum = add(shared, &share);
        api_budgets_settle(budgets, &share, &sum);
    }
}

static void processes_share_a_budget(void **state)
{
    enum { PROCESSES = 4, LIMIT = 640 };
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct api_budgets *budgets[PROCESSES];
        struct shared shared = {0};
        uint32_t granted = 0;
        for (int i = 0; i < PROCESSES; i++)
            budgets[i] = make(LIMIT, 64);
        /* Each may have as much too much as it has not told, and as it grants until the next exchange, which is
         * less than a share here. */
        for (int step = 0; step < 1000; step++) {
            int i = (int)random_below(PROCESSES);
            granted += ask_often(budgets[i], 1, random_below(SIXTY_FOURTH(LIMIT)), START_MS + step);
            exchange(budgets[i], &shared, START_MS + step);
        }
        assert_in_range(granted, LIMIT, LIMIT + PROCESSES * 2 * SIXTY_FOURTH(LIMIT));
        for (int i = 0; i < PROCESSES; i++)
            api_budgets_destroy(budgets[i]);
    }
}

static void what_redis_did_not_take_is_told_again(void **state)
{
    struct api_budgets *budgets = make(640, 64);
    struct api_budget_share share, again;
    (void)state;
    ask_often(budgets, 1, 11, START_MS);
    assert_true(api_budgets_next_share(budgets, START_MS, &share));
    assert_int_equal(share.cost, 11);
    assert_false(api_budgets_next_share(budgets, START_MS, &again)); /* one at a time */
    ask_often(budgets, 1, 1, START_MS);
    api_budgets_settle(budgets, &share, NULL);
    ask_often(budgets, 1, 1, START_MS);
    assert_true(api_budgets_next_share(budgets, START_MS, &again));
    assert_int_equal(again.cost, 13);
    api_budgets_settle(budgets, &again, &(struct api_budget_sum){again.window, 0, 600});
    assert_int_equal(ask_often(budgets, 1, 100, START_MS), 40);
    api_budgets_destroy(budgets);
}

static void answer_from_another_window_is_understood(void **state)
{
    struct api_budget_share share;
    struct api_budgets *budgets = make(100, 64);
    (void)state;
    /* The answer comes after the window: what all had in it is the window before now. */
    ask_often(budgets, 1, 10, START_MS);
    assert_true(api_budgets_next_share(budgets, START_MS, &share));
    ask_often(budgets, 1, 1, START_MS + WINDOW_MS);
    api_budgets_settle(budgets, &share, &(struct api_budget_sum){share.window, 0, 80});
    assert_int_equal(ask_often(budgets, 1, 100, START_MS + WINDOW_MS), 19);
    api_budgets_destroy(budgets);

    /* Another process' clock is ahead: what it calls the window before is ours. */
    budgets = make(100, 64);
    ask_often(budgets, 1, 10, START_MS);
    assert_true(api_budgets_next_share(budgets, START_MS, &share));
    api_budgets_settle(budgets, &share, &(struct api_budget_sum){share.window + 1, 90, 7});
    assert_int_equal(ask_often(budgets, 1, 100, START_MS), 10);
    api_budgets_destroy(budgets);
}

static void answer_for_who_is_gone_is_nobodys(void **state)
{
    struct api_budgets *budgets = make(640, 8); /* one set */
    struct api_budget_share share;
    (void)state;
    ask_often(budgets, 0, 11, START_MS);
    assert_true(api_budgets_next_share(budgets, START_MS, &share));
    for (uint32_t i = 1; i < 9; i++)
        ask_often(budgets, i, 12, START_MS);
    assert_int_equal(api_budgets_evicted(budgets), 1);
    api_budgets_settle(budgets, &share, &(struct api_budget_sum){share.window, 0, 640});
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(ask_often(budgets, i, 1, START_MS), 1);
    api_budgets_destroy(budgets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_ends_and_says_what_is_left),
        cmocka_unit_test(window_before_weighs_what_is_left_of_it),
        cmocka_unit_test(who_is_refused_is_told_when_to_come_back),
        cmocka_unit_test(what_is_refused_does_not_count),
        cmocka_unit_test(cost_above_the_whole_budget_is_the_whole_budget),
        cmocka_unit_test(budget_without_a_limit_is_not_counted),
        cmocka_unit_test(kinds_do_not_mix),
        cmocka_unit_test(who_has_used_least_makes_room),
        cmocka_unit_test(processes_share_a_budget),
        cmocka_unit_test(what_redis_did_not_take_is_told_again),
        cmocka_unit_test(answer_from_another_window_is_understood),
        cmocka_unit_test(answer_for_who_is_gone_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
