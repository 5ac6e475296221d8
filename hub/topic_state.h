/*
 * What a topic is made of, shared by the three files that work on it and by nobody else:
 * hub/topic.c (life, live events, gaps), hub/replay.c (watchers that resume), hub/orders.c (customers).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "hub/cursor.h"
#include "hub/event.h"
#include "hub/freshness.h"
#include "hub/history.h"
#include "hub/hub.h"
#include "hub/panel.h"
#include "hub/session.h"
#include "hub/subscription.h"
#include "hub/topic.h"
#include "hub/wheel.h"
#include "shared/backoff.h"

#define HUB_TOPIC_HELD_MAX 64 /* live events that wait for a gap before them to be repaired */

enum hub_topic_state {
    HUB_TOPIC_OPENING = 0,
    HUB_TOPIC_OPEN,
    HUB_TOPIC_ENDED,
};

struct hub_topic {
    struct hub *hub; /* borrowed */
    struct osy_uuid restaurant_id;
    enum hub_topic_state state;
    struct hub_cursor cursor;
    struct hub_subscription *watchers; /* those of the whole restaurant; borrowed */
    struct hub_order *orders;          /* by id; owned */
    struct hub_order *recent_orders;   /* those without subscriptions, the least recent first */
    size_t recent_order_count;
    size_t subscription_count;  /* watchers and customers */
    size_t pending_watchers;    /* those that wait for a replay or are being sent one */
    struct hub_history history; /* from when it is open */
    struct hub_event *held[HUB_TOPIC_HELD_MAX]; /* references; ascending */
    size_t held_count;

    unsigned flights;       /* answers that are under way and hold a pointer to us */
    bool is_head_asked;     /* one of them for the head, */
    bool is_head_stale;     /* but asked before the subscription was sure: ask again; */
    uint64_t asked_at;      /* asked when the cursor stood here; */
    bool is_repairing;      /* one for a gap; */
    bool is_fetching;       /* one for watchers' replays, */
    struct hub_range fetch; /* for these events; */
    bool is_scanning;       /* one for what Redis has of orders */
    bool has_wanted_orders; /* some order is to be loaded at the next chance */
    bool is_urgent;         /* no event comes live: a lag is repaired at once */
    int64_t asked_ms;       /* when the head was last asked for */
    struct hub_freshness freshness;
    struct hub_panel panel;
    struct hub_wheel_timer stale_timer;
    uint64_t suspect; /* PostgreSQL has an event of this number that has not come yet */
    struct osy_uuid suspect_id;
    struct hub_wheel_timer suspect_timer;
    struct osy_backoff backoff;
    struct hub_wheel_timer retry_timer; /* armed: a source has failed, ask again when it fires */
    struct hub_wheel_timer grace_timer;
    UT_hash_handle hh;
};

/* --- hub/topic.c --- */
/* Starts whatever is due and not under way: the head, a repair, a fetch, orders. */
void hub_topic_work(struct hub_topic *topic);
void hub_topic_ask_for_head(struct hub_topic *topic);
void hub_topic_doubt(struct hub_topic *topic);
void hub_topic_retry_later(struct hub_topic *topic);
bool hub_topic_is_backing_off(const struct hub_topic *topic);
/* An answer has come. False when the topic has ended meanwhile (and may be gone now). */
OSY_MUST_CHECK bool hub_topic_land(struct hub_topic *topic);
struct osy_position hub_topic_position(const struct hub_topic *topic);

/* --- hub/replay.c --- */
void hub_replay_answer(struct hub_topic *topic, struct hub_subscription *subscription);
void hub_replay_answer_all(struct hub_topic *topic);
void hub_replay_work(struct hub_topic *topic);
void hub_replay_pump(struct hub_topic *topic, struct hub_subscription *subscription);
void hub_replay_release(struct hub_subscription *subscription);

/* --- hub/orders.c --- */
void hub_orders_join(struct hub_topic *topic, struct hub_subscription *subscription,
                     const struct osy_uuid *order_id);
void hub_orders_leave(struct hub_topic *topic, struct hub_subscription *subscription);
void hub_orders_note_state(struct hub_subscription *subscription, bool was_pending,
                           bool is_pending);
void hub_orders_resume(struct hub_topic *topic, struct hub_subscription *subscription);
void hub_orders_on_event(struct hub_topic *topic, struct hub_event *event);
void hub_orders_work(struct hub_topic *topic);    /* asks for those that are wanted */
void hub_orders_give_up(struct hub_topic *topic); /* what was expected does not exist after all */
void hub_orders_note_freshness(struct hub_topic *topic);
void hub_orders_close_all(struct hub_topic *topic, uint16_t code, const char *reason);
int64_t hub_orders_event_time(const struct hub_subscription *subscription,
                              const struct osy_position *position);
void hub_orders_free(struct hub_topic *topic);
