#include "loadtest/missing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/run.h"
#include "shared/alloc.h"

static size_t tablet_count(const struct load_run *run)
{
    return (size_t)run->options->tablets;
}

static size_t dashboard_count(const struct load_run *run)
{
    return (size_t)run->options->dashboards;
}

static size_t customer_count(const struct load_run *run)
{
    return (size_t)run->options->customers;
}

/* unseen: by restaurant, what nobody at all has got. A reload over HTTP makes up for that. */
static uint64_t count_of(const struct load_run *run, struct load_view *view, const size_t *unseen)
{
    size_t nobodys = view->resets == 0 ? unseen[view->restaurant] : 0;
    return load_view_lacks(run->ledger, view) + nobodys;
}

uint64_t load_missing_count(const struct load_run *run)
{
    uint64_t missing = 0;
    size_t *unseen = osy_alloc_array(run->restaurants.count, sizeof(*unseen));
    load_ledger_unseen(run->ledger, unseen, NULL);
    for (size_t i = 0; i < tablet_count(run); i++)
        missing += count_of(run, &run->tablets[i].view, unseen);
    for (size_t i = 0; i < dashboard_count(run); i++)
        for (size_t stream = 0; stream < run->dashboards[i].count; stream++)
            missing += count_of(run, &run->dashboards[i].views[stream], unseen);
    for (size_t i = 0; i < customer_count(run); i++)
        missing += load_customer_lacks(&run->customers[i]);
    free(unseen);
    return missing;
}

/* --- examples --- */

/* The customer's order that lacks an event; NULL when all have come. */
static const struct load_follow *find_lacking(const struct load_customer *customer)
{
    const struct load_follow *follow = customer->latest;
    while (follow && load_trail_lacks(&follow->trail) == 0)
        follow = follow->older;
    return follow;
}

static void note(struct load_desk *desk, const char *who, const struct load_order *order,
                 uint32_t version)
{
    char id[OSY_UUID_TEXT_BYTES];
    size_t i = 0;
    while (i < LOAD_EXAMPLES && desk->examples[i][0])
        i++;
    osy_uuid_format(&order->id, id);
    if (i < LOAD_EXAMPLES)
        snprintf(desk->examples[i], sizeof(desk->examples[i]), "%s lacks version %u of order %s",
                 who, (unsigned)version, id);
}

void load_missing_note(const struct load_run *run)
{
    struct load_desk *desk = run->assignment->desk;
    const struct load_order *order;
    uint32_t version;
    if (load_ledger_unseen(run->ledger, NULL, &order) > 0)
        note(desk, "everybody", order, order->acknowledged);
    for (size_t i = 0; i < tablet_count(run); i++) {
        order = load_view_example(run->ledger, &run->tablets[i].view, &version);
        if (order)
            note(desk, "a tablet", order, version);
    }
    for (size_t i = 0; i < customer_count(run); i++) {
        const struct load_follow *follow = find_lacking(&run->customers[i]);
        if (follow)
            note(desk, "a customer", follow->trail.order, follow->trail.highest + 1);
    }
}

/* --- positions --- */

static bool is_behind(const struct load_feed *feed, size_t stream, const char *position)
{
    return !position || strcmp(load_feed_position(feed, stream), position) != 0;
}

uint64_t load_missing_behind(const struct load_run *run, size_t restaurant, const char *position)
{
    uint64_t behind = 0;
    for (size_t i = restaurant; i < tablet_count(run); i += run->restaurants.count)
        behind += is_behind(run->tablets[i].feed, 0, position);
    for (size_t i = 0; i < dashboard_count(run); i++) {
        size_t stream = load_dashboard_stream(&run->dashboards[i], restaurant);
        if (stream < run->dashboards[i].count)
            behind += is_behind(run->dashboards[i].feed, stream, position);
    }
    return behind;
}
