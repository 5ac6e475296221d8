#include "hub/panel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hub/topic_state.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/log.h"

enum { FIGURES_EVERY_MS = 1000 };

static void ask_for_presence(struct hub_topic *topic);
static void ask_for_figures(struct hub_topic *topic);

/* --- life ----------------------------------------------------------------------------------- */

static void forget(struct hub_exhibit *exhibit)
{
    free(exhibit->state);
    hub_frame_unref(exhibit->frame);
    exhibit->state = NULL;
    exhibit->frame = NULL;
}

void hub_panel_join(struct hub_topic *topic)
{
    char channel[HUB_REDIS_NAME_BYTES];
    if (topic->panel.watchers++ > 0)
        return;
    hub_source_presence_channel(&topic->restaurant_id, channel);
    hub_source_subscribe(&topic->hub->source, &topic->restaurant_id, channel);
    hub_panel_check(topic);
}

static void stop_watching(struct hub_topic *topic)
{
    char channel[HUB_REDIS_NAME_BYTES];
    hub_source_presence_channel(&topic->restaurant_id, channel);
    hub_source_unsubscribe(&topic->hub->source, &topic->restaurant_id, channel);
    hub_wheel_cancel(&topic->panel.figures_timer);
    forget(&topic->panel.presence);
    forget(&topic->panel.figures);
}

/* The last of a topic that has ended must not take the channel from the one that has followed it. */
void hub_panel_leave(struct hub_topic *topic)
{
    assert(topic->panel.watchers > 0);
    if (--topic->panel.watchers == 0 && topic->state != HUB_TOPIC_ENDED)
        stop_watching(topic);
}

void hub_panel_end(struct hub_topic *topic)
{
    if (topic->panel.watchers > 0)
        stop_watching(topic);
}

/* --- showing -------------------------------------------------------------------------------- */

void hub_panel_show(struct hub_topic *topic, struct hub_subscription *subscription)
{
    struct hub_panel *panel = &topic->panel;
    if (panel->presence.frame)
        hub_subscription_show(subscription, HUB_LATEST_PRESENCE, panel->presence.frame);
    if (panel->figures.frame)
        hub_subscription_show(subscription, HUB_LATEST_FIGURES, panel->figures.frame);
}

static void show_to_all(struct hub_topic *topic, enum hub_latest_kind kind, struct hub_frame *frame)
{
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (subscription->state == HUB_SUBSCRIPTION_LIVE &&
            hub_subscription_is_on_dashboard(subscription))
            hub_subscription_show(subscription, kind, frame);
    }
}

/* state is a JSON object with the message's other fields. */
static struct hub_frame *build_frame(const char *type, const char *state, const char *as_of)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_printf(&json, "{\"type\":\"%s\",", type);
    if (as_of)
        osy_buffer_printf(&json, "\"as_of\":\"%s\",", as_of);
    osy_buffer_text(&json, state + 1);
    struct hub_frame *frame = hub_frame_create(json.bytes, json.length);
    osy_buffer_deinit(&json);
    return frame;
}

static void take_state(struct hub_topic *topic, enum hub_latest_kind kind,
                       const struct hub_state *answer)
{
    bool is_presence = kind == HUB_LATEST_PRESENCE;
    struct hub_exhibit *exhibit = is_presence ? &topic->panel.presence : &topic->panel.figures;
    bool is_known = exhibit->state && strcmp(exhibit->state, answer->json) == 0;
    forget(exhibit);
    exhibit->state = osy_strdup(answer->json);
    exhibit->frame = build_frame(is_presence ? "presence" : "figures", answer->json, answer->as_of);
    if (!is_known)
        show_to_all(topic, kind, exhibit->frame);
}

/* --- asking --------------------------------------------------------------------------------- */

/* Begins to ask, unless an answer is under way already: that one may be too old, so another follows. */
static bool may_ask(struct hub_topic *topic, struct hub_exhibit *exhibit)
{
    if (topic->panel.watchers == 0 || topic->state == HUB_TOPIC_ENDED)
        return false;
    if (exhibit->is_asked) {
        exhibit->is_outdated = true;
        return false;
    }
    exhibit->is_asked = true;
    exhibit->is_outdated = false;
    topic->flights++;
    return true;
}

/* A failure is left to the next position check. True: ask again. */
static bool land(struct hub_topic *topic, struct hub_exhibit *exhibit, enum hub_latest_kind kind,
                 const struct hub_state *state, const struct osy_error *err)
{
    exhibit->is_asked = false;
    if (!hub_topic_land(topic) || topic->panel.watchers == 0)
        return false;
    if (err)
        OSY_DEBUG("panel_failed", OSY_ERR(err));
    else if (state->json)
        take_state(topic, kind, state);
    return exhibit->is_outdated;
}

static void on_presence(void *context, const struct hub_state *state, const struct osy_error *err)
{
    struct hub_topic *topic = context;
    if (land(topic, &topic->panel.presence, HUB_LATEST_PRESENCE, state, err))
        ask_for_presence(topic);
}

static void ask_for_presence(struct hub_topic *topic)
{
    if (may_ask(topic, &topic->panel.presence))
        hub_store_find_presence(topic->hub->source.store, &topic->restaurant_id, on_presence,
                                topic);
}

static void on_figures(void *context, const struct hub_state *state, const struct osy_error *err)
{
    struct hub_topic *topic = context;
    if (land(topic, &topic->panel.figures, HUB_LATEST_FIGURES, state, err))
        ask_for_figures(topic);
}

static void on_figures_due(struct hub_wheel_timer *timer)
{
    ask_for_figures(
        (struct hub_topic *)((char *)timer - offsetof(struct hub_topic, panel.figures_timer)));
}

static void ask_for_figures(struct hub_topic *topic)
{
    struct hub_panel *panel = &topic->panel;
    int64_t now_ms = osy_clock_monotonic_ms();
    if (now_ms < panel->figures_due_ms) {
        if (!hub_wheel_is_armed(&panel->figures_timer))
            hub_wheel_arm(&topic->hub->wheel, &panel->figures_timer, panel->figures_due_ms,
                          on_figures_due);
        return;
    }
    if (!may_ask(topic, &panel->figures))
        return;
    panel->figures_due_ms = now_ms + FIGURES_EVERY_MS;
    hub_store_find_figures(topic->hub->source.store, &topic->restaurant_id, on_figures, topic);
}

void hub_panel_check(struct hub_topic *topic)
{
    if (topic->panel.watchers == 0)
        return;
    ask_for_presence(topic);
    ask_for_figures(topic);
}

void hub_panel_note_presence(struct hub_topic *topic)
{
    ask_for_presence(topic);
}

void hub_panel_note_event(struct hub_topic *topic)
{
    if (topic->panel.watchers > 0)
        ask_for_figures(topic);
}
