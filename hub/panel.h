/*
 * A panel: what dashboards are shown of a restaurant besides its events: its presence and its figures. A
 * topic has one, which does something only while a dashboard watches. Both are states that PostgreSQL
 * knows; they are asked for at each position check, presence soon after a message that it has
 * changed, and figures after events, at most once a second. What does not differ from what was last
 * sent is not sent again, but a dashboard that joins later is shown it with its new time. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/outbox.h"
#include "hub/wheel.h"

struct hub_subscription;
struct hub_topic;

/* One of the two states. */
struct hub_exhibit {
    char *state;                /* owned: as PostgreSQL told it; NULL: not known yet */
    struct hub_frame *frame;    /* a counted reference: the message with it; NULL: not known yet */
    bool is_asked, is_outdated; /* an answer is under way, but it may be too old */
};

struct hub_panel {
    size_t watchers; /* dashboards that follow the topic */
    struct hub_exhibit presence, figures;
    int64_t figures_due_ms; /* not before: monotonic */
    struct hub_wheel_timer figures_timer;
};

/* A dashboard's subscription has come, or goes. */
void hub_panel_join(struct hub_topic *topic);
void hub_panel_leave(struct hub_topic *topic);
/* The topic ends, perhaps before its watchers are gone: what follows it may be another of the restaurant. */
void hub_panel_end(struct hub_topic *topic);
/* It has caught up: it is shown what is known. */
void hub_panel_show(struct hub_topic *topic, struct hub_subscription *subscription);
void hub_panel_check(struct hub_topic *topic);         /* asks for both */
void hub_panel_note_presence(struct hub_topic *topic); /* it is said to have changed */
void hub_panel_note_event(struct hub_topic *topic);    /* one was delivered */
