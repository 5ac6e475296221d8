/*
 * A topic: one restaurant's events and the subscriptions that follow them, all of them (watchers: tablets
 * and dashboards) or those of one order (customers). It exists from its first subscription until a grace
 * time after its last.
 *
 *   OPENING -> OPEN -> ENDED
 *
 * OPENING: first the live channel is subscribed to, then the stream's head is read, so no event falls
 * between the two. OPEN: the cursor decides about every event that comes (hub/cursor.h); a gap is
 * repaired from the source, one flight at a time. ENDED: it waits for answers that are still under way.
 * Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"
#include "shared/position.h"
#include "shared/uuid.h"

struct hub_history;
struct hub_subscription;
struct hub_target;
struct hub_topic;

/* --- for subscriptions --- */
/* Enters subscription (OPENING) into the topic of target; hub_subscription_ready follows, at once or later. */
void hub_topic_join(struct hub *hub, struct hub_subscription *subscription,
                    const struct hub_target *target);
void hub_topic_leave(struct hub_subscription *subscription); /* fine when it is in none */
/* subscription is WAITING: answers its `resume`, at once or later. */
void hub_topic_resume(struct hub_subscription *subscription);
/* subscription is REPLAYING and its socket has room. */
void hub_topic_pump(struct hub_subscription *subscription);
/* subscription's state has changed. */
void hub_topic_note_state(struct hub_subscription *subscription, bool was_pending, bool is_pending);
/* Commit time of the event at position, if the topic still knows it; else 0. */
int64_t hub_topic_event_time(const struct hub_subscription *subscription,
                             const struct osy_position *position);

/* Of the topic that subscription has joined; borrowed. */
const struct hub_history *hub_topic_history(const struct hub_subscription *subscription);

/* How long ago the topic's view was last proven to be whole. */
int64_t hub_topic_view_age_ms(const struct hub_topic *topic);
const struct osy_uuid *hub_topic_restaurant(const struct hub_topic *topic);

/* --- for main: what Redis says --- */
void hub_topics_on_message(struct hub *hub, const char *channel, size_t channel_length,
                           const char *message, size_t length);
void hub_topics_on_subscribed(struct hub *hub, const char *channel, size_t channel_length);
/* Asks for the head of topics, of all or of those to which no event comes live; theirs is a lag that is
 * repaired at once. */
void hub_topics_check(struct hub *hub, bool all);
/* Ends every topic; their subscriptions must be gone. Answers that are under way must have come. */
void hub_topics_end(struct hub *hub);
