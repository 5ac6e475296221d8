/* Redis: a stream and a channel for each restaurant, two links to it, and publishers that do what
 * publish_event.lua does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/topic.h"
#include "shared/redis_shards.h"
#include "tests/property/world.h"

enum {
    STREAM_MAX = 24, /* entries that a stream keeps */
    PENDING_MAX = 256,
    QUEUE_MAX = 256, /* messages under way */
    FAILS_ONE_IN = 10,
    LOST_ONE_IN = 8,
    TWICE_ONE_IN = 8,
    OUT_OF_TURN_ONE_IN = 6,
};

/* One server, which has all restaurants. */
struct osy_redis_shards {
    int nothing;
};
static struct osy_redis_shards the_redis;
struct osy_redis_shards *const redis = &the_redis;

static struct {
    const struct row *entries[STREAM_MAX]; /* ascending */
    size_t count;
    bool is_wanted;     /* the hub has subscribed, */
    bool is_subscribed; /* and Redis knows */
} streams[RESTAURANTS];

/* On the subscriptions' link, in order: a confirmation, or a message. */
static struct {
    int restaurant;
    const struct row *row; /* NULL: a confirmation */
} queue[QUEUE_MAX];
static size_t queue_count;

static struct pending {
    int restaurant;
    bool is_backwards; /* XREVRANGE + -, else XRANGE */
    uint64_t first, last;
    size_t most;
    osy_redis_reply_fn fn;
    void *context;
} pending[PENDING_MAX];
static size_t pending_count;

static bool are_commands_up, are_subscriptions_up, is_silent;

void redis_begin(void)
{
    memset(streams, 0, sizeof streams);
    queue_count = pending_count = 0;
    are_commands_up = are_subscriptions_up = true;
    is_silent = false;
}

/* --- what the hub says ---------------------------------------------------------------------- */

bool osy_redis_shards_commands_up(const struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id)
{
    (void)shards, (void)restaurant_id;
    return are_commands_up;
}

bool osy_redis_shards_subscriptions_up(const struct osy_redis_shards *shards,
                                       const struct osy_uuid *restaurant_id)
{
    (void)shards, (void)restaurant_id;
    return are_subscriptions_up;
}

/* "os:{<id>}:log" or "os:{<id>}:live" */
static int restaurant_of(const char *name)
{
    struct osy_uuid id;
    if (strlen(name) < 4 + OSY_UUID_TEXT_BYTES || !osy_uuid_parse(name + 4, 36, &id))
        violated("what is %s?", name);
    return find_restaurant(&id);
}

static bool is_live_channel(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ":live") == 0;
}

static void put_in_queue(int restaurant, const struct row *row)
{
    if (queue_count == QUEUE_MAX)
        return; /* Redis cuts a subscriber that is too slow; losing the newest is as bad */
    queue[queue_count].restaurant = restaurant;
    queue[queue_count++].row = row;
}

static void confirm(int restaurant)
{
    streams[restaurant].is_subscribed = true;
    put_in_queue(restaurant, NULL);
}

void osy_redis_shards_subscribe(struct osy_redis_shards *shards,
                                const struct osy_uuid *restaurant_id, const char *name)
{
    (void)shards, (void)restaurant_id;
    if (!is_live_channel(name))
        return;
    streams[restaurant_of(name)].is_wanted = true;
    if (are_subscriptions_up)
        confirm(restaurant_of(name));
}

void osy_redis_shards_unsubscribe(struct osy_redis_shards *shards,
                                  const struct osy_uuid *restaurant_id, const char *name)
{
    (void)shards, (void)restaurant_id;
    if (!is_live_channel(name))
        return;
    streams[restaurant_of(name)].is_wanted = false;
    streams[restaurant_of(name)].is_subscribed = false;
}

bool osy_redis_shards_command(struct osy_redis_shards *shards, const struct osy_uuid *restaurant_id,
                              int argc, const char *const *argv, const size_t *lengths,
                              osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    (void)shards, (void)restaurant_id, (void)lengths;
    if (!are_commands_up || pending_count == PENDING_MAX)
        return osy_error_set(err, OSY_ERR_IO, "redis is away");
    if (argc != 6)
        violated("what is %s?", argv[0]);
    bool is_backwards = strcmp(argv[0], "XREVRANGE") == 0;
    pending[pending_count++] = (struct pending){
        .restaurant = restaurant_of(argv[1]),
        .is_backwards = is_backwards,
        .first = is_backwards ? 0 : strtoull(argv[2], NULL, 10),
        .last = is_backwards ? UINT64_MAX : strtoull(argv[3], NULL, 10),
        .most = strtoull(argv[5], NULL, 10),
        .fn = fn,
        .context = context,
    };
    return true;
}

/* --- what it answers ------------------------------------------------------------------------ */

struct osy_redis_reply osy_redis_reply_at(const struct osy_redis_reply *array, size_t index)
{
    return ((const struct osy_redis_reply *)array->elements)[index];
}

struct entry {
    struct osy_redis_reply parts[2], fields[2];
    char id[24];
};

static struct osy_redis_reply text_reply(const char *text, size_t length)
{
    return (struct osy_redis_reply){.type = OSY_REDIS_STRING, .text = text, .length = length};
}

static struct osy_redis_reply array_reply(const struct osy_redis_reply *elements, size_t count)
{
    return (struct osy_redis_reply){.type = OSY_REDIS_ARRAY, .count = count, .elements = elements};
}

/* [id, [field, value]] */
static struct osy_redis_reply entry_reply(struct entry *entry, const struct row *row)
{
    snprintf(entry->id, sizeof entry->id, "%" PRIu64 "-0", row->seq);
    entry->fields[0] = text_reply("e", 1);
    entry->fields[1] = text_reply(row->envelope, row->length);
    entry->parts[0] = text_reply(entry->id, strlen(entry->id));
    entry->parts[1] = array_reply(entry->fields, 2);
    return array_reply(entry->parts, 2);
}

static void answer(const struct pending *command)
{
    struct entry entries[STREAM_MAX];
    struct osy_redis_reply replies[STREAM_MAX];
    size_t count = 0, stored = streams[command->restaurant].count;
    for (size_t i = 0; i < stored && count < command->most; i++) {
        const struct row *row =
            streams[command->restaurant].entries[command->is_backwards ? stored - 1 - i : i];
        if (row->seq < command->first || row->seq > command->last)
            continue;
        replies[count] = entry_reply(&entries[count], row);
        count++;
    }
    struct osy_redis_reply reply = array_reply(replies, count);
    command->fn(command->context, &reply, NULL);
}

static void fail(const struct pending *command)
{
    struct osy_error err = {OSY_ERR_IO, "the link was lost"};
    command->fn(command->context, NULL, &err);
}

bool redis_answer_one(void)
{
    if (pending_count == 0)
        return false;
    struct pending command = pending[0]; /* one link: in order */
    memmove(pending, pending + 1, --pending_count * sizeof pending[0]);
    bool fails = !world.is_healed && one_in(FAILS_ONE_IN);
    trace("redis: %s of %d %s", command.is_backwards ? "newest" : "range", command.restaurant,
          fails ? "failed" : "answered");
    if (fails)
        fail(&command);
    else
        answer(&command);
    return true;
}

/* --- what it tells by itself ---------------------------------------------------------------- */

static size_t draw_from_queue(void)
{
    bool in_turn = world.is_healed || !one_in(OUT_OF_TURN_ONE_IN);
    return in_turn ? 0 : below(queue_count);
}

bool redis_deliver_one(void)
{
    if (queue_count == 0)
        return false;
    size_t place = draw_from_queue();
    int restaurant = queue[place].restaurant;
    const struct row *row = queue[place].row;
    bool comes_again = row && !world.is_healed && one_in(TWICE_ONE_IN);
    if (!comes_again) {
        queue_count--;
        memmove(queue + place, queue + place + 1, (queue_count - place) * sizeof queue[0]);
    }
    char channel[HUB_REDIS_NAME_BYTES];
    hub_source_channel(&restaurant_ids[restaurant], channel);
    if (!row) {
        trace("redis: subscribed to %d", restaurant);
        hub_topics_on_subscribed(&world.hub, channel, strlen(channel));
    } else if (!world.is_healed && one_in(LOST_ONE_IN)) {
        trace("redis: message %d of %d is lost", (int)row->seq, restaurant);
    } else {
        trace("redis: message %d of %d comes", (int)row->seq, restaurant);
        hub_topics_on_message(&world.hub, channel, strlen(channel), row->envelope, row->length);
    }
    return true;
}

void redis_lose_messages(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < queue_count; i++) {
        if (!queue[i].row)
            queue[kept++] = queue[i];
    }
    queue_count = kept;
}

/* --- publishers ----------------------------------------------------------------------------- */

static void add_entry(int restaurant, const struct row *row)
{
    if (streams[restaurant].count == STREAM_MAX)
        memmove(streams[restaurant].entries, streams[restaurant].entries + 1,
                --streams[restaurant].count * sizeof streams[restaurant].entries[0]);
    streams[restaurant].entries[streams[restaurant].count++] = row;
}

static uint64_t last_number(int restaurant)
{
    size_t count = streams[restaurant].count;
    return count ? streams[restaurant].entries[count - 1]->seq : 0;
}

/* An entry of that number is another event: the stream is of a history that was lost. */
static bool is_contradicted(int restaurant, const struct row *row)
{
    for (size_t i = 0; i < streams[restaurant].count; i++) {
        const struct row *entry = streams[restaurant].entries[i];
        if (entry->seq == row->seq)
            return entry != row;
    }
    return false;
}

void redis_publish(const struct row *row)
{
    int restaurant = row->restaurant;
    if (is_contradicted(restaurant, row))
        streams[restaurant].count = 0;
    if (row->seq <= last_number(restaurant))
        return;
    add_entry(restaurant, row);
    trace("publish %d of %d", (int)row->seq, restaurant);
    if (streams[restaurant].is_subscribed && !is_silent)
        put_in_queue(restaurant, row);
}

static void publish_after(struct row *row, uint64_t number)
{
    if (!row || row->seq <= number)
        return;
    publish_after(row->before, number);
    redis_publish(row);
}

void redis_reconcile(void)
{
    for (int restaurant = 0; restaurant < RESTAURANTS; restaurant++) {
        struct row *head = heads[restaurant];
        if (!head)
            continue;
        if (is_contradicted(restaurant, head) || last_number(restaurant) > head->seq)
            streams[restaurant].count = 0;
        publish_after(head, last_number(restaurant));
    }
}

/* --- what goes wrong ------------------------------------------------------------------------ */

void redis_flush(void)
{
    trace("redis loses its streams");
    for (int restaurant = 0; restaurant < RESTAURANTS; restaurant++)
        streams[restaurant].count = 0;
}

void redis_toggle_commands(void)
{
    are_commands_up = !are_commands_up;
    trace("redis: commands %s", are_commands_up ? "up" : "down");
    if (are_commands_up)
        return;
    while (pending_count > 0) {
        struct pending command = pending[--pending_count];
        fail(&command);
    }
}

void redis_toggle_subscriptions(void)
{
    are_subscriptions_up = !are_subscriptions_up;
    trace("redis: subscriptions %s", are_subscriptions_up ? "up" : "down");
    queue_count = 0;
    for (int restaurant = 0; restaurant < RESTAURANTS; restaurant++) {
        streams[restaurant].is_subscribed = false;
        if (are_subscriptions_up && streams[restaurant].is_wanted)
            confirm(restaurant);
    }
}

void redis_toggle_silence(void)
{
    is_silent = !is_silent;
    trace("redis: the channel is %s", is_silent ? "silent" : "heard");
}

void redis_heal(void)
{
    is_silent = false;
    if (!are_commands_up)
        redis_toggle_commands();
    if (!are_subscriptions_up)
        redis_toggle_subscriptions();
}
