#include "hub/topic.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "hub/topic_state.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/log.h"

enum {
    HISTORY_IDLE = 32,      /* events kept for reconnects within moments */
    HISTORY_PENDING = 2048, /* events kept while a replay is under way */
    SUBSCRIBE_WAIT_MS = 1000,
    SUSPECT_WAIT_MS = 300, /* a commit is usually published sooner than that */
    RETRY_FIRST_MS = 200,
    RETRY_MOST_MS = 3000,
};

#define TOPIC_OF(timer_pointer, member) \
    ((struct hub_topic *)((char *)(timer_pointer)-offsetof(struct hub_topic, member)))

static void repair(struct hub_topic *topic);

/* --- life ----------------------------------------------------------------------------------- */

static struct hub_topic *find_topic(struct hub *hub, const struct osy_uuid *restaurant_id)
{
    struct hub_topic *topic;
    HASH_FIND(hh, hub->topics, restaurant_id, sizeof *restaurant_id, topic);
    return topic;
}

static void on_subscribe_timeout(struct hub_wheel_timer *timer)
{
    hub_topic_work(TOPIC_OF(timer, retry_timer));
}

static bool is_live(const struct hub_topic *topic)
{
    return hub_source_is_live(&topic->hub->source, &topic->restaurant_id);
}

static struct hub_topic *create_topic(struct hub *hub, const struct osy_uuid *restaurant_id)
{
    struct hub_topic *topic = osy_alloc(sizeof *topic);
    topic->hub = hub;
    topic->restaurant_id = *restaurant_id;
    hub_freshness_init(&topic->freshness, osy_clock_monotonic_ms(), hub->config->stale_ms);
    topic->backoff = (struct osy_backoff){.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS};
    HASH_ADD(hh, hub->topics, restaurant_id, sizeof topic->restaurant_id, topic);
    osy_metric_inc(hub->metrics.topics);
    char channel[HUB_REDIS_NAME_BYTES];
    hub_source_channel(restaurant_id, channel);
    hub_source_subscribe(&hub->source, restaurant_id, channel);
    /* A confirmation that is lost with its connection must not hold the topic up for ever; and where there is
     * no connection, there is none to wait for. */
    if (is_live(topic))
        hub_wheel_arm(&hub->wheel, &topic->retry_timer,
                      osy_clock_monotonic_ms() + SUBSCRIBE_WAIT_MS, on_subscribe_timeout);
    return topic;
}

/* --- freshness ------------------------------------------------------------------------------ */

int64_t hub_topic_view_age_ms(const struct hub_topic *topic)
{
    return hub_freshness_age_ms(&topic->freshness, osy_clock_monotonic_ms());
}

static bool is_stale(const struct hub_topic *topic)
{
    return hub_topic_view_age_ms(topic) >= topic->hub->config->stale_ms;
}

static void tell_freshness(struct hub_topic *topic)
{
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription)
        hub_subscription_note_freshness(subscription);
    hub_orders_note_freshness(topic);
}

static void on_stale(struct hub_wheel_timer *timer)
{
    tell_freshness(TOPIC_OF(timer, stale_timer));
}

/* Something may have been proven: the moment at which the view gets stale moves on. */
static void update_freshness(struct hub_topic *topic, bool was_stale)
{
    if (is_stale(topic))
        return;
    hub_wheel_arm(&topic->hub->wheel, &topic->stale_timer,
                  topic->freshness.proven_ms + topic->hub->config->stale_ms, on_stale);
    if (was_stale)
        tell_freshness(topic);
}

static void prove_by_head(struct hub_topic *topic, const struct hub_head *head)
{
    if (head->from_redis)
        return;
    bool was_stale = is_stale(topic);
    hub_freshness_note_head(&topic->freshness, topic->asked_ms, head->seq, topic->cursor.last);
    update_freshness(topic, was_stale);
}

static void prove_by_delivery(struct hub_topic *topic)
{
    if (topic->freshness.claim_seq == 0)
        return;
    bool was_stale = is_stale(topic);
    hub_freshness_note_delivered(&topic->freshness, topic->cursor.last);
    update_freshness(topic, was_stale);
}

/* --- end ------------------------------------------------------------------------------------ */

static void drop_held(struct hub_topic *topic)
{
    for (size_t i = 0; i < topic->held_count; i++)
        hub_event_unref(topic->held[i]);
    topic->held_count = 0;
}

static void free_when_done(struct hub_topic *topic)
{
    if (topic->state != HUB_TOPIC_ENDED || topic->flights > 0 || topic->subscription_count > 0)
        return;
    hub_orders_free(topic);
    hub_history_clear(&topic->history);
    drop_held(topic);
    free(topic);
}

static void end_topic(struct hub_topic *topic)
{
    struct hub *hub = topic->hub;
    char channel[HUB_REDIS_NAME_BYTES];
    hub_source_channel(&topic->restaurant_id, channel);
    hub_source_unsubscribe(&hub->source, &topic->restaurant_id, channel);
    hub_panel_end(topic);
    hub_wheel_cancel(&topic->retry_timer);
    hub_wheel_cancel(&topic->grace_timer);
    hub_wheel_cancel(&topic->suspect_timer);
    hub_wheel_cancel(&topic->stale_timer);
    HASH_DEL(hub->topics, topic);
    osy_metric_dec(hub->metrics.topics);
    topic->state = HUB_TOPIC_ENDED;
    free_when_done(topic);
}

static void close_all(struct hub_topic *topic, uint16_t code, const char *reason)
{
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription)
        hub_subscription_fail(subscription, code, reason);
    hub_orders_close_all(topic, code, reason);
}

bool hub_topic_land(struct hub_topic *topic)
{
    assert(topic->flights > 0);
    topic->flights--;
    if (topic->state != HUB_TOPIC_ENDED)
        return true;
    free_when_done(topic);
    return false;
}

struct osy_position hub_topic_position(const struct hub_topic *topic)
{
    return (struct osy_position){
        .kind = OSY_POSITION_RESTAURANT,
        .number = topic->cursor.last,
        .event_id = topic->cursor.last_id,
    };
}

static void on_retry(struct hub_wheel_timer *timer)
{
    hub_topic_work(TOPIC_OF(timer, retry_timer));
}

void hub_topic_retry_later(struct hub_topic *topic)
{
    if (hub_topic_is_backing_off(topic))
        return;
    int64_t delay_ms = RETRY_FIRST_MS + osy_backoff_next_ms(&topic->backoff);
    hub_wheel_arm(&topic->hub->wheel, &topic->retry_timer, osy_clock_monotonic_ms() + delay_ms,
                  on_retry);
}

bool hub_topic_is_backing_off(const struct hub_topic *topic)
{
    return hub_wheel_is_armed(&topic->retry_timer);
}

void hub_topic_work(struct hub_topic *topic)
{
    if (topic->state == HUB_TOPIC_ENDED || hub_topic_is_backing_off(topic))
        return;
    if (topic->state == HUB_TOPIC_OPENING) {
        hub_topic_ask_for_head(topic);
        return;
    }
    if (hub_cursor_is_behind(&topic->cursor))
        repair(topic);
    hub_replay_work(topic);
    hub_orders_work(topic);
}

/* --- subscriptions ------------------------------------------------------------------------------- */

void hub_topic_join(struct hub *hub, struct hub_subscription *subscription,
                    const struct hub_target *target)
{
    struct hub_topic *topic = find_topic(hub, &target->restaurant_id);
    if (!topic)
        topic = create_topic(hub, &target->restaurant_id);
    hub_wheel_cancel(&topic->grace_timer);
    subscription->topic = topic;
    topic->subscription_count++;
    if (target->kind == OSY_POSITION_ORDER) {
        hub_orders_join(topic, subscription, &target->order_id);
    } else {
        DL_APPEND(topic->watchers, subscription);
        if (hub_subscription_is_on_dashboard(subscription))
            hub_panel_join(topic);
        struct osy_position position = hub_topic_position(topic);
        if (topic->state == HUB_TOPIC_OPEN)
            hub_subscription_ready(subscription, &position);
    }
    if (topic->state == HUB_TOPIC_OPENING)
        hub_topic_work(topic);
}

static void on_grace_over(struct hub_wheel_timer *timer)
{
    end_topic(TOPIC_OF(timer, grace_timer));
}

void hub_topic_leave(struct hub_subscription *subscription)
{
    struct hub_topic *topic = subscription->topic;
    if (!topic)
        return;
    if (subscription->order) {
        hub_orders_leave(topic, subscription);
    } else {
        DL_DELETE(topic->watchers, subscription);
        if (hub_subscription_is_on_dashboard(subscription))
            hub_panel_leave(topic);
        hub_replay_release(subscription);
    }
    subscription->topic = NULL;
    topic->subscription_count--;
    if (topic->state == HUB_TOPIC_ENDED)
        free_when_done(topic);
    else if (topic->subscription_count == 0)
        hub_wheel_arm(&topic->hub->wheel, &topic->grace_timer,
                      osy_clock_monotonic_ms() + topic->hub->config->topic_grace_ms, on_grace_over);
}

void hub_topic_note_state(struct hub_subscription *subscription, bool was_pending, bool is_pending)
{
    if (!subscription->topic || was_pending == is_pending)
        return;
    if (subscription->order)
        hub_orders_note_state(subscription, was_pending, is_pending);
    else if (is_pending)
        subscription->topic->pending_watchers++;
    else
        subscription->topic->pending_watchers--;
}

void hub_topic_resume(struct hub_subscription *subscription)
{
    if (subscription->order)
        hub_orders_resume(subscription->topic, subscription);
    else
        hub_replay_answer(subscription->topic, subscription);
}

void hub_topic_pump(struct hub_subscription *subscription)
{
    hub_replay_pump(subscription->topic, subscription);
}

const struct osy_uuid *hub_topic_restaurant(const struct hub_topic *topic)
{
    return &topic->restaurant_id;
}

int64_t hub_topic_event_time(const struct hub_subscription *subscription,
                             const struct osy_position *position)
{
    if (subscription->order)
        return hub_orders_event_time(subscription, position);
    struct hub_event *event = hub_history_find(&subscription->topic->history, position->number);
    bool is_it = event && osy_uuid_equal(&event->envelope.id, &position->event_id);
    return is_it ? event->envelope.time_ms : 0;
}

const struct hub_history *hub_topic_history(const struct hub_subscription *subscription)
{
    return &subscription->topic->history;
}

/* --- the head ------------------------------------------------------------------------------- */

static void open_topic(struct hub_topic *topic, const struct hub_head *head)
{
    struct hub_cursor *cursor = &topic->cursor;
    cursor->last = head->seq;
    cursor->last_id = head->event_id;
    if (cursor->target <= cursor->last)
        hub_cursor_give_up(cursor); /* nothing beyond the head was seen meanwhile */
    topic->state = HUB_TOPIC_OPEN;
    prove_by_head(topic, head);

    struct osy_position position = hub_topic_position(topic);
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (subscription->state == HUB_SUBSCRIPTION_OPENING)
            hub_subscription_ready(subscription, &position);
    }
}

/* After a point-in-time restore, events that we have delivered no longer exist or are others now.
 * Nothing can be continued from; clients come back, and their positions prove what they have. */
static void abandon(struct hub_topic *topic)
{
    char text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&topic->restaurant_id, text);
    OSY_ERROR("topic_diverged", OSY_STR("restaurant_id", text), OSY_INT("seq", topic->cursor.last));
    close_all(topic, HUB_CLOSE_FAILED, "stream was restored");
    end_topic(topic);
}

static bool has_diverged(const struct hub_topic *topic, const struct hub_head *head)
{
    if (head->from_redis)
        return false;
    if (!head->found || head->seq < topic->asked_at)
        return true;
    return head->seq == topic->cursor.last &&
           !osy_uuid_equal(&head->event_id, &topic->cursor.last_id);
}

static void on_suspect_timeout(struct hub_wheel_timer *timer)
{
    struct hub_topic *topic = TOPIC_OF(timer, suspect_timer);
    if (topic->suspect <= topic->cursor.last)
        return;
    hub_cursor_expect(&topic->cursor, topic->suspect, &topic->suspect_id);
    hub_topic_work(topic);
}

/* PostgreSQL has events that we have not seen: on their way, most likely, or their publisher has died
 * or the subscription with it. The former get a moment. */
static void note_lag(struct hub_topic *topic, const struct hub_head *head)
{
    if (topic->is_urgent) {
        hub_cursor_expect(&topic->cursor, head->seq, &head->event_id);
        return;
    }
    topic->suspect = head->seq;
    topic->suspect_id = head->event_id;
    if (!hub_wheel_is_armed(&topic->suspect_timer))
        hub_wheel_arm(&topic->hub->wheel, &topic->suspect_timer,
                      osy_clock_monotonic_ms() + SUSPECT_WAIT_MS, on_suspect_timeout);
}

/* Watchers that claim a position beyond ours: we lag, or it never was. */
static void judge_watchers_ahead(struct hub_topic *topic, const struct hub_head *head)
{
    struct osy_position position = hub_topic_position(topic);
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription) {
        if (subscription->state != HUB_SUBSCRIPTION_WAITING || !subscription->is_asked_for)
            continue;
        if (subscription->position.number <= topic->cursor.last)
            continue;
        if (subscription->position.number > head->seq && !head->from_redis)
            hub_subscription_reset(subscription, &position, "unknown_position");
        else
            hub_cursor_expect(&topic->cursor, head->seq, &head->event_id);
    }
}

static void on_head(void *context, const struct hub_head *head, const struct osy_error *err)
{
    struct hub_topic *topic = context;
    topic->is_head_asked = false;
    if (!hub_topic_land(topic))
        return;
    if (err) {
        OSY_DEBUG("head_failed", OSY_ERR(err));
        hub_topic_retry_later(topic);
        return;
    }
    osy_backoff_reset(&topic->backoff);
    if (topic->state == HUB_TOPIC_OPENING) {
        if (head->found) {
            open_topic(topic, head);
        } else {
            close_all(topic, HUB_CLOSE_NOT_FOUND, "no such restaurant");
            end_topic(topic);
            return;
        }
    } else if (has_diverged(topic, head)) {
        abandon(topic);
        return;
    } else {
        if (head->seq > topic->cursor.last)
            note_lag(topic, head);
        judge_watchers_ahead(topic, head);
        prove_by_head(topic, head);
    }
    topic->is_urgent = false;
    if (topic->is_head_stale) {
        topic->is_head_stale = false;
        topic->is_urgent = true;
        hub_topic_ask_for_head(topic);
    }
    hub_topic_work(topic);
}

void hub_topic_ask_for_head(struct hub_topic *topic)
{
    if (topic->is_head_asked)
        return;
    topic->is_head_asked = true;
    topic->asked_at = topic->cursor.last;
    topic->asked_ms = osy_clock_monotonic_ms();
    topic->flights++;
    struct hub_subscription *subscription;
    if (topic->pending_watchers > 0) {
        DL_FOREACH(topic->watchers, subscription)
            subscription->is_asked_for = subscription->state == HUB_SUBSCRIPTION_WAITING;
    }
    hub_source_find_head(&topic->hub->source, &topic->restaurant_id, on_head, topic);
}

/* --- events --------------------------------------------------------------------------------- */

static void deliver_to_watcher(struct hub_subscription *subscription, struct hub_event *event)
{
    if (subscription->state != HUB_SUBSCRIPTION_LIVE)
        return; /* it takes the event from the history when its replay is done */
    if (event->envelope.seq == subscription->position.number + 1)
        hub_subscription_deliver(subscription, event);
    else if (event->envelope.seq > subscription->position.number)
        hub_subscription_fail(subscription, HUB_CLOSE_FAILED,
                              "lost its place"); /* never a silent hole */
}

static void deliver(struct hub_topic *topic, struct hub_event *event)
{
    hub_cursor_advance(&topic->cursor, event->envelope.seq, &event->envelope.id);
    hub_history_add(&topic->history, event,
                    topic->pending_watchers ? HISTORY_PENDING : HISTORY_IDLE);
    struct hub_subscription *subscription;
    DL_FOREACH(topic->watchers, subscription)
        deliver_to_watcher(subscription, event);
    hub_orders_on_event(topic, event);
    OSY_FAILPOINT("topic.queued", "an event that its receivers' queues have is written");
    prove_by_delivery(topic);
    hub_panel_note_event(topic);
}

/* Something contradicts what we have delivered: PostgreSQL is asked which of the two is true, from now on. */
void hub_topic_doubt(struct hub_topic *topic)
{
    topic->is_urgent = true;
    topic->is_head_stale = topic->is_head_asked;
    hub_topic_ask_for_head(topic);
}

/* Delivers the held events that are next; drops those that came otherwise. */
static void release_held(struct hub_topic *topic)
{
    size_t done = 0;
    while (done < topic->held_count) {
        struct hub_event *event = topic->held[done];
        enum hub_verdict verdict = hub_cursor_judge(&topic->cursor, &event->envelope);
        if (verdict == HUB_VERDICT_GAP)
            break;
        if (verdict == HUB_VERDICT_DELIVER)
            deliver(topic, event);
        else if (verdict == HUB_VERDICT_FORK)
            hub_topic_doubt(topic);
        hub_event_unref(event);
        done++;
    }
    topic->held_count -= done;
    for (size_t i = 0; i < topic->held_count; i++)
        topic->held[i] = topic->held[done + i];
}

/* Keeps event for after the repair. When there are too many, the repair will fetch them as well. */
static void hold(struct hub_topic *topic, struct hub_event *event)
{
    hub_cursor_expect(&topic->cursor, event->envelope.seq, &event->envelope.id);
    if (topic->held_count == HUB_TOPIC_HELD_MAX)
        return;
    size_t place = topic->held_count;
    while (place > 0 && topic->held[place - 1]->envelope.seq > event->envelope.seq)
        place--;
    if (place > 0 && topic->held[place - 1]->envelope.seq == event->envelope.seq)
        return;
    for (size_t i = topic->held_count++; i > place; i--)
        topic->held[i] = topic->held[i - 1];
    topic->held[place] = hub_event_ref(event);
}

static void on_live_event(struct hub_topic *topic, struct hub_event *event)
{
    if (topic->state == HUB_TOPIC_OPENING) { /* the head that is being read may be older */
        hub_cursor_expect(&topic->cursor, event->envelope.seq, &event->envelope.id);
        return;
    }
    switch (hub_cursor_judge(&topic->cursor, &event->envelope)) {
    case HUB_VERDICT_DROP: break;
    case HUB_VERDICT_FORK: hub_topic_doubt(topic); break;
    case HUB_VERDICT_GAP:
        hold(topic, event);
        hub_topic_work(topic);
        break;
    case HUB_VERDICT_DELIVER:
        deliver(topic, event);
        release_held(topic);
        hub_replay_answer_all(topic);
        break;
    }
}

void hub_topics_on_message(struct hub *hub, const char *channel, size_t channel_length,
                           const char *message, size_t length)
{
    struct osy_uuid restaurant_id;
    bool is_live = hub_source_channel_parse(channel, channel_length, &restaurant_id);
    if (!is_live && !hub_source_presence_channel_parse(channel, channel_length, &restaurant_id))
        return;
    struct hub_topic *topic = find_topic(hub, &restaurant_id);
    if (!topic)
        return;
    if (!is_live) {
        hub_panel_note_presence(topic);
        return;
    }
    struct osy_error err = {0};
    struct hub_event *event = hub_event_create(message, length, &restaurant_id, &err);
    if (!event) {
        /* Whatever it was, something was published: find out what. */
        osy_metric_inc(hub->metrics.envelopes_bad);
        OSY_WARN("envelope_bad", OSY_ERR(&err));
        if (topic->state == HUB_TOPIC_OPEN)
            hub_topic_ask_for_head(topic);
        return;
    }
    hub_stages_note_received(&hub->stages, &hub->metrics, event);
    on_live_event(topic, event);
    hub_event_unref(event);
}

/* --- repair --------------------------------------------------------------------------------- */

/* False when PostgreSQL's history is another than what was delivered. */
static bool deliver_run(struct hub_topic *topic, const struct hub_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        enum hub_verdict verdict = hub_cursor_judge(&topic->cursor, &answer->events[i]->envelope);
        if (verdict == HUB_VERDICT_DELIVER)
            deliver(topic, answer->events[i]);
        else if (verdict == HUB_VERDICT_FORK && !answer->from_redis)
            return false;
        else if (verdict == HUB_VERDICT_FORK)
            hub_topic_doubt(topic);
    }
    return true;
}

static void on_repair(void *context, const struct hub_answer *answer)
{
    struct hub_topic *topic = context;
    topic->is_repairing = false;
    if (!hub_topic_land(topic))
        return;
    if (answer->err) {
        OSY_DEBUG("repair_failed", OSY_ERR(answer->err));
        hub_topic_retry_later(topic);
        return;
    }
    osy_backoff_reset(&topic->backoff);
    uint64_t before = topic->cursor.last;
    OSY_FAILPOINT("repair.before_delivery", "the events of a gap are delivered");
    if (!deliver_run(topic, answer)) {
        abandon(topic);
        return;
    }
    if (answer->count > 0 && topic->cursor.last > before) {
        osy_metric_inc(answer->from_redis ? topic->hub->metrics.gaps_repaired_redis
                                          : topic->hub->metrics.gaps_repaired_database);
    } else if (answer->count == 0) {
        /* PostgreSQL has committed everything that was ever published; this was not ours. */
        OSY_WARN("event_unknown", OSY_INT("seq", topic->cursor.target));
        hub_cursor_give_up(&topic->cursor);
        hub_orders_give_up(topic);
        drop_held(topic);
    }
    release_held(topic);
    hub_replay_answer_all(topic);
    hub_topic_work(topic);
}

static void repair(struct hub_topic *topic)
{
    if (topic->is_repairing)
        return;
    const struct hub_cursor *cursor = &topic->cursor;
    uint64_t most = (uint64_t)topic->hub->config->replay_max;
    struct hub_range range = {
        .restaurant_id = topic->restaurant_id,
        .first = cursor->last + 1,
        .last = cursor->target,
        .last_id = cursor->target_id,
        .previous_id = cursor->last_id,
    };
    if (range.last - cursor->last > most) {
        range.last = cursor->last + most;
        range.last_id = (struct osy_uuid){0};
    }
    topic->is_repairing = true;
    topic->flights++;
    hub_source_find_events(&topic->hub->source, &range, on_repair, topic);
}

/* --- what main hears ------------------------------------------------------------------------ */

void hub_topics_on_subscribed(struct hub *hub, const char *channel, size_t channel_length)
{
    struct osy_uuid restaurant_id;
    if (!hub_source_channel_parse(channel, channel_length, &restaurant_id))
        return;
    struct hub_topic *topic = find_topic(hub, &restaurant_id);
    if (!topic)
        return;
    OSY_FAILPOINT("topic.subscribed", "the head of a newly subscribed stream is asked for");
    /* From here on events come live; what came before is in the head. */
    if (topic->state == HUB_TOPIC_OPENING && !topic->is_head_asked)
        hub_wheel_cancel(&topic->retry_timer);
    topic->is_urgent = true;
    topic->is_head_stale = topic->is_head_asked;
    hub_topic_ask_for_head(topic);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Behind the heads, and only when there is room: no tablet waits for what a dashboard shows. */
static void check_panels(struct hub *hub, bool all)
{
    struct hub_topic *topic, *following;
    HASH_ITER(hh, hub->topics, topic, following) {
        if (hub_source_is_busy(&hub->source))
            return;
        if (all || !is_live(topic))
            hub_panel_check(topic);
    }
}

void hub_topics_check(struct hub *hub, bool all)
{
    struct hub_topic *topic, *following;
    if (OSY_BUG("position_check_off", "what Redis lost silently is never missed"))
        return;
    int64_t worst_age_ms = 0;
    HASH_ITER(hh, hub->topics, topic, following) {
        if (topic->state != HUB_TOPIC_OPEN)
            continue;
        worst_age_ms = later(worst_age_ms, hub_topic_view_age_ms(topic));
        bool is_deaf = !is_live(topic);
        if (!all && !is_deaf)
            continue;
        topic->is_urgent = topic->is_urgent || is_deaf;
        osy_metric_inc(hub->metrics.position_checks);
        hub_topic_ask_for_head(topic);
    }
    osy_metric_set(hub->metrics.view_age_seconds, (double)worst_age_ms / 1e3);
    check_panels(hub, all);
}

void hub_topics_end(struct hub *hub)
{
    struct hub_topic *topic, *following;
    HASH_ITER(hh, hub->topics, topic, following)
        end_topic(topic);
}
