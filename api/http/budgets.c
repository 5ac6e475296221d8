#include "api/http/budgets.h"

#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/random.h"

#define SET_SLOTS      8
#define SHARE_FRACTION 64

/* A client's budget. serial 0: nobody's. */
struct slot {
    struct api_budget_key key;
    uint32_t serial;   /* another one whenever the slot changes hands */
    uint32_t window;   /* the number of this window */
    uint32_t previous; /* all that was counted in the window before */
    uint32_t shared;   /* in this one: what all processes have told each other, */
    uint32_t sending;  /* what we are telling, */
    uint32_t unsent;   /* and what we have yet to tell */
    bool is_listed;    /* in the queue */
    bool is_sending;
};

struct api_budgets {
    struct slot *slots; /* owned */
    size_t set_count;   /* a power of two */
    uint32_t window_ms;
    uint32_t limits[API_BUDGET_KINDS];
    uint32_t last_serial;
    uint64_t seeds[3]; /* of the hash: who may choose his key must not choose his set */
    uint64_t evicted;
    uint32_t *queue; /* owned ring: slots with a share worth telling, each once at most */
    size_t queue_first, queue_count;
};

static size_t slot_count(const struct api_budgets *budgets)
{
    return budgets->set_count * SET_SLOTS;
}

struct api_budgets *api_budgets_create(const struct api_budgets_options *options)
{
    struct api_budgets *budgets = osy_alloc(sizeof *budgets);

    budgets->set_count = 1;
    while (slot_count(budgets) < options->slots)
        budgets->set_count *= 2;
    budgets->slots = osy_alloc_array(slot_count(budgets), sizeof *budgets->slots);
    budgets->queue = osy_alloc_array(slot_count(budgets), sizeof *budgets->queue);
    budgets->window_ms = options->window_ms;
    memcpy(budgets->limits, options->limits, sizeof budgets->limits);
    osy_random_bytes(budgets->seeds, sizeof budgets->seeds);
    return budgets;
}

void api_budgets_destroy(struct api_budgets *budgets)
{
    if (!budgets)
        return;
    free(budgets->slots);
    free(budgets->queue);
    free(budgets);
}

uint64_t api_budgets_evicted(const struct api_budgets *budgets)
{
    return budgets->evicted;
}

/* ---- the table ---- */

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static struct slot *find_set(const struct api_budgets *budgets, const struct api_budget_key *key)
{
    uint64_t halves[2], hash;

    memcpy(halves, key->who, sizeof halves);
    hash = fold(halves[0] ^ budgets->seeds[0], halves[1] ^ budgets->seeds[1]);
    hash = fold(hash ^ key->kind, budgets->seeds[2] | 1);
    return &budgets->slots[(hash & (budgets->set_count - 1)) * SET_SLOTS];
}

static bool is_same(const struct api_budget_key *a, const struct api_budget_key *b)
{
    return a->kind == b->kind && memcmp(a->who, b->who, sizeof a->who) == 0;
}

static struct slot *find_slot(const struct api_budgets *budgets, const struct api_budget_key *key)
{
    struct slot *set = find_set(budgets, key);

    for (size_t i = 0; i < SET_SLOTS; i++) {
        if (set[i].serial != 0 && is_same(&set[i].key, key))
            return &set[i];
    }
    return NULL;
}

/* ---- a budget ---- */

static uint32_t window_of(const struct api_budgets *budgets, int64_t now_ms)
{
    return (uint32_t)((uint64_t)now_ms / budgets->window_ms);
}

static uint32_t elapsed_ms(const struct api_budgets *budgets, int64_t now_ms)
{
    return (uint32_t)((uint64_t)now_ms % budgets->window_ms);
}

/* What is known of a slot as of a window, which may be later than its own. */
static struct api_budget_sum sum_at(const struct slot *slot, uint32_t window)
{
    struct api_budget_sum sum = {.window = window};
    uint32_t current = slot->shared + slot->sending + slot->unsent;

    if (window == slot->window) {
        sum.previous = slot->previous;
        sum.current = current;
    } else if (window == slot->window + 1) {
        sum.previous = current;
    }
    return sum;
}

/* How much of the last window's length has been used, with left_ms to go in the present one. */
static uint64_t used(const struct api_budgets *budgets, const struct api_budget_sum *sum,
                     uint32_t left_ms)
{
    return sum->current +
           ((uint64_t)sum->previous * left_ms + budgets->window_ms - 1) / budgets->window_ms;
}

static uint64_t used_by(const struct api_budgets *budgets, const struct slot *slot, int64_t now_ms)
{
    struct api_budget_sum sum = sum_at(slot, window_of(budgets, now_ms));
    return used(budgets, &sum, budgets->window_ms - elapsed_ms(budgets, now_ms));
}

/* How long until no more than room of count is left, as it fades within one window. */
static uint32_t fade_ms(const struct api_budgets *budgets, uint32_t count, uint32_t room)
{
    if (count <= room)
        return 0;
    return budgets->window_ms - (uint32_t)((uint64_t)room * budgets->window_ms / count);
}

/* How long until cost will be granted, if nothing else is asked for meanwhile. */
static uint32_t wait_ms(const struct api_budgets *budgets, const struct api_budget_sum *sum,
                        uint32_t limit, uint32_t cost, uint32_t passed_ms)
{
    uint32_t needed_ms;

    if (sum->current + (uint64_t)cost <= limit) {
        needed_ms = fade_ms(budgets, sum->previous, limit - cost - sum->current);
        return needed_ms > passed_ms ? needed_ms - passed_ms : 0;
    }
    return budgets->window_ms - passed_ms + fade_ms(budgets, sum->current, limit - cost);
}

static uint32_t to_seconds(uint32_t ms)
{
    return (ms + 999) / 1000;
}

bool api_budgets_grants(const struct api_budgets *budgets, const struct api_budget_key *key,
                        uint32_t cost, int64_t now_ms, struct api_budget_state *state)
{
    uint32_t limit = budgets->limits[key->kind], passed_ms = elapsed_ms(budgets, now_ms);
    uint32_t left_ms = budgets->window_ms - passed_ms;
    const struct slot *slot;
    struct api_budget_sum sum = {0};
    uint64_t total;

    *state = (struct api_budget_state){.limit = limit};
    if (limit == 0)
        return true;
    slot = find_slot(budgets, key);
    if (slot)
        sum = sum_at(slot, window_of(budgets, now_ms));
    total = used(budgets, &sum, left_ms);
    if (cost > limit)
        cost = limit;
    if (total + cost > limit) {
        uint32_t wait = wait_ms(budgets, &sum, limit, cost, passed_ms);
        state->remaining = total < limit ? limit - (uint32_t)total : 0;
        state->reset_s = wait > 1000 ? to_seconds(wait) : 1;
        return false;
    }
    state->remaining = limit - (uint32_t)total - cost;
    state->reset_s = to_seconds(left_ms);
    return true;
}

/* ---- counting ---- */

/* The slot of who has used least makes room. */
static struct slot *take_slot(struct api_budgets *budgets, const struct api_budget_key *key,
                              int64_t now_ms)
{
    struct slot *set = find_set(budgets, key), *chosen = NULL;
    uint64_t least = UINT64_MAX;
    bool was_listed;

    for (size_t i = 0; i < SET_SLOTS; i++) {
        uint64_t count = set[i].serial != 0 ? used_by(budgets, &set[i], now_ms) : 0;
        if (count < least) {
            least = count;
            chosen = &set[i];
        }
    }
    budgets->evicted += least > 0;
    was_listed = chosen->is_listed; /* the queue goes by places */
    if (++budgets->last_serial == 0)
        budgets->last_serial = 1;
    *chosen = (struct slot){.key = *key,
                            .serial = budgets->last_serial,
                            .window = window_of(budgets, now_ms),
                            .is_listed = was_listed};
    return chosen;
}

/* What was counted in a window that is over and not shared yet stays ours alone. */
static void enter_window(struct slot *slot, uint32_t window)
{
    struct api_budget_sum sum = sum_at(slot, window);

    if (slot->window == window)
        return;
    slot->window = window;
    slot->previous = sum.previous;
    slot->shared = slot->sending = slot->unsent = 0;
}

static bool is_worth_telling(const struct api_budgets *budgets, const struct slot *slot)
{
    return slot->unsent > budgets->limits[slot->key.kind] / SHARE_FRACTION;
}

static void list_if_worth(struct api_budgets *budgets, struct slot *slot)
{
    size_t end = (budgets->queue_first + budgets->queue_count) & (slot_count(budgets) - 1);

    if (slot->is_listed || slot->is_sending || !is_worth_telling(budgets, slot))
        return;
    slot->is_listed = true;
    budgets->queue[end] = (uint32_t)(slot - budgets->slots);
    budgets->queue_count++;
}

void api_budgets_charge(struct api_budgets *budgets, const struct api_budget_key *key,
                        uint32_t cost, int64_t now_ms)
{
    uint32_t limit = budgets->limits[key->kind];
    struct slot *slot;

    if (limit == 0)
        return;
    slot = find_slot(budgets, key);
    if (!slot)
        slot = take_slot(budgets, key, now_ms);
    enter_window(slot, window_of(budgets, now_ms));
    slot->unsent += cost < limit ? cost : limit;
    list_if_worth(budgets, slot);
}

/* ---- sharing ---- */

bool api_budgets_next_share(struct api_budgets *budgets, int64_t now_ms,
                            struct api_budget_share *share)
{
    while (budgets->queue_count > 0) {
        struct slot *slot = &budgets->slots[budgets->queue[budgets->queue_first]];

        budgets->queue_first = (budgets->queue_first + 1) & (slot_count(budgets) - 1);
        budgets->queue_count--;
        slot->is_listed = false;
        enter_window(slot, window_of(budgets, now_ms));
        if (!is_worth_telling(budgets, slot)) /* another's slot by now, or another window */
            continue;
        *share = (struct api_budget_share){.key = slot->key,
                                           .window = slot->window,
                                           .cost = slot->unsent,
                                           .slot = (size_t)(slot - budgets->slots),
                                           .serial = slot->serial};
        slot->sending = slot->unsent;
        slot->unsent = 0;
        slot->is_sending = true;
        return true;
    }
    return false;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Their clock may be a window ahead of ours or behind it. */
static void take_sum(struct slot *slot, const struct api_budget_sum *sum)
{
    if (sum->window == slot->window) {
        slot->shared = sum->current;
        slot->previous = greater(slot->previous, sum->previous);
    } else if (sum->window == slot->window + 1) {
        slot->shared = greater(slot->shared, sum->previous);
    } else if (sum->window + 1 == slot->window) {
        slot->previous = greater(slot->previous, sum->current);
    }
}

void api_budgets_settle(struct api_budgets *budgets, const struct api_budget_share *share,
                        const struct api_budget_sum *sum)
{
    struct slot *slot = &budgets->slots[share->slot];

    if (slot->serial != share->serial)
        return; /* it made room for another */
    slot->is_sending = false;
    if (slot->window == share->window) {
        slot->sending = 0;
        if (!sum)
            slot->unsent += share->cost;
    }
    if (!sum)
        return; /* the next that is counted lists it again */
    take_sum(slot, sum);
    list_if_worth(budgets, slot);
}
