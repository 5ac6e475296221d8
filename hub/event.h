/*
 * An event inside the hub: the envelope as it came from Redis or PostgreSQL, and the frames made of it,
 * one per kind of receiver because positions and fields differ. Frames are made on first use and shared by all
 * sockets, so fan-out copies nothing. Reference counted. A database thread may create events and hand
 * them over; from then on the loop thread alone touches them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/frame.h"
#include "shared/error.h"
#include "shared/event.h"
#include "shared/position.h"

/* Whom a frame is for. */
enum hub_form { HUB_FORM_TABLET = 0, HUB_FORM_CUSTOMER, HUB_FORM_DASHBOARD };
enum { HUB_FORMS = 3 };

struct hub_event {
    uint32_t references;
    struct osy_uuid restaurant_id;
    struct osy_envelope envelope; /* its JSON is where the tablets' frame has it */
    struct hub_frame
        *frames[HUB_FORMS]; /* owned; the tablets' is always there, others are made when needed */
};

/* Parses, and copies the JSON once: into the tablets' frame. NULL with OSY_ERR_INVALID when it is not an envelope of restaurant_id. */
struct hub_event *hub_event_create(const char *envelope, size_t length,
                                   const struct osy_uuid *restaurant_id, struct osy_error *err);
struct hub_event *hub_event_ref(struct hub_event *event);
void hub_event_unref(struct hub_event *event); /* NULL is fine */
/* Whether event is the next one after before: by number and by the id that it names. */
bool hub_event_follows(const struct hub_event *event, const struct hub_event *before);
/* The position that a receiver of that kind has once it has taken the event. */
struct osy_position hub_event_position(const struct hub_event *event, enum osy_position_kind kind);
/* Borrowed from the event. */
struct hub_frame *hub_event_frame(struct hub_event *event, enum hub_form form);

/* Unrefs each and frees the array. */
void hub_events_free(struct hub_event **events, size_t count);
