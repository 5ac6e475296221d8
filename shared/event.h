/*
 * The event codec: CloudEvents 1.0 in JSON format, and the envelope in which Redis carries it:
 *   <seq> <version> <previous id> <event json>
 * seq is the restaurant's sequence, version the order's, and previous id the random id of event seq - 1: so
 * an event proves which history it belongs to, and one of a database that was restored is never taken for
 * the next one of the database before. They stay outside of the JSON, because a customer must not learn
 * the restaurant's volume. Version 0: the event is for the restaurant alone
 * (its order's own stream does not have it, and customers never see it). Both the API (from a committed row) and the
 * hub (from the same row, when it repairs a gap) encode with osy_event_write_json, so the bytes
 * are the same.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

#define OSY_EVENT_JSON_MAX 65536u /* bytes of an event's JSON; larger ones are refused */
#define OSY_ENVELOPE_MAX   (OSY_EVENT_JSON_MAX + 80) /* two numbers, an id and three spaces more */

struct osy_event {
    uint64_t seq;                /* of the restaurant, from 1 */
    uint64_t version;            /* of the order, from 1; 0: not in the order's own stream */
    struct osy_uuid id;          /* random: the proof in a position */
    struct osy_uuid previous_id; /* of event seq - 1; nil: there is none, or it is not known */
    struct osy_uuid restaurant_id;
    struct osy_uuid order_id;
    const char *type;        /* "order.created"; borrowed */
    int64_t time_ms;         /* wall time in the writing transaction */
    const char *traceparent; /* borrowed; NULL or "" when there is none */
    const char *data;        /* JSON object, borrowed; no raw control character */
    size_t data_length;
};

void osy_event_write_json(const struct osy_event *event, struct osy_buffer *out);
void osy_event_write_envelope(const struct osy_event *event, struct osy_buffer *out);

/* What the hub needs of an envelope. Slices point into the envelope. */
struct osy_envelope {
    uint64_t seq, version;
    struct osy_uuid id, previous_id, order_id;
    int64_t time_ms;
    const char *json; /* the event, to be sent on as it is */
    size_t json_length;
};

/*
 * Checks and splits an envelope. The JSON is not parsed: the codec writes the attributes in one
 * fixed order, and the parser demands that order, that `source` is /restaurants/<restaurant_id>,
 * the size limit, and one line of UTF-8 (it goes into a text frame as it is). OSY_ERR_INVALID
 * otherwise.
 */
OSY_MUST_CHECK bool osy_envelope_parse(const char *bytes, size_t length,
                                       const struct osy_uuid *restaurant_id,
                                       struct osy_envelope *envelope, struct osy_error *err);
