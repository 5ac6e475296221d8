#include "hub/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

enum { RESTAURANT_BYTES = 64 };
#define FRAME_END "}" /* behind the event's JSON */

struct osy_position hub_event_position(const struct hub_event *event, enum osy_position_kind kind)
{
    const struct osy_envelope *envelope = &event->envelope;
    return (struct osy_position){
        .kind = kind,
        .number = kind == OSY_POSITION_RESTAURANT ? envelope->seq : envelope->version,
        .event_id = envelope->id,
    };
}

/* `"restaurant_id":"...",`; a dashboard has several. */
static size_t write_restaurant(const struct osy_uuid *id, char out[RESTAURANT_BYTES])
{
    char text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(id, text);
    return (size_t)snprintf(out, RESTAURANT_BYTES, "\"restaurant_id\":\"%s\",", text);
}

#define LITERAL(text)         \
    {                         \
        text, sizeof text - 1 \
    }

static struct hub_frame *build_frame(const struct hub_event *event, enum hub_form form)
{
    bool is_order = form == HUB_FORM_CUSTOMER, is_dashboard = form == HUB_FORM_DASHBOARD;
    char position_text[OSY_POSITION_TEXT_BYTES], restaurant[RESTAURANT_BYTES];
    struct osy_position position =
        hub_event_position(event, is_order ? OSY_POSITION_ORDER : OSY_POSITION_RESTAURANT);
    osy_position_format(&position, position_text);
    const struct hub_slice parts[] = {
        LITERAL("{\"type\":\"event\","),
        {restaurant, is_dashboard ? write_restaurant(&event->restaurant_id, restaurant) : 0},
        LITERAL("\"position\":\""),
        {position_text, sizeof position_text - 1},
        LITERAL("\",\"event\":"),
        {event->envelope.json, event->envelope.json_length},
        LITERAL(FRAME_END),
    };
    struct hub_frame *frame = hub_frame_join(parts, sizeof parts / sizeof parts[0]);
    frame->is_event = true;
    frame->committed_ms = event->envelope.time_ms;
    return frame;
}

/* From what is borrowed into the frame that nearly every event needs. */
static void keep_json(struct hub_event *event)
{
    struct osy_envelope *envelope = &event->envelope;
    struct hub_frame *frame = build_frame(event, HUB_FORM_TABLET);
    event->frames[HUB_FORM_TABLET] = frame;
    envelope->json =
        (const char *)frame->bytes + frame->length - strlen(FRAME_END) - envelope->json_length;
}

struct hub_event *hub_event_create(const char *envelope, size_t length,
                                   const struct osy_uuid *restaurant_id, struct osy_error *err)
{
    if (length > OSY_ENVELOPE_MAX) {
        osy_error_set(err, OSY_ERR_INVALID, "envelope of %zu bytes", length);
        return NULL;
    }
    struct osy_envelope parsed;
    if (!osy_envelope_parse(envelope, length, restaurant_id, &parsed, err))
        return NULL;
    struct hub_event *event = osy_alloc(sizeof *event);
    event->references = 1;
    event->restaurant_id = *restaurant_id;
    event->envelope = parsed;
    keep_json(event);
    return event;
}

struct hub_event *hub_event_ref(struct hub_event *event)
{
    event->references++;
    return event;
}

void hub_event_unref(struct hub_event *event)
{
    if (!event)
        return;
    assert(event->references > 0);
    if (--event->references > 0)
        return;
    for (size_t i = 0; i < HUB_FORMS; i++)
        hub_frame_unref(event->frames[i]);
    free(event);
}

bool hub_event_follows(const struct hub_event *event, const struct hub_event *before)
{
    return event->envelope.seq == before->envelope.seq + 1 &&
           osy_uuid_equal(&event->envelope.previous_id, &before->envelope.id);
}

struct hub_frame *hub_event_frame(struct hub_event *event, enum hub_form form)
{
    struct hub_frame **frame = &event->frames[form];
    if (!*frame)
        *frame = build_frame(event, form);
    return *frame;
}

void hub_events_free(struct hub_event **events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hub_event_unref(events[i]);
    free(events);
}
