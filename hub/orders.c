/*
 * Customers: the subscriptions that follow one order. An order has few events, so all of them are fetched at
 * once when its first customer comes, and answer both `hello` and `resume`. A customer who connects just after
 * ordering is answered without any query, from the topic's history; and so is one who comes back soon, because
 * a topic that follows the live stream keeps the newest position of orders that somebody has watched.
 */
#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "hub/topic_state.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/log.h"

enum { RECENT_MAX = 32 };

enum hub_order_load {
    LOAD_IDLE = 0,
    LOAD_WANTED, /* the source has failed, or the topic is not open yet */
    LOAD_RUNNING,
    LOAD_AHEAD, /* events has it, but the topic has not come that far */
};

struct hub_order {
    struct osy_uuid id;
    struct osy_position position; /* of the newest event that we know of; number 0: none */
    int64_t time_ms;              /* its commit time */
    struct hub_subscription *subscriptions;   /* borrowed */
    size_t subscription_count, pending_count; /* pending: has not been told all that it missed */
    enum hub_order_load load;
    bool is_loaded;            /* events are all that there are up to position */
    struct hub_event **events; /* owned, with their references; contiguous, the last is `position`;
                                    kept while somebody is pending */
    size_t event_count, event_capacity;
    struct hub_order *prev, *next; /* in recent_orders, while it has no subscriptions */
    UT_hash_handle hh;
};

/* What a load that is under way belongs to; the order itself may be gone when it lands. */
struct load {
    struct hub_topic *topic;
    struct osy_uuid order_id;
};

static void want_load(struct hub_topic *topic, struct hub_order *order);

/* --- the table ------------------------------------------------------------------------------ */

static struct hub_order *find_order(struct hub_topic *topic, const struct osy_uuid *id)
{
    struct hub_order *order;
    HASH_FIND(hh, topic->orders, id, sizeof *id, order);
    return order;
}

static struct hub_order *create_order(struct hub_topic *topic, const struct osy_uuid *id)
{
    struct hub_order *order = osy_alloc(sizeof *order);
    order->id = *id;
    order->position.kind = OSY_POSITION_ORDER;
    HASH_ADD(hh, topic->orders, id, sizeof order->id, order);
    return order;
}

static void drop_events(struct hub_order *order)
{
    hub_events_free(order->events, order->event_count);
    order->events = NULL;
    order->event_count = order->event_capacity = 0;
    order->is_loaded = false;
    if (order->load == LOAD_AHEAD)
        order->load = LOAD_IDLE;
}

static void free_order(struct hub_topic *topic, struct hub_order *order)
{
    drop_events(order);
    HASH_DEL(topic->orders, order);
    free(order);
}

static void remember_recent(struct hub_topic *topic, struct hub_order *order)
{
    DL_APPEND(topic->recent_orders, order);
    if (++topic->recent_order_count <= RECENT_MAX)
        return;
    struct hub_order *oldest = topic->recent_orders;
    DL_DELETE(topic->recent_orders, oldest);
    topic->recent_order_count--;
    free_order(topic, oldest);
}

static void forget_recent(struct hub_topic *topic, struct hub_order *order)
{
    DL_DELETE(topic->recent_orders, order);
    topic->recent_order_count--;
}

void hub_orders_free(struct hub_topic *topic)
{
    struct hub_order *order, *following;
    HASH_ITER(hh, topic->orders, order, following)
        free_order(topic, order);
    topic->recent_orders = NULL;
    topic->recent_order_count = 0;
}

static void keep_event(struct hub_order *order, struct hub_event *event)
{
    if (order->event_count == order->event_capacity) {
        order->event_capacity = order->event_capacity ? order->event_capacity * 2 : 4;
        order->events =
            osy_realloc_array(order->events, order->event_capacity, sizeof(struct hub_event *));
    }
    order->events[order->event_count++] = hub_event_ref(event);
}

static void note_newest(struct hub_order *order, const struct hub_event *event)
{
    order->position = hub_event_position(event, OSY_POSITION_ORDER);
    order->time_ms = event->envelope.time_ms;
}

static struct hub_order *create_known_order(struct hub_topic *topic, const struct osy_uuid *id)
{
    struct hub_order *order = create_order(topic, id);
    const struct hub_event *newest = hub_history_find_order(&topic->history, id);
    if (newest)
        note_newest(order, newest);
    return order;
}

/* --- subscriptions ------------------------------------------------------------------------------- */

static void greet(struct hub_topic *topic, struct hub_order *order,
                  struct hub_subscription *subscription)
{
    if (order->position.number > 0)
        hub_subscription_ready(subscription, &order->position);
    else
        want_load(topic, order);
}

void hub_orders_join(struct hub_topic *topic, struct hub_subscription *subscription,
                     const struct osy_uuid *order_id)
{
    struct hub_order *order = find_order(topic, order_id);
    if (!order)
        order = create_known_order(topic, order_id);
    else if (order->subscription_count == 0)
        forget_recent(topic, order);
    subscription->order = order;
    DL_APPEND(order->subscriptions, subscription);
    order->subscription_count++;
    order->pending_count++;
    greet(topic, order, subscription);
}

void hub_orders_leave(struct hub_topic *topic, struct hub_subscription *subscription)
{
    struct hub_order *order = subscription->order;
    subscription->order = NULL;
    DL_DELETE(order->subscriptions, subscription);
    if (--order->subscription_count > 0)
        return;
    /* A position is kept up to date only by an open topic. */
    if (order->position.number > 0 && topic->state == HUB_TOPIC_OPEN)
        remember_recent(topic, order);
    else
        free_order(topic, order);
}

void hub_orders_note_state(struct hub_subscription *subscription, bool was_pending, bool is_pending)
{
    struct hub_order *order = subscription->order;
    if (is_pending && !was_pending)
        order->pending_count++;
    else if (was_pending && !is_pending && --order->pending_count == 0)
        drop_events(order);
}

int64_t hub_orders_event_time(const struct hub_subscription *subscription,
                              const struct osy_position *position)
{
    const struct osy_position *newest = &subscription->order->position;
    bool is_it = newest->number == position->number &&
                 osy_uuid_equal(&newest->event_id, &position->event_id);
    return is_it ? subscription->order->time_ms : 0;
}

void hub_orders_note_freshness(struct hub_topic *topic)
{
    struct hub_order *order, *following;
    struct hub_subscription *subscription;
    HASH_ITER(hh, topic->orders, order, following) {
        DL_FOREACH(order->subscriptions, subscription)
            hub_subscription_note_freshness(subscription);
    }
}

void hub_orders_close_all(struct hub_topic *topic, uint16_t code, const char *reason)
{
    struct hub_order *order, *following;
    struct hub_subscription *subscription;
    HASH_ITER(hh, topic->orders, order, following) {
        DL_FOREACH(order->subscriptions, subscription)
            hub_subscription_fail(subscription, code, reason);
    }
}

/* --- resume --------------------------------------------------------------------------------- */

enum lookup { LOOKUP_FOUND = 0, LOOKUP_FOREIGN, LOOKUP_ABSENT };

/* Where the events that the client lacks begin in order->events. */
static enum lookup look_up(const struct hub_order *order, const struct osy_position *position,
                           size_t *begin)
{
    if (order->event_count == 0)
        return LOOKUP_ABSENT;
    assert(order->events[order->event_count - 1]->envelope.version == order->position.number);
    uint64_t first = order->events[0]->envelope.version;
    if (position->number == 0 && first == 1) {
        *begin = 0;
        return LOOKUP_FOUND;
    }
    if (position->number < first || position->number - first >= order->event_count)
        return LOOKUP_ABSENT;
    size_t index = (size_t)(position->number - first);
    *begin = index + (OSY_BUG("last_repeated", "a replay begins with what the client has") ? 0 : 1);
    return osy_uuid_equal(&position->event_id, &order->events[index]->envelope.id) ? LOOKUP_FOUND
                                                                                   : LOOKUP_FOREIGN;
}

static void replay(struct hub_order *order, struct hub_subscription *subscription, size_t begin)
{
    const char *verdict = begin == order->event_count ? "current" : "replayed";
    for (size_t i = begin; i < order->event_count; i++) {
        if (subscription->state == HUB_SUBSCRIPTION_ENDED)
            return;
        hub_subscription_deliver(subscription, order->events[i]);
    }
    if (subscription->state != HUB_SUBSCRIPTION_ENDED)
        hub_subscription_catch_up(subscription, verdict);
}

void hub_orders_resume(struct hub_topic *topic, struct hub_subscription *subscription)
{
    struct hub_order *order = subscription->order;
    struct osy_position *claimed = &subscription->position;
    size_t begin;
    if (subscription->from_now) {
        *claimed = order->position;
        hub_subscription_catch_up(subscription, "from_now");
        return;
    }
    if (claimed->number == order->position.number &&
        osy_uuid_equal(&claimed->event_id, &order->position.event_id)) {
        hub_subscription_catch_up(subscription, "current");
        return;
    }
    if (order->load == LOAD_AHEAD)
        return; /* served when the topic has come that far */
    enum lookup result = look_up(order, claimed, &begin);
    if (result == LOOKUP_FOUND)
        replay(order, subscription, begin);
    else if (result == LOOKUP_FOREIGN || (subscription->is_asked_for && order->is_loaded))
        hub_subscription_reset(subscription, &order->position, "unknown_position");
    else
        want_load(topic, order);
}

/* The order is known now: answers everybody who has waited for that. */
static void serve(struct hub_topic *topic, struct hub_order *order)
{
    struct hub_subscription *subscription;
    DL_FOREACH(order->subscriptions, subscription) {
        if (subscription->state == HUB_SUBSCRIPTION_OPENING)
            greet(topic, order, subscription);
        else if (subscription->state == HUB_SUBSCRIPTION_WAITING)
            hub_orders_resume(topic, subscription);
    }
    /* Who asked may have gone meanwhile; events that nobody waits for would not be kept up to date. */
    if (order->pending_count == 0)
        drop_events(order);
}

/* --- live events ---------------------------------------------------------------------------- */

static void deliver_to_follower(struct hub_subscription *subscription, struct hub_event *event)
{
    if (subscription->state != HUB_SUBSCRIPTION_LIVE)
        return;
    if (event->envelope.version == subscription->position.number + 1)
        hub_subscription_deliver(subscription, event);
    else if (event->envelope.version > subscription->position.number)
        hub_subscription_fail(subscription, HUB_CLOSE_FAILED,
                              "lost its place"); /* never a silent hole */
}

/* While somebody is pending, what was loaded must stay whole up to the newest event. */
static void keep_for_pending(struct hub_order *order, struct hub_event *event)
{
    if (order->event_count > 0 &&
        order->events[order->event_count - 1]->envelope.version + 1 != event->envelope.version)
        drop_events(order);
    else if (order->event_count > 0 || order->load == LOAD_RUNNING)
        keep_event(order, event);
}

/* event is the topic's next one: perhaps it has come to what was loaded. */
static void meet_load(struct hub_topic *topic, struct hub_order *order,
                      const struct hub_event *event)
{
    const struct hub_event *newest = order->events[order->event_count - 1];
    if (event->envelope.version < newest->envelope.version)
        return;
    if (osy_uuid_equal(&event->envelope.id, &newest->envelope.id)) {
        order->load = LOAD_IDLE;
        serve(topic, order);
    } else {
        drop_events(order);
        want_load(topic, order);
    }
}

void hub_orders_on_event(struct hub_topic *topic, struct hub_event *event)
{
    if (event->envelope.version == 0) /* for the restaurant alone */
        return;
    struct hub_order *order = find_order(topic, &event->envelope.order_id);
    if (!order) /* nobody has watched it so far */
        return;
    if (event->envelope.version > order->position.number) {
        if (order->pending_count > 0 && order->load != LOAD_AHEAD)
            keep_for_pending(order, event);
        note_newest(order, event);
    }
    struct hub_subscription *subscription;
    DL_FOREACH(order->subscriptions, subscription)
        deliver_to_follower(subscription, event);
    if (order->load == LOAD_AHEAD)
        meet_load(topic, order, event);
}

/* --- loading -------------------------------------------------------------------------------- */

/* Takes what was loaded, and behind it the events that came live meanwhile. False when there is a hole
 * between the two. */
static bool adopt(struct hub_order *order, const struct hub_answer *answer)
{
    struct hub_event **live = order->events;
    size_t live_count = order->event_count;
    order->events = NULL;
    order->event_count = order->event_capacity = 0;
    for (size_t i = 0; i < answer->count; i++)
        keep_event(order, answer->events[i]);
    uint64_t newest = answer->events[answer->count - 1]->envelope.version;
    bool ok = true;
    for (size_t i = 0; i < live_count; i++) {
        if (live[i]->envelope.version <= newest)
            continue;
        ok = ok && live[i]->envelope.version == newest + 1;
        keep_event(order, live[i]);
        newest = live[i]->envelope.version;
    }
    hub_events_free(live, live_count);
    /* The order may know a newer event than it has kept, from before the load began. */
    return ok && newest >= order->position.number;
}

static bool is_contiguous(const struct hub_answer *answer)
{
    for (size_t i = 1; i < answer->count; i++) {
        if (answer->events[i]->envelope.version != answer->events[i - 1]->envelope.version + 1)
            return false;
    }
    return true;
}

static void close_unknown(struct hub_order *order)
{
    struct hub_subscription *subscription;
    DL_FOREACH(order->subscriptions, subscription)
        hub_subscription_fail(subscription, HUB_CLOSE_NOT_FOUND, "no such order");
}

static void on_recent(void *context, const struct hub_answer *answer);

/* PostgreSQL is down: one look at what Redis has serves all orders that wait. */
static void scan_redis(struct hub_topic *topic)
{
    if (topic->is_scanning)
        return;
    topic->is_scanning = true;
    topic->flights++;
    hub_source_find_recent(&topic->hub->source, &topic->restaurant_id, on_recent, topic);
}

static void load_later(struct hub_topic *topic, struct hub_order *order)
{
    order->load = LOAD_WANTED;
    topic->has_wanted_orders = true;
    hub_topic_retry_later(topic);
}

/* Nobody is told what the topic has not come to: if the database went back behind it, the topic would have
 * nothing to notice it by. */
static void wait_for_topic(struct hub_topic *topic, struct hub_order *order,
                           const struct hub_event *newest)
{
    order->load = LOAD_AHEAD;
    hub_cursor_expect(&topic->cursor, newest->envelope.seq, &newest->envelope.id);
    hub_topic_work(topic);
}

void hub_orders_give_up(struct hub_topic *topic)
{
    struct hub_order *order, *following;
    HASH_ITER(hh, topic->orders, order, following) {
        if (order->load != LOAD_AHEAD)
            continue;
        drop_events(order);
        want_load(topic, order);
    }
}

static void finish_load(struct hub_topic *topic, struct hub_order *order,
                        const struct hub_answer *answer)
{
    if (answer->count == 0) {
        close_unknown(order);
        return;
    }
    if (!is_contiguous(answer) || !adopt(order, answer)) {
        drop_events(order);
        load_later(topic, order);
        hub_topic_doubt(
            topic); /* an order that has less than it had: perhaps the database went back */
        return;
    }
    order->is_loaded = true;
    const struct hub_event *newest = order->events[order->event_count - 1];
    if (newest->envelope.seq > topic->cursor.last) {
        wait_for_topic(topic, order, newest);
        return;
    }
    note_newest(order, newest);
    serve(topic, order);
}

static void on_loaded(void *context, const struct hub_answer *answer)
{
    struct load load = *(struct load *)context;
    free(context);
    if (!hub_topic_land(load.topic))
        return;
    struct hub_order *order = find_order(load.topic, &load.order_id);
    if (!order || order->load != LOAD_RUNNING)
        return;
    order->load = LOAD_IDLE;
    if (order->subscription_count == 0)
        return;
    if (answer->err) {
        OSY_DEBUG("order_load_failed", OSY_ERR(answer->err));
        drop_events(order);
        load_later(load.topic, order);
        scan_redis(load.topic);
        return;
    }
    osy_backoff_reset(&load.topic->backoff);
    finish_load(load.topic, order, answer);
}

static void start_load(struct hub_topic *topic, struct hub_order *order)
{
    struct load *load = osy_alloc(sizeof *load);
    *load = (struct load){topic, order->id};
    drop_events(order);
    order->load = LOAD_RUNNING;
    struct hub_subscription *subscription;
    DL_FOREACH(order->subscriptions, subscription)
        subscription->is_asked_for = subscription->state == HUB_SUBSCRIPTION_WAITING;
    topic->flights++;
    hub_source_find_order_events(&topic->hub->source, &topic->restaurant_id, &order->id, on_loaded,
                                 load);
}

static void want_load(struct hub_topic *topic, struct hub_order *order)
{
    if (order->load == LOAD_RUNNING || order->load == LOAD_AHEAD)
        return;
    order->load = LOAD_WANTED;
    if (topic->state == HUB_TOPIC_OPEN && !hub_topic_is_backing_off(topic))
        start_load(topic, order);
    else
        topic->has_wanted_orders = true;
}

void hub_orders_work(struct hub_topic *topic)
{
    if (!topic->has_wanted_orders)
        return;
    topic->has_wanted_orders = false;
    struct hub_order *order, *following;
    HASH_ITER(hh, topic->orders, order, following) {
        if (order->load == LOAD_WANTED && order->subscription_count > 0)
            start_load(topic, order);
    }
}

/* --- what Redis has ------------------------------------------------------------------------- */

static void gather(struct hub_topic *topic, struct hub_event *event)
{
    if (event->envelope.version == 0)
        return;
    struct hub_order *order = find_order(topic, &event->envelope.order_id);
    if (!order || order->load != LOAD_WANTED || order->subscription_count == 0)
        return;
    bool follows =
        order->event_count > 0 &&
        order->events[order->event_count - 1]->envelope.version + 1 == event->envelope.version;
    if (order->event_count > 0 && !follows)
        drop_events(order);
    keep_event(order, event);
}

/* run ends at the cursor or behind it. */
static bool meets_cursor(const struct hub_cursor *cursor, struct hub_event *const *run)
{
    const struct osy_envelope *first = &run[0]->envelope;
    if (first->seq > cursor->last)
        return hub_cursor_judge(cursor, first) == HUB_VERDICT_DELIVER;
    return osy_uuid_equal(&run[cursor->last - first->seq]->envelope.id, &cursor->last_id);
}

/* Where the events begin that reach the cursor without a hole: only of orders among these is it known that
 * nothing newer was missed. answer->count when there are none. */
static size_t find_whole_run(const struct hub_topic *topic, const struct hub_answer *answer)
{
    size_t begin = answer->count;
    if (begin == 0 || answer->events[begin - 1]->envelope.seq < topic->cursor.last)
        return answer->count;
    begin--;
    while (begin > 0 && hub_event_follows(answer->events[begin], answer->events[begin - 1]))
        begin--;
    return meets_cursor(&topic->cursor, answer->events + begin) ? begin : answer->count;
}

/* Good for positions that it has; for others the order waits on for PostgreSQL (is_loaded is false). */
static void on_recent(void *context, const struct hub_answer *answer)
{
    struct hub_topic *topic = context;
    topic->is_scanning = false;
    if (!hub_topic_land(topic) || answer->err)
        return;
    for (size_t i = find_whole_run(topic, answer); i < answer->count; i++) {
        const struct osy_envelope *event = &answer->events[i]->envelope;
        if (event->seq <= topic->cursor.last)
            gather(topic, answer->events[i]);
        else
            hub_cursor_expect(&topic->cursor, event->seq, &event->id);
    }

    struct hub_order *order, *following;
    HASH_ITER(hh, topic->orders, order, following) {
        if (order->load != LOAD_WANTED || order->event_count == 0)
            continue;
        struct hub_event *newest = order->events[order->event_count - 1];
        if (newest->envelope.version < order->position.number) {
            drop_events(order);
            continue;
        }
        note_newest(order, newest);
        serve(topic, order);
    }
}
