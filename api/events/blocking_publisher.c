#include "api/events/blocking_publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/stream_keys.h"
#include "api/menus/cache.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/event.h"
#include "shared/failpoint.h"
#include "shared/redis_blocking_shards.h"

struct api_blocking_publisher {
    struct osy_redis_blocking_shards *redis; /* borrowed */
    struct osy_redis_script script;
    struct osy_buffer envelope; /* reused */
    char stream_max[24];
};

struct api_blocking_publisher *
api_blocking_publisher_create(struct osy_redis_blocking_shards *redis, uint64_t stream_max)
{
    struct api_blocking_publisher *publisher = osy_alloc(sizeof *publisher);
    publisher->redis = redis;
    osy_redis_script_init(&publisher->script, lua_publish_event);
    snprintf(publisher->stream_max, sizeof publisher->stream_max, "%" PRIu64, stream_max);
    return publisher;
}

void api_blocking_publisher_destroy(struct api_blocking_publisher *publisher)
{
    if (!publisher)
        return;
    osy_buffer_deinit(&publisher->envelope);
    free(publisher);
}

static void copy_added(void *context, const struct osy_redis_reply *reply,
                       const struct osy_error *err)
{
    (void)err;
    *(bool *)context = reply->type == OSY_REDIS_INTEGER && reply->integer == 1;
}

/* A menu that caches have may be outdated by any event of the restaurant alone. Who hears of it must not find the old one. */
static bool end_caches(struct api_blocking_publisher *publisher, const struct osy_event *event,
                       struct osy_error *err)
{
    bool is_restaurants = event->version == 0 && strncmp(event->type, "order.", 6) != 0;
    return !is_restaurants ||
           api_menu_cache_end(publisher->redis, &event->restaurant_id, event->seq, err);
}

bool api_blocking_publisher_publish(struct api_blocking_publisher *publisher,
                                    const struct osy_event *event, bool *added,
                                    struct osy_error *err)
{
    char key[API_STREAM_KEY_BYTES], channel[API_STREAM_KEY_BYTES], seq[24];
    api_stream_log_key(&event->restaurant_id, key);
    api_stream_live_channel(&event->restaurant_id, channel);
    snprintf(seq, sizeof seq, "%" PRIu64, event->seq);
    osy_buffer_clear(&publisher->envelope);
    osy_event_write_envelope(event, &publisher->envelope);
    const char *verb = osy_redis_blocking_shards_publish_verb(publisher->redis);
    const char *argv[] = {key,     seq, publisher->envelope.bytes, publisher->stream_max,
                          channel, verb};
    const size_t lengths[] = {
        strlen(key),     strlen(seq), publisher->envelope.length, strlen(publisher->stream_max),
        strlen(channel), strlen(verb)};
    return !OSY_FAILPOINT_ERROR("work.before_publish", "the worker publishes an event", err) &&
           end_caches(publisher, event, err) &&
           osy_redis_blocking_shards_eval(publisher->redis, &event->restaurant_id,
                                          &publisher->script, 1, 6, argv, lengths, copy_added,
                                          added, err);
}
