#include "hub/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

enum { HEAD_BYTES = 160 }; /* of a frame, before the event's JSON */

struct hub_event *hub_event_create(const char *envelope, size_t length,
                                   const struct osy_uuid *restaurant_id, struct osy_error *err)
{
    if (length > OSY_ENVELOPE_MAX) {
        osy_error_set(err, OSY_ERR_INVALID, "envelope of %zu bytes", length);
        return NULL;
    }
    struct hub_event *event = osy_alloc(sizeof *event + length + 1);
    memcpy(event->text, envelope, length);
    event->references = 1;
    event->restaurant_id = *restaurant_id;
    if (!osy_envelope_parse(event->text, length, restaurant_id, &event->envelope, err)) {
        free(event);
        return NULL;
    }
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

struct osy_position hub_event_position(const struct hub_event *event, enum osy_position_kind kind)
{
    const struct osy_envelope *envelope = &event->envelope;
    return (struct osy_position){
        .kind = kind,
        .number = kind == OSY_POSITION_RESTAURANT ? envelope->seq : envelope->version,
        .event_id = envelope->id,
    };
}

/* What stands before the event's JSON. */
static size_t write_head(const struct hub_event *event, enum hub_form form, char *out, size_t size)
{
    char position_text[OSY_POSITION_TEXT_BYTES], restaurant_text[OSY_UUID_TEXT_BYTES];
    struct osy_position position = hub_event_position(
        event, form == HUB_FORM_CUSTOMER ? OSY_POSITION_ORDER : OSY_POSITION_RESTAURANT);
    osy_position_format(&position, position_text);
    int length;
    if (form == HUB_FORM_DASHBOARD) {
        osy_uuid_format(&event->restaurant_id, restaurant_text);
        length = snprintf(out, size,
                          "{\"type\":\"event\",\"restaurant_id\":\"%s\",\"position\":\"%s\","
                          "\"event\":",
                          restaurant_text, position_text);
    } else {
        length = snprintf(out, size,
                          "{\"type\":\"event\",\"position\":\"%s\",\"event\":", position_text);
    }
    assert(length > 0 && (size_t)length < size);
    return (size_t)length;
}

static struct hub_frame *build_frame(const struct hub_event *event, enum hub_form form)
{
    char head[HEAD_BYTES];
    const struct hub_slice parts[HUB_FRAME_PARTS] = {
        {head, write_head(event, form, head, sizeof head)},
        {event->envelope.json, event->envelope.json_length},
        {"}", 1},
    };
    struct hub_frame *frame = hub_frame_join(parts);
    frame->is_event = true;
    frame->committed_ms = event->envelope.time_ms;
    return frame;
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
