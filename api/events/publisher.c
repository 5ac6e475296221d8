#include "api/events/publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/stream_keys.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/event.h"
#include "shared/failpoint.h"
#include "shared/metrics.h"
#include "shared/redis_shards.h"

#define NUMBER_TEXT_BYTES 21

struct api_publisher {
    struct osy_redis_shards *redis; /* borrowed */
    struct osy_redis_script script;
    struct osy_buffer envelope; /* reused */
    char stream_max[NUMBER_TEXT_BYTES];
    struct osy_metric *published, *failed, *committed_to_published;
};

struct publication { /* an event that Redis has not answered for yet */
    struct api_publisher *publisher;
    uint64_t committed_ns;
};

struct api_publisher *api_publisher_create(struct osy_redis_shards *redis, uint64_t stream_max,
                                           struct osy_metrics *metrics)
{
    struct api_publisher *publisher = osy_alloc(sizeof *publisher);
    publisher->redis = redis;
    osy_redis_script_init(&publisher->script, lua_publish_event);
    snprintf(publisher->stream_max, sizeof publisher->stream_max, "%" PRIu64, stream_max);
    publisher->published = osy_metrics_counter(metrics, "events_published_total",
                                               "Events that Redis took right after their commit");
    publisher->failed = osy_metrics_counter(metrics, "events_publish_failed_total",
                                            "Events that were left to the reconciler");
    publisher->committed_to_published =
        osy_metrics_histogram(metrics, "events_committed_to_published_seconds",
                              "From an event's commit to Redis' answer that it has it",
                              osy_metrics_stage_bounds, osy_metrics_stage_bound_count);
    return publisher;
}

void api_publisher_destroy(struct api_publisher *publisher)
{
    if (!publisher)
        return;
    osy_buffer_deinit(&publisher->envelope);
    free(publisher);
}

/* 0 means that the reconciler was faster, which is as good. */
static void on_published(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    struct publication publication = *(struct publication *)context;
    struct api_publisher *publisher = publication.publisher;
    (void)err;
    free(context);
    bool ok = reply && reply->type == OSY_REDIS_INTEGER;
    OSY_FAILPOINT("publish.after", "the API learns that Redis took an event");
    osy_metric_inc(ok ? publisher->published : publisher->failed);
    if (ok)
        osy_metric_observe(publisher->committed_to_published,
                           (double)(osy_clock_monotonic_ns() - publication.committed_ns) / 1e9);
}

void api_publisher_publish(struct api_publisher *publisher, const struct osy_event *event,
                           uint64_t committed_ns)
{
    char key[API_STREAM_KEY_BYTES], channel[API_STREAM_KEY_BYTES], seq[NUMBER_TEXT_BYTES];
    api_stream_log_key(&event->restaurant_id, key);
    api_stream_live_channel(&event->restaurant_id, channel);
    snprintf(seq, sizeof seq, "%" PRIu64, event->seq);
    osy_buffer_clear(&publisher->envelope);
    osy_event_write_envelope(event, &publisher->envelope);

    const char *verb = osy_redis_shards_publish_verb(publisher->redis);
    const char *const arguments[] = {key,     seq, publisher->envelope.bytes, publisher->stream_max,
                                     channel, verb};
    const size_t lengths[] = {
        strlen(key),     strlen(seq), publisher->envelope.length, strlen(publisher->stream_max),
        strlen(channel), strlen(verb)};
    struct publication *publication = osy_alloc(sizeof *publication);
    *publication = (struct publication){publisher, committed_ns};
    if (OSY_FAILPOINT_ERROR("publish.before", "a committed event is published", NULL) ||
        !osy_redis_shards_eval(publisher->redis, &event->restaurant_id, &publisher->script, 1, 6,
                               arguments, lengths, on_published, publication, NULL)) {
        free(publication);
        osy_metric_inc(publisher->failed);
    }
}
