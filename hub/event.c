#include "hub/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

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

static void append_restaurant(struct osy_buffer *json, const struct osy_uuid *restaurant_id)
{
    char text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, text);
    osy_buffer_printf(json, "\"restaurant_id\":\"%s\",", text);
}

static struct hub_frame *build_frame(const struct hub_event *event, enum hub_form form)
{
    char position_text[OSY_POSITION_TEXT_BYTES];
    struct osy_position position = hub_event_position(
        event, form == HUB_FORM_CUSTOMER ? OSY_POSITION_ORDER : OSY_POSITION_RESTAURANT);
    osy_position_format(&position, position_text);

    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_reserve(&json, event->envelope.json_length + 160);
    osy_buffer_text(&json, "{\"type\":\"event\",");
    if (form == HUB_FORM_DASHBOARD)
        append_restaurant(&json, &event->restaurant_id);
    osy_buffer_printf(&json, "\"position\":\"%s\",\"event\":", position_text);
    osy_buffer_append(&json, event->envelope.json, event->envelope.json_length);
    osy_buffer_char(&json, '}');
    struct hub_frame *frame = hub_frame_create(json.bytes, json.length);
    osy_buffer_deinit(&json);
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
