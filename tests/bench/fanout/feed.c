#include "tests/bench/fanout/feed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/event.h"
#include "tests/bench/fanout/wire.h"

/* What an order of two items looks like. */
static const char data[] =
    "{\"id\":\"01938f2e-7c1b-7a55-9d1e-3b0a6f2c4d11\",\"restaurant_id\":\"01890000-0000-7000-8000-"
    "000000010000\",\"code\":\"K7Q2\",\"status\":\"PENDING\",\"version\":1,\"currency\":\"KRW\","
    "\"total_amount\":26500,\"items\":[{\"item_id\":\"01890000-0000-7000-8000-000000020001\","
    "\"name\":\"Bibimbap\",\"quantity\":2,\"unit_amount\":9000},{\"item_id\":\"01890000-0000-7000-"
    "8000-000000020002\",\"name\":\"Kimchi stew\",\"quantity\":1,\"unit_amount\":8500}],"
    "\"reason\":null,\"created_at\":\"2026-01-01T12:00:00.000Z\","
    "\"updated_at\":\"2026-01-01T12:00:00.000Z\"}";

void bench_feed_init(struct bench_feed *feed, const char *redis_url)
{
    *feed = (struct bench_feed){.redis = bench_connect_redis(redis_url)};
}

void bench_feed_publish(struct bench_feed *feed, struct bench_stream *stream)
{
    static struct osy_buffer envelope;
    struct osy_event event = {
        .seq = ++stream->seq,
        .version = 1,
        .id = osy_uuid_v4(),
        .previous_id = stream->last_id,
        .restaurant_id = stream->restaurant_id,
        .order_id = osy_uuid_v7(),
        .type = "order.created",
        .time_ms = osy_clock_wall_ms(),
        .data = data,
        .data_length = sizeof data - 1,
    };
    stream->last_id = event.id;
    osy_buffer_clear(&envelope);
    osy_event_write_envelope(&event, &envelope);
    osy_buffer_printf(&feed->out, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\nos:{%s}:live\r\n$%zu\r\n",
                      strlen("os:{}:live") + strlen(stream->restaurant), stream->restaurant,
                      envelope.length);
    osy_buffer_append(&feed->out, envelope.bytes, envelope.length);
    osy_buffer_text(&feed->out, "\r\n");
}

/* To a PUBLISH Redis answers with the number of its subscribers. */
static void read_replies(struct bench_feed *feed)
{
    char replies[65536];
    ssize_t length = recv(feed->redis, replies, sizeof replies, MSG_DONTWAIT);
    if (length == 0 || (length > 0 && memchr(replies, '-', (size_t)length)))
        bench_fail("Redis refuses to publish");
}

void bench_feed_flush(struct bench_feed *feed)
{
    size_t left = feed->out.length - feed->sent;
    read_replies(feed);
    if (left == 0)
        return;
    ssize_t sent = send(feed->redis, feed->out.bytes + feed->sent, left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        bench_fail("publishing: %s", strerror(errno));
    if (sent > 0)
        feed->sent += (size_t)sent;
    if (feed->sent < feed->out.length)
        return;
    osy_buffer_clear(&feed->out);
    feed->sent = 0;
}
