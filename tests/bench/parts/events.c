/* Events: the envelope that the API writes and the hub reads, the cursor that judges it, the frame that sockets get. */
#include <stdlib.h>
#include <string.h>

#include "hub/cursor.h"
#include "hub/event.h"
#include "shared/alloc.h"
#include "shared/event.h"
#include "shared/position.h"
#include "tests/bench/parts/part.h"

static struct osy_uuid id_of(size_t seq)
{
    struct osy_uuid id = {{0}};
    memcpy(id.bytes, &seq, sizeof seq);
    id.bytes[6] = 0x40; /* a random one, by its form */
    id.bytes[8] = 0x80;
    return id;
}

void bench_make_event(struct osy_event *event, size_t seq)
{
    *event = (struct osy_event){
        .seq = seq,
        .version = 1,
        .id = id_of(seq),
        .type = "order.created",
        .time_ms = 1769860800123,
        .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        .data = BENCH_ORDER_JSON,
        .data_length = sizeof BENCH_ORDER_JSON - 1,
    };
    if (seq > 1)
        event->previous_id = id_of(seq - 1);
    memset(event->restaurant_id.bytes, 1, OSY_UUID_BYTES);
    memset(event->order_id.bytes, 2, OSY_UUID_BYTES);
}

struct codec {
    struct osy_event event;
    struct osy_buffer envelope;
};

static void *begin_codec(const struct osy_keyring *keyring)
{
    struct codec *codec = osy_alloc(sizeof *codec);
    (void)keyring;
    bench_make_event(&codec->event, 1000);
    osy_event_write_envelope(&codec->event, &codec->envelope);
    return codec;
}

static void end_codec(void *state)
{
    struct codec *codec = state;
    osy_buffer_deinit(&codec->envelope);
    free(codec);
}

static void write_envelopes(void *state, size_t times)
{
    struct codec *codec = state;
    while (times-- > 0) {
        osy_buffer_clear(&codec->envelope);
        osy_event_write_envelope(&codec->event, &codec->envelope);
        bench_use(codec->envelope.bytes);
    }
}

static void parse_envelopes(void *state, size_t times)
{
    struct codec *codec = state;
    struct osy_envelope envelope;
    while (times-- > 0) {
        bench_check(osy_envelope_parse(codec->envelope.bytes, codec->envelope.length,
                                       &codec->event.restaurant_id, &envelope, NULL),
                    "parsing an envelope");
        bench_use(&envelope);
    }
}

/* What one event costs a hub before the first socket gets it. */
static void make_frames(void *state, size_t times)
{
    struct codec *codec = state;
    while (times-- > 0) {
        struct hub_event *event = hub_event_create(codec->envelope.bytes, codec->envelope.length,
                                                   &codec->event.restaurant_id, NULL);
        bench_check(event != NULL, "making an event");
        bench_use(hub_event_frame(event, HUB_FORM_TABLET));
        hub_event_unref(event);
    }
}

static void judge_events(void *state, size_t times)
{
    struct codec *codec = state;
    struct hub_cursor cursor = {.last = 1, .target = 1};
    struct osy_envelope envelope = {.id = codec->event.id};
    cursor.last_id = cursor.target_id = codec->event.id;
    envelope.previous_id = codec->event.id;
    while (times-- > 0) {
        envelope.seq = cursor.last + 1;
        bench_check(hub_cursor_judge(&cursor, &envelope) == HUB_VERDICT_DELIVER, "the cursor");
        hub_cursor_advance(&cursor, envelope.seq, &envelope.id);
        bench_use(&cursor);
    }
}

static void take_positions(void *state, size_t times)
{
    struct codec *codec = state;
    struct osy_position position = {.kind = OSY_POSITION_RESTAURANT, .event_id = codec->event.id};
    char text[OSY_POSITION_TEXT_BYTES];
    while (times-- > 0) {
        position.number = codec->event.seq;
        osy_position_format(&position, text);
        bench_check(osy_position_parse(text, sizeof text - 1, &position), "parsing a position");
    }
}

const struct bench_part bench_event_parts[] = {
    {"event.write", begin_codec, write_envelopes, end_codec},
    {"event.parse", begin_codec, parse_envelopes, end_codec},
    {"event.to_frame", begin_codec, make_frames, end_codec},
    {"cursor.judge_advance", begin_codec, judge_events, end_codec},
    {"position.format_parse", begin_codec, take_positions, end_codec},
    {0},
};
