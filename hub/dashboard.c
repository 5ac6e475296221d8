#include "hub/dashboard.h"

#include <stdlib.h>

#include "hub/session.h"
#include "hub/subscription.h"
#include "hub/topic.h"
#include "shared/alloc.h"

/* Topics keep pointers to the subscriptions: each stays where it is while the choice changes. */
struct hub_dashboard {
    struct hub_session *session;                       /* borrowed */
    struct hub_subscription *watched[HUB_CHOICES_MAX]; /* owned */
    size_t count;
};

struct hub_dashboard *hub_dashboard_create(struct hub_session *session)
{
    struct hub_dashboard *dashboard = osy_alloc(sizeof *dashboard);
    dashboard->session = session;
    return dashboard;
}

static void leave(struct hub_subscription *subscription)
{
    hub_subscription_leave(subscription);
    free(subscription);
}

void hub_dashboard_destroy(struct hub_dashboard *dashboard)
{
    if (!dashboard)
        return;
    for (size_t i = 0; i < dashboard->count; i++)
        leave(dashboard->watched[i]);
    free(dashboard);
}

/* --- the choice ----------------------------------------------------------------------------- */

static bool is_chosen(const struct hub_subscription *subscription, const struct hub_choice *choices,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (osy_uuid_equal(hub_topic_restaurant(subscription->topic), &choices[i].restaurant_id))
            return true;
    }
    return false;
}

static void drop_unchosen(struct hub_dashboard *dashboard, const struct hub_choice *choices,
                          size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < dashboard->count; i++) {
        if (is_chosen(dashboard->watched[i], choices, count))
            dashboard->watched[kept++] = dashboard->watched[i];
        else
            leave(dashboard->watched[i]);
    }
    dashboard->count = kept;
}

static bool is_watched(const struct hub_dashboard *dashboard, const struct hub_choice *choice)
{
    for (size_t i = 0; i < dashboard->count; i++) {
        const struct hub_subscription *subscription = dashboard->watched[i];
        if (osy_uuid_equal(hub_topic_restaurant(subscription->topic), &choice->restaurant_id))
            return true;
    }
    return false;
}

static void watch(struct hub_dashboard *dashboard, const struct hub_choice *choice)
{
    struct hub_subscription *subscription = osy_alloc(sizeof *subscription);
    struct hub_target target = {
        .kind = OSY_POSITION_RESTAURANT,
        .restaurant_id = choice->restaurant_id,
    };
    dashboard->watched[dashboard->count++] = subscription;
    hub_subscription_resume(subscription, choice->has_position ? &choice->position : NULL);
    hub_subscription_open(subscription, dashboard->session, &target);
}

/* To begin one may fill the queue, which closes the session: then the others need not begin. */
void hub_dashboard_choose(struct hub_dashboard *dashboard, const struct hub_choice *choices,
                          size_t count)
{
    drop_unchosen(dashboard, choices, count);
    for (size_t i = 0; i < count && dashboard->session->state != HUB_SESSION_CLOSING; i++) {
        if (!is_watched(dashboard, &choices[i]))
            watch(dashboard, &choices[i]);
    }
    hub_session_note_freshness(dashboard->session);
}

/* --- all of them ---------------------------------------------------------------------------- */

void hub_dashboard_pump(struct hub_dashboard *dashboard)
{
    for (size_t i = 0; i < dashboard->count; i++)
        hub_subscription_pump(dashboard->watched[i]);
}

void hub_dashboard_end(struct hub_dashboard *dashboard)
{
    for (size_t i = 0; i < dashboard->count; i++)
        hub_subscription_end(dashboard->watched[i]);
}

int64_t hub_dashboard_deadline_ms(const struct hub_dashboard *dashboard)
{
    int64_t first_ms = 0;
    for (size_t i = 0; i < dashboard->count; i++) {
        int64_t deadline_ms = dashboard->watched[i]->deadline_ms;
        if (deadline_ms && (!first_ms || deadline_ms < first_ms))
            first_ms = deadline_ms;
    }
    return first_ms;
}

/* A restaurant whose stream is still being opened is not part of the view yet. */
int64_t hub_dashboard_view_age_ms(const struct hub_dashboard *dashboard)
{
    int64_t worst_ms = 0;
    for (size_t i = 0; i < dashboard->count; i++) {
        const struct hub_subscription *subscription = dashboard->watched[i];
        if (subscription->state == HUB_SUBSCRIPTION_OPENING)
            continue;
        int64_t age_ms = hub_topic_view_age_ms(subscription->topic);
        if (age_ms > worst_ms)
            worst_ms = age_ms;
    }
    return worst_ms;
}
