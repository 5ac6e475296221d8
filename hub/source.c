#include "hub/source.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/failpoint.h"

#define RECENT_COUNT "2000"

struct request {
    struct hub_source *source;
    struct hub_range range;
    struct osy_uuid order_id;
    struct osy_error store_err;
    hub_answer_fn fn;
    hub_store_head_fn on_head;
    void *context;
};

void hub_source_subscribe(struct hub_source *source, const struct osy_uuid *restaurant_id,
                          const char *channel)
{
    if (source->redis)
        osy_redis_shards_subscribe(source->redis, restaurant_id, channel);
}

void hub_source_unsubscribe(struct hub_source *source, const struct osy_uuid *restaurant_id,
                            const char *channel)
{
    if (source->redis)
        osy_redis_shards_unsubscribe(source->redis, restaurant_id, channel);
}

bool hub_source_is_live(const struct hub_source *source, const struct osy_uuid *restaurant_id)
{
    return source->redis && osy_redis_shards_subscriptions_up(source->redis, restaurant_id);
}

static void format_name(const struct osy_uuid *restaurant_id, const char *suffix,
                        char name[HUB_REDIS_NAME_BYTES])
{
    char text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, text);
    snprintf(name, HUB_REDIS_NAME_BYTES, "os:{%s}:%s", text, suffix);
}

void hub_source_log_key(const struct osy_uuid *restaurant_id, char name[HUB_REDIS_NAME_BYTES])
{
    format_name(restaurant_id, "log", name);
}

void hub_source_channel(const struct osy_uuid *restaurant_id, char name[HUB_REDIS_NAME_BYTES])
{
    format_name(restaurant_id, "live", name);
}

void hub_source_presence_channel(const struct osy_uuid *restaurant_id,
                                 char name[HUB_REDIS_NAME_BYTES])
{
    format_name(restaurant_id, "presence", name);
}

static bool parse_name(const char *name, size_t length, const char *suffix,
                       struct osy_uuid *restaurant_id)
{
    static const char before[] = "os:{", between[] = "}:";
    size_t uuid_at = sizeof before - 1, uuid_length = OSY_UUID_TEXT_BYTES - 1;
    size_t suffix_at = uuid_at + uuid_length + sizeof between - 1;
    return length == suffix_at + strlen(suffix) && memcmp(name, before, uuid_at) == 0 &&
           osy_uuid_parse(name + uuid_at, uuid_length, restaurant_id) &&
           memcmp(name + uuid_at + uuid_length, between, sizeof between - 1) == 0 &&
           memcmp(name + suffix_at, suffix, strlen(suffix)) == 0;
}

bool hub_source_channel_parse(const char *name, size_t length, struct osy_uuid *restaurant_id)
{
    return parse_name(name, length, "live", restaurant_id);
}

bool hub_source_presence_channel_parse(const char *name, size_t length,
                                       struct osy_uuid *restaurant_id)
{
    return parse_name(name, length, "presence", restaurant_id);
}

/* --- reading a stream ----------------------------------------------------------------------- */

/* An entry is [id, [field, value, ...]]; ours have the one field `e`. */
static struct hub_event *read_entry(const struct osy_redis_reply *entries, size_t index,
                                    const struct osy_uuid *restaurant_id)
{
    struct osy_redis_reply entry = osy_redis_reply_at(entries, index);
    if (entry.type != OSY_REDIS_ARRAY || entry.count != 2)
        return NULL;
    struct osy_redis_reply fields = osy_redis_reply_at(&entry, 1);
    if (fields.type != OSY_REDIS_ARRAY || fields.count != 2)
        return NULL;
    struct osy_redis_reply value = osy_redis_reply_at(&fields, 1);
    if (value.type != OSY_REDIS_STRING)
        return NULL;
    return hub_event_create(value.text, value.length, restaurant_id, NULL);
}

/* NULL unless every entry is an event. */
static struct hub_event **read_entries(const struct osy_redis_reply *entries,
                                       const struct osy_uuid *restaurant_id)
{
    struct hub_event **events = osy_alloc_array(entries->count, sizeof *events);
    for (size_t i = 0; i < entries->count; i++) {
        events[i] = read_entry(entries, i, restaurant_id);
        if (!events[i]) {
            hub_events_free(events, i);
            return NULL;
        }
    }
    return events;
}

static bool is_run(struct hub_event *const *events, size_t count, const struct hub_range *range)
{
    if (OSY_BUG("holes_accepted", "what is left of a stream in Redis passes for the whole"))
        return true;
    if (count != range->last - range->first + 1)
        return false;
    if (events[0]->envelope.seq != range->first)
        return false;
    if (!osy_uuid_is_nil(&range->previous_id) &&
        !osy_uuid_equal(&range->previous_id, &events[0]->envelope.previous_id))
        return false;
    for (size_t i = 1; i < count; i++) {
        if (!hub_event_follows(events[i], events[i - 1]))
            return false;
    }
    return osy_uuid_is_nil(&range->last_id) ||
           osy_uuid_equal(&range->last_id, &events[count - 1]->envelope.id);
}

/* --- a run of events: Redis, then PostgreSQL ------------------------------------------------ */

static void on_store_events(void *context, struct hub_event *const *events, size_t count,
                            const struct osy_error *err)
{
    struct request *request = context;
    /* What is not contiguous from the first on is not there: rows come from one snapshot, so a hole
     * in them is one that will not be filled. */
    size_t whole = 0;
    while (whole < count && events[whole]->envelope.seq == request->range.first + whole)
        whole++;
    request->fn(request->context,
                &(struct hub_answer){.err = err, .events = events, .count = whole});
    free(request);
}

static void ask_store_for_events(struct request *request)
{
    hub_store_find_events(request->source->store, &request->range.restaurant_id,
                          request->range.first, request->range.last, on_store_events, request);
}

static void on_range(void *context, const struct osy_redis_reply *reply,
                     const struct osy_error *err)
{
    struct request *request = context;
    (void)err; /* whatever it is, PostgreSQL is asked instead */
    struct hub_event **events = NULL;
    if (reply && reply->type == OSY_REDIS_ARRAY)
        events = read_entries(reply, &request->range.restaurant_id);
    if (!events || !is_run(events, reply->count, &request->range)) {
        if (events)
            hub_events_free(events, reply->count);
        ask_store_for_events(request);
        return;
    }
    request->fn(request->context,
                &(struct hub_answer){.from_redis = true, .events = events, .count = reply->count});
    hub_events_free(events, reply->count);
    free(request);
}

static bool redis_range(struct hub_source *source, const struct osy_uuid *restaurant_id,
                        const char *verb, const char *from, const char *to, const char *count,
                        osy_redis_reply_fn fn, void *context)
{
    if (!source->redis || !osy_redis_shards_commands_up(source->redis, restaurant_id) ||
        OSY_FAILPOINT_ERROR("source.before_redis", "a hub reads a stream in Redis", NULL))
        return false;
    char key[HUB_REDIS_NAME_BYTES];
    hub_source_log_key(restaurant_id, key);
    const char *argv[] = {verb, key, from, to, "COUNT", count};
    size_t lengths[6];
    for (size_t i = 0; i < 6; i++)
        lengths[i] = strlen(argv[i]);
    return osy_redis_shards_command(source->redis, restaurant_id, 6, argv, lengths, fn, context,
                                    NULL);
}

void hub_source_find_events(struct hub_source *source, const struct hub_range *range,
                            hub_answer_fn fn, void *context)
{
    assert(range->first >= 1 && range->last >= range->first);
    struct request *request = osy_alloc(sizeof *request);
    *request = (struct request){.source = source, .range = *range, .fn = fn, .context = context};
    char first[24], last[24], count[24];
    snprintf(first, sizeof first, "%" PRIu64, range->first);
    snprintf(last, sizeof last, "%" PRIu64, range->last);
    snprintf(count, sizeof count, "%" PRIu64, range->last - range->first + 1);
    if (!redis_range(source, &range->restaurant_id, "XRANGE", first, last, count, on_range,
                     request))
        ask_store_for_events(request);
}

/* --- the events of one order, and what Redis has --------------------------------------------- */

static void on_store_order(void *context, struct hub_event *const *events, size_t count,
                           const struct osy_error *err)
{
    struct request *request = context;
    request->fn(request->context,
                &(struct hub_answer){.err = err, .events = events, .count = count});
    free(request);
}

void hub_source_find_order_events(struct hub_source *source, const struct osy_uuid *restaurant_id,
                                  const struct osy_uuid *order_id, hub_answer_fn fn, void *context)
{
    struct request *request = osy_alloc(sizeof *request);
    *request = (struct request){.source = source, .fn = fn, .context = context};
    hub_store_find_order_events(source->store, restaurant_id, order_id, on_store_order, request);
}

static void reverse(struct hub_event **events, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct hub_event *event = events[i];
        events[i] = events[count - 1 - i];
        events[count - 1 - i] = event;
    }
}

static void on_recent(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct request *request = context;
    struct osy_error none = {OSY_ERR_IO, "redis has no usable stream"};
    struct hub_event **events = NULL;
    if (reply && reply->type == OSY_REDIS_ARRAY)
        events = read_entries(reply, &request->range.restaurant_id);
    if (!events) {
        request->fn(request->context, &(struct hub_answer){.err = err ? err : &none});
        free(request);
        return;
    }
    reverse(events, reply->count);
    request->fn(request->context,
                &(struct hub_answer){.from_redis = true, .events = events, .count = reply->count});
    hub_events_free(events, reply->count);
    free(request);
}

/* An answer must not come inside the request: the refusal takes a turn of the loop. */
static void on_refusal(uv_handle_t *handle)
{
    struct request *request = handle->data;
    request->fn(request->context, &(struct hub_answer){.err = &request->store_err});
    free(request);
    free(handle);
}

static void refuse_later(struct request *request)
{
    uv_idle_t *turn = osy_alloc(sizeof *turn);
    osy_error_set(&request->store_err, OSY_ERR_IO, "redis is not there");
    uv_idle_init(request->source->loop, turn);
    turn->data = request;
    uv_close((uv_handle_t *)turn, on_refusal);
}

void hub_source_find_recent(struct hub_source *source, const struct osy_uuid *restaurant_id,
                            hub_answer_fn fn, void *context)
{
    struct request *request = osy_alloc(sizeof *request);
    *request = (struct request){.source = source, .fn = fn, .context = context};
    request->range.restaurant_id = *restaurant_id;
    if (!redis_range(source, restaurant_id, "XREVRANGE", "+", "-", RECENT_COUNT, on_recent,
                     request))
        refuse_later(request);
}

/* --- a stream's head: PostgreSQL, then Redis ------------------------------------------------ */

static void on_last_entry(void *context, const struct osy_redis_reply *reply,
                          const struct osy_error *err)
{
    struct request *request = context;
    (void)err;
    struct hub_event *event = NULL;
    if (reply && reply->type == OSY_REDIS_ARRAY && reply->count == 1)
        event = read_entry(reply, 0, &request->range.restaurant_id);
    struct hub_head head = {0};
    if (event)
        head = (struct hub_head){.found = true,
                                 .seq = event->envelope.seq,
                                 .event_id = event->envelope.id,
                                 .from_redis = true};
    request->on_head(request->context, &head, event ? NULL : &request->store_err);
    hub_event_unref(event);
    free(request);
}

static void on_store_head(void *context, const struct hub_head *head, const struct osy_error *err)
{
    struct request *request = context;
    if (err) {
        request->store_err = *err;
        if (redis_range(request->source, &request->range.restaurant_id, "XREVRANGE", "+", "-", "1",
                        on_last_entry, request))
            return;
    }
    request->on_head(request->context, head, err);
    free(request);
}

void hub_source_find_head(struct hub_source *source, const struct osy_uuid *restaurant_id,
                          hub_store_head_fn fn, void *context)
{
    struct request *request = osy_alloc(sizeof *request);
    *request = (struct request){.source = source, .on_head = fn, .context = context};
    request->range.restaurant_id = *restaurant_id;
    hub_store_find_head(source->store, restaurant_id, on_store_head, request);
}

bool hub_source_is_full(const struct hub_source *source)
{
    return hub_store_is_full(source->store);
}

bool hub_source_is_busy(const struct hub_source *source)
{
    return hub_store_is_busy(source->store);
}
