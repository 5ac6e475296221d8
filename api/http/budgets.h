/*
 * Budgets: how much each client has asked for of late, and whether it may ask for more. A client is an address, a
 * user, a restaurant; what it asks for has a cost, and a budget is the cost that is granted within one window.
 *
 * The window slides: of the fixed windows since 1970 a budget counts two, this one and the one before it, and the one
 * before weighs as much as is left of it within one window from now. So nobody gets twice his budget at a boundary.
 * What was refused does not count: who asks too much gets his budget all the same.
 *
 * Each process counts for itself and answers by what it knows; what it has counted is shared with the others now and
 * then (api/http/limiter.h), and their sum comes back. Memory is fixed: a table of sets of slots. Where a set is
 * full, who has used least makes room, so a flood from many addresses does not push out whoever is near his limit.
 *
 * No clock, no network: time is passed in (wall time, because all processes must agree about the windows). One thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_BUDGET_WHO_BYTES 16

enum api_budget_kind {
    API_BUDGET_ADDRESS = 0, /* guests, by address */
    API_BUDGET_USER,
    API_BUDGET_RESTAURANT, /* all who work there together */
    API_BUDGET_TOKENS,     /* tokens that were no good, by address */
    API_BUDGET_KINDS,
};

struct api_budget_key {
    enum api_budget_kind kind;
    uint8_t who[API_BUDGET_WHO_BYTES];
};

struct api_budgets_options {
    size_t slots; /* clients that are known at the same time, about */
    uint32_t window_ms;
    uint32_t limits
        [API_BUDGET_KINDS]; /* cost granted in a window; 0: no limit, and nothing is counted */
};

/* What a client may know of its budget. limit 0: it has none. */
struct api_budget_state {
    uint32_t limit, remaining;
    uint32_t
        reset_s; /* until this window ends; of who was refused: until as much will be granted */
};

/* What this process has counted and others have not heard of. */
struct api_budget_share {
    struct api_budget_key key;
    uint32_t window; /* number of the window in which it was counted */
    uint32_t cost;
    size_t slot; /* where it came from, */
    uint32_t serial;
};

/* What all processes have counted, as of window. */
struct api_budget_sum {
    uint32_t window, previous, current;
};

struct api_budgets;

struct api_budgets *api_budgets_create(const struct api_budgets_options *options);
void api_budgets_destroy(struct api_budgets *budgets); /* NULL is fine */

/* Whether key may have cost now. More than the whole budget is taken for the whole budget. Counts nothing. */
bool api_budgets_grants(const struct api_budgets *budgets, const struct api_budget_key *key,
                        uint32_t cost, int64_t now_ms, struct api_budget_state *state);
/* Counts cost, whether it is granted or not. */
void api_budgets_charge(struct api_budgets *budgets, const struct api_budget_key *key,
                        uint32_t cost, int64_t now_ms);
/* Budgets that made room for others while something was counted in them. */
uint64_t api_budgets_evicted(const struct api_budgets *budgets);

/*
 * The next share that is worth telling: a sixty-fourth of the budget or more. Each one taken has to be settled;
 * until then the budget has no other. False: there is none.
 */
bool api_budgets_next_share(struct api_budgets *budgets, int64_t now_ms,
                            struct api_budget_share *share);
/* sum: the answer to share; NULL: there was none, and it is counted as not shared. */
void api_budgets_settle(struct api_budgets *budgets, const struct api_budget_share *share,
                        const struct api_budget_sum *sum);
