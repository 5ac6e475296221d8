#include "loadtest/dashboard.h"

#include <stdlib.h>

#include "loadtest/run.h"
#include "loadtest/tokens.h"
#include "shared/alloc.h"

static size_t restaurant_of(const struct load_dashboard *dashboard, size_t stream)
{
    return (dashboard->first + stream) % dashboard->run->restaurants.count;
}

static void on_event(void *context, size_t stream, const struct load_message *event,
                     uint64_t now_ns)
{
    struct load_dashboard *dashboard = context;
    dashboard->run->stats->to_dashboards += load_watch_event(
        dashboard->run, &dashboard->views[stream], restaurant_of(dashboard, stream), event, now_ns);
}

static void on_reset(void *context, size_t stream, const char *position)
{
    struct load_dashboard *dashboard = context;
    load_view_reset(dashboard->run->ledger, &dashboard->views[stream], position);
}

static void on_live(void *context)
{
    (void)context;
}

static void on_stray(void *context)
{
    struct load_dashboard *dashboard = context;
    dashboard->run->stats->leaked++;
}

static const struct load_feed_handler feed_handler = {
    .on_event = on_event,
    .on_reset = on_reset,
    .on_live = on_live,
    .on_stray = on_stray,
};

/* Neighbours begin one behind the other, so that the restaurants are watched evenly. */
static void divide(struct load_run *run)
{
    size_t restaurants = run->restaurants.count;
    size_t each = restaurants < LOAD_TOKEN_RESTAURANTS ? restaurants : LOAD_TOKEN_RESTAURANTS;
    for (size_t i = 0; i < (size_t)run->options->dashboards; i++)
        run->dashboards[i] = (struct load_dashboard){
            .run = run,
            .first = i * each % restaurants,
            .count = each,
            .views = osy_alloc_array(each, sizeof(struct load_view)),
        };
}

bool load_dashboards_prepare(struct load_run *run, long ttl_seconds, struct osy_error *err)
{
    size_t count = (size_t)run->options->dashboards;
    struct load_token *tokens = osy_alloc_array(count, sizeof(*tokens));
    run->dashboards = osy_alloc_array(count, sizeof(*run->dashboards));
    divide(run);
    for (size_t i = 0; i < count; i++) {
        const struct load_dashboard *dashboard = &run->dashboards[i];
        tokens[i].restaurant_count = dashboard->count;
        for (size_t stream = 0; stream < dashboard->count; stream++)
            tokens[i].restaurants[stream] =
                run->restaurants.all[restaurant_of(dashboard, stream)].id_text;
    }
    bool ok = load_tokens_mint("owner", tokens, count, ttl_seconds, err);
    for (size_t i = 0; i < count; i++)
        run->dashboards[i].token = tokens[i].text;
    free(tokens);
    return ok;
}

void load_dashboard_start(struct load_dashboard *dashboard)
{
    struct load_run *run = dashboard->run;
    struct osy_uuid restaurants[LOAD_TOKEN_RESTAURANTS];
    for (size_t stream = 0; stream < dashboard->count; stream++)
        restaurants[stream] = run->restaurants.all[restaurant_of(dashboard, stream)].id;
    dashboard->feed =
        load_feed_create(&run->feeds,
                         &(struct load_feed_target){.path = "/ws/dashboard",
                                                    .bearer = dashboard->token,
                                                    .position = "",
                                                    .restaurants = restaurants,
                                                    .restaurant_count = dashboard->count,
                                                    .cache = &run->dashboard_messages},
                         &feed_handler, dashboard);
}

void load_dashboard_judge(struct load_dashboard *dashboard)
{
    for (size_t stream = 0; stream < dashboard->count; stream++)
        load_view_start(dashboard->run->ledger, &dashboard->views[stream],
                        restaurant_of(dashboard, stream));
}

void load_dashboard_deinit(struct load_dashboard *dashboard)
{
    load_feed_destroy(dashboard->feed);
    for (size_t stream = 0; stream < dashboard->count; stream++)
        load_view_deinit(&dashboard->views[stream]);
    free(dashboard->views);
    free(dashboard->token);
}

size_t load_dashboard_stream(const struct load_dashboard *dashboard, size_t restaurant)
{
    size_t restaurants = dashboard->run->restaurants.count;
    size_t stream = (restaurant + restaurants - dashboard->first) % restaurants;
    return stream < dashboard->count ? stream : dashboard->count;
}
