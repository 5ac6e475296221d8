/*
 * A subscription: one session's place in one stream, a restaurant's or an order's. The topic feeds it
 * (hub/topic.h), the session carries what it sends (hub/session.h). A tablet's or a customer's session
 * has one, embedded; a dashboard's has one for each restaurant that it has chosen.
 *
 *   OPENING -> READY -> WAITING -> REPLAYING -> LIVE
 *                          |  ^--------'         ^
 *                          `---------------------'
 *   any of them -> ENDED
 *
 * OPENING: its topic or order is being looked up. READY: where the stream stands is known, `resume` has
 * not come. WAITING: it has, and the events for it are being fetched. REPLAYING: they are being sent, as
 * fast as the client reads. Only in LIVE do new events go to the socket straight away. ENDED: it waits
 * to be taken out of its topic's list. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/event.h"
#include "hub/outbox.h"
#include "hub/upgrade.h"
#include "shared/position.h"

struct hub_history;
struct hub_order;
struct hub_replay;
struct hub_session;
struct hub_topic;

enum hub_subscription_state {
    HUB_SUBSCRIPTION_OPENING = 0,
    HUB_SUBSCRIPTION_READY,
    HUB_SUBSCRIPTION_WAITING,
    HUB_SUBSCRIPTION_REPLAYING,
    HUB_SUBSCRIPTION_LIVE,
    HUB_SUBSCRIPTION_ENDED,
};

struct hub_subscription {
    struct hub_session *session; /* borrowed; NULL: never opened */
    enum hub_subscription_state state;
    bool has_resume;    /* `resume` has come */
    bool from_now;      /* it said null */
    bool is_asked_for;  /* the source is being, or has been, asked since `resume` came */
    bool is_mid_replay; /* some of the missed events have been sent */

    /* What the client has: as it says in `resume`, then what was sent. Its kind is the stream's. */
    struct osy_position position;
    int64_t deadline_ms; /* monotonic; by when the data must have come; 0: none */

    struct hub_topic *topic; /* borrowed */
    struct hub_order *order; /* borrowed; of an order's stream */
    struct hub_subscription *prev,
        *next;                 /* in the topic's watchers, or the order's subscriptions */
    struct hub_replay *replay; /* a counted reference; NULL unless REPLAYING from a fetch */
};

/* --- for the session --- */
/* Enters the stream that target names; hub_subscription_ready follows, at once or later. */
void hub_subscription_open(struct hub_subscription *subscription, struct hub_session *session,
                           const struct hub_target *target);
/* What the client has; NULL: "from now on". Once. */
void hub_subscription_resume(struct hub_subscription *subscription,
                             const struct osy_position *position);
/* The outbox has room again. */
void hub_subscription_pump(struct hub_subscription *subscription);
/* Commit time of the event at position, if it is still known; else 0. */
int64_t hub_subscription_event_time(const struct hub_subscription *subscription,
                                    const struct osy_position *position);
/* The recent events of its topic; borrowed. NULL: it has none. */
const struct hub_history *hub_subscription_history(const struct hub_subscription *subscription);
/* Nothing more is sent by it. It stays in the topic's list, which somebody may be walking over. */
void hub_subscription_end(struct hub_subscription *subscription); /* harmless when repeated */
/* Ends it and leaves the topic. */
void hub_subscription_leave(struct hub_subscription *subscription);

/* --- for the topic. None of these takes it out of a list. --- */
/* OPENING -> READY: the stream stands at position. */
void hub_subscription_ready(struct hub_subscription *subscription,
                            const struct osy_position *position);
void hub_subscription_set_state(struct hub_subscription *subscription,
                                enum hub_subscription_state state);
bool hub_subscription_has_room(const struct hub_subscription *subscription);
/* Queues one event, if the session may have it; the position moves on. */
void hub_subscription_deliver(struct hub_subscription *subscription, struct hub_event *event);
/* -> LIVE: says `caught_up`, or `reset` with a reason. verdict is a metric's label. */
void hub_subscription_catch_up(struct hub_subscription *subscription, const char *verdict);
void hub_subscription_reset(struct hub_subscription *subscription,
                            const struct osy_position *position, const char *reason);
/* The topic's view has become stale, or fresh again. */
void hub_subscription_note_freshness(struct hub_subscription *subscription);
bool hub_subscription_is_on_dashboard(const struct hub_subscription *subscription);
/* LIVE: sends a state of the restaurant, in place of an older one of that kind. */
void hub_subscription_show(struct hub_subscription *subscription, enum hub_latest_kind kind,
                           struct hub_frame *frame);
/* Closes the session. */
void hub_subscription_fail(struct hub_subscription *subscription, uint16_t code,
                           const char *reason);
