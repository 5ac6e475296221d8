#include "loadtest/tablet.h"

#include <stdio.h>
#include <string.h>

#include "loadtest/run.h"
#include "shared/clock.h"
#include "shared/json.h"

static struct load_restaurant *restaurant_of(const struct load_tablet *tablet)
{
    return &tablet->run->restaurants.all[tablet->restaurant];
}

static void load_list(struct load_tablet *tablet, load_answer_fn on_answer)
{
    load_call(tablet->run->calls,
              &(struct load_http_request){.method = "GET",
                                          .path = "/api/v1/restaurants/me/orders?limit=1",
                                          .bearer = restaurant_of(tablet)->token},
              LOAD_CALL_INSIST, on_answer, tablet);
}

/* The two clocks of an event: from when its POST was due, and from its commit. Nobody posts an alert. */
static void record(struct load_stats *stats, const struct load_order *order,
                   const struct load_message *event, uint64_t now_ns)
{
    if (event->version == 1)
        load_stats_latency(stats, LOAD_LATENCY_ORDER_TO_TABLET, order->intended_ns[0], now_ns);
    else if (event->version > 1)
        load_stats_latency(stats, LOAD_LATENCY_CHANGE_TO_TABLET,
                           order->intended_ns[event->version - 1], now_ns);
    if (!stats->is_measuring)
        return;
    int64_t age_ms = osy_clock_wall_ms() - event->time_ms;
    load_histogram_record(&stats->latencies[LOAD_LATENCY_COMMIT_TO_SOCKET],
                          age_ms > 0 ? (uint64_t)age_ms * 1000 : 0);
}

bool load_watch_event(struct load_run *run, struct load_view *view, size_t restaurant,
                      const struct load_message *event, uint64_t now_ns)
{
    struct load_stats *stats = run->stats;
    if (!osy_uuid_equal(&event->restaurant, &run->restaurants.all[restaurant].id)) {
        stats->leaked++;
        return false;
    }
    struct load_order *order = load_ledger_order(run->ledger, restaurant, &event->order_id);
    switch (load_view_event(run->ledger, view, order, event->version, event->position)) {
    case LOAD_VERDICT_FOREIGN: stats->foreign++; return false;
    case LOAD_VERDICT_NOT_OURS: return false;
    case LOAD_VERDICT_DUPLICATE:
        stats->duplicated++;
        stats->duplicated_after_filter += event->version == 0;
        return false;
    case LOAD_VERDICT_OUT_OF_ORDER: stats->out_of_order++; break;
    case LOAD_VERDICT_GOOD: break;
    }
    stats->alerts += event->version == 0;
    /* The event may overtake the POST's reply; its latency is then recorded with the reply. */
    if (event->version == 1 && order->acknowledged == 0)
        load_order_note_early(order, now_ns);
    record(stats, order, event, now_ns);
    return true;
}

static void on_event(void *context, size_t stream, const struct load_message *event,
                     uint64_t now_ns)
{
    struct load_tablet *tablet = context;
    (void)stream;
    tablet->run->stats->to_tablets +=
        load_watch_event(tablet->run, &tablet->view, tablet->restaurant, event, now_ns);
}

/* That it comes is what the tablet needs: without it, what the reset has skipped is lost. */
static void on_list_reloaded(void *context, const struct load_http_reply *reply)
{
    struct load_tablet *tablet = context;
    tablet->run->failed_reloads += !reply || reply->status != 200;
}

static void on_reset(void *context, size_t stream, const char *position)
{
    struct load_tablet *tablet = context;
    (void)stream;
    load_view_reset(tablet->run->ledger, &tablet->view, position);
    load_list(tablet, on_list_reloaded);
}

static void on_live(void *context)
{
    (void)context;
}

static const struct load_feed_handler feed_handler = {
    .on_event = on_event,
    .on_reset = on_reset,
    .on_live = on_live,
};

static void follow(struct load_tablet *tablet, const char *position)
{
    struct load_run *run = tablet->run;
    struct load_restaurant *restaurant = restaurant_of(tablet);
    char path[128], device[32];
    snprintf(path, sizeof(path), "/ws/restaurants/%s/orders", restaurant->id_text);
    snprintf(device, sizeof(device), "load-%zu",
             (size_t)(tablet - run->tablets) * run->assignment->count + run->assignment->number);
    tablet->feed =
        load_feed_create(&run->feeds,
                         &(struct load_feed_target){.path = path,
                                                    .bearer = restaurant->token,
                                                    .position = position,
                                                    .device = run->options->ack ? device : NULL,
                                                    .cache = &restaurant->messages},
                         &feed_handler, tablet);
}

static void on_list(void *context, const struct load_http_reply *reply)
{
    struct load_tablet *tablet = context;
    struct load_run *run = tablet->run;
    json_t *list = reply && reply->status == 200
                       ? osy_json_parse(reply->body, reply->body_length, JSON_OBJECT, NULL)
                       : NULL;
    const char *position = json_string_value(json_object_get(list, "position"));
    if (position)
        follow(tablet, position);
    else
        run->failed_starts++;
    json_decref(list);
}

void load_tablet_start(struct load_tablet *tablet, struct load_run *run, size_t restaurant)
{
    *tablet = (struct load_tablet){.run = run, .restaurant = restaurant};
    restaurant_of(tablet)->tablets++;
    load_list(tablet, on_list);
}

void load_tablet_judge(struct load_tablet *tablet)
{
    load_view_start(tablet->run->ledger, &tablet->view, tablet->restaurant);
}

void load_tablet_deinit(struct load_tablet *tablet)
{
    load_feed_destroy(tablet->feed);
    load_view_deinit(&tablet->view);
}
