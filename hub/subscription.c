#include "hub/subscription.h"

#include <assert.h>

#include "hub/panel.h"
#include "hub/session.h"
#include "hub/socket.h"
#include "hub/topic.h"
#include "shared/buffer.h"
#include "shared/clock.h"

#define BIT(state) (1u << (state))

/* The drawing at the top of subscription.h. */
static const unsigned legal_steps[] = {
    [HUB_SUBSCRIPTION_OPENING] = BIT(HUB_SUBSCRIPTION_READY),
    [HUB_SUBSCRIPTION_READY] = BIT(HUB_SUBSCRIPTION_WAITING),
    [HUB_SUBSCRIPTION_WAITING] = BIT(HUB_SUBSCRIPTION_REPLAYING) | BIT(HUB_SUBSCRIPTION_LIVE),
    [HUB_SUBSCRIPTION_REPLAYING] = BIT(HUB_SUBSCRIPTION_WAITING) | BIT(HUB_SUBSCRIPTION_LIVE),
    [HUB_SUBSCRIPTION_LIVE] = 0,
    [HUB_SUBSCRIPTION_ENDED] = 0,
};

/* --- state ---------------------------------------------------------------------------------- */

static bool is_waiting_for_data(enum hub_subscription_state state)
{
    return state == HUB_SUBSCRIPTION_OPENING || state == HUB_SUBSCRIPTION_WAITING;
}

static void set_deadline(struct hub_subscription *subscription)
{
    int64_t time_ms = subscription->session->hub->config->data_timeout_ms;
    bool is_waiting = is_waiting_for_data(subscription->state);
    subscription->deadline_ms = is_waiting ? osy_clock_monotonic_ms() + time_ms : 0;
    hub_session_arm(subscription->session);
}

/* Whether the topic must keep events at hand for it. */
static bool is_pending(const struct hub_subscription *subscription)
{
    enum hub_subscription_state state = subscription->state;
    if (!subscription->order)
        return state == HUB_SUBSCRIPTION_WAITING || state == HUB_SUBSCRIPTION_REPLAYING;
    return state <= HUB_SUBSCRIPTION_REPLAYING;
}

static void change_state(struct hub_subscription *subscription, enum hub_subscription_state state)
{
    bool was_pending = is_pending(subscription);
    subscription->state = state;
    hub_topic_note_state(subscription, was_pending, is_pending(subscription));
}

void hub_subscription_set_state(struct hub_subscription *subscription,
                                enum hub_subscription_state state)
{
    assert(legal_steps[subscription->state] & BIT(state));
    change_state(subscription, state);
    set_deadline(subscription);
}

/* --- for the session ------------------------------------------------------------------------ */

void hub_subscription_open(struct hub_subscription *subscription, struct hub_session *session,
                           const struct hub_target *target)
{
    assert(!subscription->session);
    subscription->session = session;
    set_deadline(subscription);
    hub_topic_join(session->hub, subscription, target);
}

static void begin_resume(struct hub_subscription *subscription)
{
    hub_subscription_set_state(subscription, HUB_SUBSCRIPTION_WAITING);
    hub_topic_resume(subscription);
}

void hub_subscription_resume(struct hub_subscription *subscription,
                             const struct osy_position *position)
{
    subscription->has_resume = true;
    subscription->from_now = !position;
    if (position)
        subscription->position = *position;
    if (subscription->state == HUB_SUBSCRIPTION_READY)
        begin_resume(subscription);
}

void hub_subscription_pump(struct hub_subscription *subscription)
{
    if (subscription->state == HUB_SUBSCRIPTION_REPLAYING)
        hub_topic_pump(subscription);
}

int64_t hub_subscription_event_time(const struct hub_subscription *subscription,
                                    const struct osy_position *position)
{
    return subscription->topic ? hub_topic_event_time(subscription, position) : 0;
}

const struct hub_history *hub_subscription_history(const struct hub_subscription *subscription)
{
    return subscription->topic ? hub_topic_history(subscription) : NULL;
}

void hub_subscription_end(struct hub_subscription *subscription)
{
    if (!subscription->session || subscription->state == HUB_SUBSCRIPTION_ENDED)
        return;
    change_state(subscription, HUB_SUBSCRIPTION_ENDED);
    subscription->deadline_ms = 0;
}

void hub_subscription_leave(struct hub_subscription *subscription)
{
    hub_subscription_end(subscription);
    hub_topic_leave(subscription);
}

/* --- for the topic -------------------------------------------------------------------------- */

void hub_subscription_ready(struct hub_subscription *subscription,
                            const struct osy_position *position)
{
    hub_subscription_set_state(subscription, HUB_SUBSCRIPTION_READY);
    hub_session_greet(subscription->session, position);
    hub_session_note_freshness(subscription->session);
    if (subscription->has_resume && subscription->state == HUB_SUBSCRIPTION_READY)
        begin_resume(subscription);
}

bool hub_subscription_has_room(const struct hub_subscription *subscription)
{
    return hub_socket_has_room(subscription->session->socket);
}

bool hub_subscription_is_on_dashboard(const struct hub_subscription *subscription)
{
    return subscription->session->target.is_dashboard;
}

static enum hub_form form_of(const struct hub_subscription *subscription)
{
    if (subscription->order)
        return HUB_FORM_CUSTOMER;
    return hub_subscription_is_on_dashboard(subscription) ? HUB_FORM_DASHBOARD : HUB_FORM_TABLET;
}

/* event: NULL for what is said about the stream itself. */
static bool is_allowed(struct hub_subscription *subscription, const struct hub_event *event)
{
    const struct osy_uuid *restaurant_id = hub_topic_restaurant(subscription->topic);
    return hub_session_allows(subscription->session, restaurant_id, event);
}

void hub_subscription_deliver(struct hub_subscription *subscription, struct hub_event *event)
{
    if (!is_allowed(subscription, event))
        return;
    enum hub_form form = form_of(subscription);
    subscription->position = hub_event_position(
        event, form == HUB_FORM_CUSTOMER ? OSY_POSITION_ORDER : OSY_POSITION_RESTAURANT);
    hub_session_send(subscription->session, hub_event_frame(event, form));
    hub_session_expect_sign(subscription->session);
}

/* type is `caught_up` or `reset`; the client is at the subscription's position now. */
static void say_where(struct hub_subscription *subscription, const char *type, const char *reason)
{
    char position[OSY_POSITION_TEXT_BYTES];
    osy_position_format(&subscription->position, position);
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_printf(&json, "{\"type\":\"%s\",", type);
    if (form_of(subscription) == HUB_FORM_DASHBOARD) {
        char restaurant_id[OSY_UUID_TEXT_BYTES];
        osy_uuid_format(hub_topic_restaurant(subscription->topic), restaurant_id);
        osy_buffer_printf(&json, "\"restaurant_id\":\"%s\",", restaurant_id);
    }
    osy_buffer_printf(&json, "\"position\":\"%s\"", position);
    if (reason)
        osy_buffer_printf(&json, ",\"reason\":\"%s\"", reason);
    osy_buffer_char(&json, '}');
    hub_session_send_json(subscription->session, &json);
}

/* The client is live, unless to say so was too much for its queue. */
static void show_panel(struct hub_subscription *subscription)
{
    if (subscription->state == HUB_SUBSCRIPTION_LIVE &&
        hub_subscription_is_on_dashboard(subscription))
        hub_panel_show(subscription->topic, subscription);
}

void hub_subscription_show(struct hub_subscription *subscription, enum hub_latest_kind kind,
                           struct hub_frame *frame)
{
    if (is_allowed(subscription, NULL))
        hub_socket_send_latest(subscription->session->socket, kind,
                               hub_topic_restaurant(subscription->topic), frame);
}

static void go_live(struct hub_subscription *subscription, const char *verdict)
{
    hub_metrics_count(subscription->session->hub->metrics.resumes, verdict);
    hub_subscription_set_state(subscription, HUB_SUBSCRIPTION_LIVE);
}

void hub_subscription_catch_up(struct hub_subscription *subscription, const char *verdict)
{
    if (!is_allowed(subscription, NULL))
        return;
    go_live(subscription, verdict);
    say_where(subscription, "caught_up", NULL);
    show_panel(subscription);
}

void hub_subscription_reset(struct hub_subscription *subscription,
                            const struct osy_position *position, const char *reason)
{
    if (!is_allowed(subscription, NULL))
        return;
    subscription->position = *position;
    go_live(subscription, reason);
    say_where(subscription, "reset", reason);
    show_panel(subscription);
}

void hub_subscription_note_freshness(struct hub_subscription *subscription)
{
    hub_session_note_freshness(subscription->session);
}

void hub_subscription_fail(struct hub_subscription *subscription, uint16_t code, const char *reason)
{
    hub_session_close(subscription->session, code, reason);
}
