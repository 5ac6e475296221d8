#include "loadtest/kitchen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "loadtest/heap.h"
#include "loadtest/pacer.h"
#include "loadtest/run.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/random.h"

#define TRIES   32        /* orders that a change at random looks at */
#define CHANCES 1000000ul /* a random number in parts of one */

/* What the kitchen does to an order of version i + 1. */
static const char *const steps[] = {"accept", "prepare", "ready", "complete"};

_Static_assert(sizeof(steps) / sizeof(*steps) == LOAD_COOK_STEPS, "a mean delay for each step");

struct load_kitchen {
    struct load_run *run; /* borrowed */
    struct load_pacer pacer;
    struct load_heap cooking; /* of struct dish, by when the next step is due */
    double per_second;
    uint64_t free_ns; /* cooking: when the bound allows the next change */
};

struct dish {
    struct load_order *order;       /* borrowed from the ledger */
    struct load_customer *customer; /* borrowed; NULL: nobody follows it */
};

struct change {
    struct load_kitchen *kitchen;
    struct dish dish;
    uint32_t version; /* that the order will have */
};

static bool is_cooking(const struct load_kitchen *kitchen)
{
    return kitchen->run->options->cook.is_set;
}

static bool can_change(const struct load_order *order)
{
    return !order->is_changing && order->acknowledged >= 1 &&
           order->acknowledged <= LOAD_COOK_STEPS;
}

/* A kitchen forgets how long it has been at it: exponential, never zero and never infinite. */
static uint64_t draw_delay_ns(double mean_s)
{
    double chance = (1 + (double)osy_random_below(CHANCES)) / (CHANCES + 1);
    return (uint64_t)(-log(chance) * mean_s * 1e9);
}

/* Puts the order's next step on the stove, if it has one and the load goes on. */
static void cook(struct load_kitchen *kitchen, const struct dish *dish)
{
    uint32_t step = dish->order->acknowledged - 1;
    if (!is_cooking(kitchen) || !can_change(dish->order))
        return;
    struct dish *copy = osy_alloc(sizeof(*copy));
    *copy = *dish;
    load_heap_push(
        &kitchen->cooking,
        osy_clock_monotonic_ns() + draw_delay_ns(kitchen->run->options->cook.mean_s[step]), copy);
}

static void on_changed(void *context, const struct load_http_reply *reply)
{
    struct change change = *(struct change *)context;
    struct load_stats *stats = change.kitchen->run->stats;
    struct load_order *order = change.dish.order;
    free(context);
    order->is_changing = false;
    if (!reply) {
        stats->changes.unanswered++;
    } else if (reply->status == 200) {
        stats->changes.accepted++;
        load_order_acknowledge(order, change.version);
        load_stats_latency(stats, LOAD_LATENCY_CHANGE_REPLY, order->intended_ns[change.version - 1],
                           osy_clock_monotonic_ns());
        cook(change.kitchen, &change.dish);
    } else {
        load_posts_refuse(&stats->changes, reply->status);
    }
    if (change.dish.customer)
        load_customer_retire(change.dish.customer);
}

static void change_order(struct load_kitchen *kitchen, const struct dish *dish, uint64_t due_ns)
{
    struct load_run *run = kitchen->run;
    struct load_order *order = dish->order;
    char path[128], id[OSY_UUID_TEXT_BYTES];
    struct change *change = osy_alloc(sizeof(*change));
    *change = (struct change){kitchen, *dish, order->acknowledged + 1};
    order->intended_ns[change->version - 1] = due_ns;
    order->is_changing = true;
    osy_uuid_format(&order->id, id);
    snprintf(path, sizeof(path), "/api/v1/restaurants/me/orders/%s/%s", id,
             steps[change->version - 2]);
    run->stats->changes.offered++;
    load_stats_latency(run->stats, LOAD_LATENCY_GENERATOR, due_ns, osy_clock_monotonic_ns());
    load_call(run->calls,
              &(struct load_http_request){.method = "POST",
                                          .path = path,
                                          .bearer = run->restaurants.all[order->restaurant].token,
                                          .body = "{}"},
              LOAD_CALL_ONCE, on_changed, change);
}

static void change_some_order(struct load_kitchen *kitchen, uint64_t due_ns)
{
    struct load_run *run = kitchen->run;
    size_t customers = (size_t)run->options->customers;
    for (int i = 0; i < TRIES && customers > 0; i++) {
        struct load_customer *customer = &run->customers[osy_random_below(customers)];
        struct load_follow *follow = customer->latest;
        if (follow && load_feed_is_live(follow->feed) && !follow->is_retiring &&
            can_change(follow->trail.order)) {
            change_order(kitchen, &(struct dish){follow->trail.order, customer}, due_ns);
            return;
        }
    }
    run->stats->kitchen_idle++;
}

struct load_kitchen *load_kitchen_create(struct load_run *run)
{
    struct load_kitchen *kitchen = osy_alloc(sizeof(*kitchen));
    kitchen->run = run;
    return kitchen;
}

void load_kitchen_destroy(struct load_kitchen *kitchen)
{
    if (!kitchen)
        return;
    for (void *dish = load_heap_pop(&kitchen->cooking, NULL); dish;
         dish = load_heap_pop(&kitchen->cooking, NULL))
        free(dish);
    load_heap_deinit(&kitchen->cooking);
    free(kitchen);
}

void load_kitchen_take(struct load_kitchen *kitchen, struct load_order *order,
                       struct load_customer *customer)
{
    cook(kitchen, &(struct dish){order, customer});
}

void load_kitchen_pace(struct load_kitchen *kitchen, double from, double to, double seconds,
                       uint64_t now_ns)
{
    kitchen->per_second = from > to ? from : to;
    kitchen->free_ns = now_ns;
    load_pacer_start_slope(&kitchen->pacer, from, to, seconds, now_ns);
}

/* When the first step on the stove may be taken: when it is due, and the bound allows it. */
static uint64_t next_turn_ns(const struct load_kitchen *kitchen)
{
    uint64_t due_ns = load_heap_first(&kitchen->cooking);
    return due_ns > kitchen->free_ns ? due_ns : kitchen->free_ns;
}

static void tick_cooking(struct load_kitchen *kitchen, uint64_t until_ns)
{
    if (kitchen->per_second <= 0)
        return;
    while (kitchen->cooking.count > 0 && next_turn_ns(kitchen) <= until_ns) {
        uint64_t turn_ns = next_turn_ns(kitchen);
        struct dish *dish = load_heap_pop(&kitchen->cooking, NULL);
        kitchen->free_ns = turn_ns + (uint64_t)(1e9 / kitchen->per_second);
        change_order(kitchen, dish, turn_ns);
        free(dish);
    }
}

void load_kitchen_tick(struct load_kitchen *kitchen, uint64_t until_ns)
{
    uint64_t due_ns;
    if (is_cooking(kitchen)) {
        tick_cooking(kitchen, until_ns);
        return;
    }
    while (load_pacer_take(&kitchen->pacer, until_ns, &due_ns))
        change_some_order(kitchen, due_ns);
}
