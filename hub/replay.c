/*
 * Watchers that resume. One fetch serves every watcher of the topic that waits: it begins at the least
 * position among them. It is complete and checked before the first event goes out, so that a client gets
 * either all that it missed or one `reset`. A watcher is sent as much as its socket takes; when the
 * fetched events are used up it goes on from the topic's history, and where that meets the cursor it is
 * live. So nothing is missed while a replay is under way, and no event is queued twice.
 */
#include <stdlib.h>
#include <utlist.h>

#include "hub/topic_state.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/failpoint.h"
#include "shared/log.h"

/* What one fetch brought, shared by the subscriptions that are sent it. */
struct hub_replay {
    uint32_t references;
    uint64_t first; /* number of events[0] */
    size_t count;
    struct hub_event *events[]; /* references */
};

static struct hub_replay *create_replay(const struct hub_answer *answer)
{
    struct hub_replay *replay =
        osy_alloc(sizeof *replay + answer->count * sizeof(struct hub_event *));
    replay->references = 1;
    replay->first = answer->events[0]->envelope.seq;
    replay->count = answer->count;
    for (size_t i = 0; i < answer->count; i++)
        replay->events[i] = hub_event_ref(answer->events[i]);
    return replay;
}

static void unref_replay(struct hub_replay *replay)
{
    if (!replay || --replay->references > 0)
        return;
    for (size_t i = 0; i < replay->count; i++)
        hub_event_unref(replay->events[i]);
    free(replay);
}

void hub_replay_release(struct hub_subscription *subscription)
{
    unref_replay(subscription->replay);
    subscription->replay = NULL;
}

static struct hub_event *find_in_replay(const struct hub_replay *replay, uint64_t seq)
{
    if (!replay || seq < replay->first || seq - replay->first >= replay->count)
        return NULL;
    return replay->events[seq - replay->first];
}

static void begin(struct hub_topic *topic, struct hub_subscription *subscription,
                  struct hub_replay *replay)
{
    OSY_FAILPOINT("replay.before_first", "the first event of a replay is sent");
    if (replay)
        replay->references++;
    subscription->replay = replay;
    hub_subscription_set_state(subscription, HUB_SUBSCRIPTION_REPLAYING);
    hub_replay_pump(topic, subscription);
}

/* Once a part has been sent, a reset would be a hole: the client comes back and asks again. */
static void refuse(struct hub_topic *topic, struct hub_subscription *subscription,
                   const char *reason)
{
    struct osy_position position = hub_topic_position(topic);
    if (subscription->is_mid_replay)
        hub_subscription_fail(subscription, HUB_CLOSE_SLOW, "fell behind its replay");
    else
        hub_subscription_reset(subscription, &position, reason);
}

void hub_replay_answer(struct hub_topic *topic, struct hub_subscription *subscription)
{
    struct osy_position here = hub_topic_position(topic);
    struct osy_position *claimed = &subscription->position;
    if (subscription->from_now) {
        *claimed = here;
        hub_subscription_catch_up(subscription, "from_now");
        return;
    }
    if (claimed->number > here.number) { /* perhaps it is we who lag */
        if (!subscription->is_asked_for)
            hub_topic_ask_for_head(topic);
        return;
    }
    if (claimed->number == here.number) {
        if (osy_uuid_equal(&claimed->event_id, &here.event_id))
            hub_subscription_catch_up(subscription, "current");
        else
            refuse(topic, subscription, "unknown_position");
        return;
    }
    if (here.number - claimed->number > (uint64_t)topic->hub->config->replay_max) {
        refuse(topic, subscription, "too_old");
        return;
    }
    struct hub_event *event = hub_history_find(&topic->history, claimed->number);
    if (!event)
        hub_replay_work(topic);
    else if (osy_uuid_equal(&claimed->event_id, &event->envelope.id))
        begin(topic, subscription, NULL);
    else
        refuse(topic, subscription, "unknown_position");
}

void hub_replay_answer_all(struct hub_topic *topic)
{
    if (topic->pending_watchers == 0)
        return;
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        /* Those behind the cursor wait for the fetch that they were told of. */
        if (subscription->state == HUB_SUBSCRIPTION_WAITING &&
            subscription->position.number >= topic->cursor.last)
            hub_replay_answer(topic, subscription);
    }
    hub_replay_work(topic);
}

void hub_replay_pump(struct hub_topic *topic, struct hub_subscription *subscription)
{
    while (subscription->state == HUB_SUBSCRIPTION_REPLAYING &&
           hub_subscription_has_room(subscription)) {
        if (subscription->position.number == topic->cursor.last) {
            hub_replay_release(subscription);
            hub_subscription_catch_up(subscription, "replayed");
            return;
        }
        uint64_t next = subscription->position.number + 1;
        struct hub_event *event = find_in_replay(subscription->replay, next);
        if (!event && subscription->replay &&
            OSY_BUG("live_lost", "what comes live during a replay is left out")) {
            subscription->position = hub_topic_position(topic);
            continue;
        }
        if (!event)
            event = hub_history_find(&topic->history, next);
        if (!event) { /* it read so slowly that the history has moved on: fetch again */
            hub_replay_release(subscription);
            hub_subscription_set_state(subscription, HUB_SUBSCRIPTION_WAITING);
            hub_replay_answer(topic, subscription);
            return;
        }
        if (subscription->is_mid_replay)
            OSY_FAILPOINT("replay.before_next", "a further event of a replay is sent");
        subscription->is_mid_replay = true;
        hub_subscription_deliver(subscription, event);
    }
}

/* --- the fetch ------------------------------------------------------------------------------ */

/* Whether the answer proves what the client says that it has. */
static bool is_proven(const struct hub_subscription *subscription, const struct hub_replay *replay)
{
    if (OSY_BUG("position_unproven", "any position is resumed from"))
        return true;
    if (subscription->position.number == 0)
        return replay->first == 1;
    struct hub_event *event = find_in_replay(replay, subscription->position.number);
    return event && osy_uuid_equal(&event->envelope.id, &subscription->position.event_id);
}

static bool is_in_fetch(const struct hub_topic *topic, const struct hub_subscription *subscription)
{
    uint64_t number = subscription->position.number;
    return subscription->state == HUB_SUBSCRIPTION_WAITING && !subscription->from_now &&
           number <= topic->fetch.last && (number >= topic->fetch.first || topic->fetch.first == 1);
}

static bool is_what_was_delivered(const struct hub_range *fetch, const struct hub_answer *answer)
{
    return answer->count == fetch->last - fetch->first + 1 &&
           osy_uuid_equal(&answer->events[answer->count - 1]->envelope.id, &fetch->last_id);
}

static void hand_out(struct hub_topic *topic, const struct hub_answer *answer)
{
    bool is_whole = is_what_was_delivered(&topic->fetch, answer);
    if (!is_whole)
        hub_topic_doubt(topic);
    struct hub_replay *replay = is_whole ? create_replay(answer) : NULL;
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (!is_in_fetch(topic, subscription))
            continue;
        if (replay && is_proven(subscription, replay))
            begin(topic, subscription, replay);
        else
            refuse(topic, subscription, "unknown_position");
    }
    unref_replay(replay);
}

static void on_fetch(void *context, const struct hub_answer *answer)
{
    struct hub_topic *topic = context;
    if (!hub_topic_land(topic))
        return;
    if (answer->err) {
        topic->is_fetching = false;
        OSY_DEBUG("replay_failed", OSY_ERR(answer->err));
        hub_topic_retry_later(topic);
        return;
    }
    osy_backoff_reset(&topic->backoff);
    hand_out(topic, answer);
    /* Not before: whoever falls behind in there would begin the next fetch. */
    topic->is_fetching = false;
    hub_replay_answer_all(topic);
}

/* The least position that waits for a fetch; false when none does. */
static bool find_least(const struct hub_topic *topic, uint64_t *least)
{
    bool found = false;
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (subscription->state != HUB_SUBSCRIPTION_WAITING || subscription->from_now)
            continue;
        if (subscription->position.number >= topic->cursor.last)
            continue;
        if (!found || subscription->position.number < *least)
            *least = subscription->position.number;
        found = true;
    }
    return found;
}

static bool is_anyone_unasked(const struct hub_topic *topic)
{
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (subscription->state == HUB_SUBSCRIPTION_WAITING && !subscription->is_asked_for &&
            subscription->position.number > topic->cursor.last)
            return true;
    }
    return false;
}

void hub_replay_work(struct hub_topic *topic)
{
    if (topic->pending_watchers == 0 || hub_topic_is_backing_off(topic))
        return;
    if (is_anyone_unasked(topic))
        hub_topic_ask_for_head(topic);
    uint64_t least = 0; /* gcc cannot see that find_least sets it */
    if (topic->is_fetching || !find_least(topic, &least))
        return;
    topic->fetch = (struct hub_range){
        .restaurant_id = topic->restaurant_id,
        .first = least > 0 ? least : 1,
        .last = topic->cursor.last,
        .last_id = topic->cursor.last_id,
    };
    topic->is_fetching = true;
    topic->flights++;
    hub_source_find_events(&topic->hub->source, &topic->fetch, on_fetch, topic);
}
