/*
 * A position names the last event that a client has, and proves it: number and random event id
 * together. Its text is opaque to clients: base64url of kind (1 byte), number (8, big endian),
 * event id (16).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/uuid.h"

#define OSY_POSITION_TEXT_BYTES 35 /* 34 characters and the NUL */

enum osy_position_kind {
    OSY_POSITION_NONE = 0,
    OSY_POSITION_RESTAURANT, /* number is the restaurant's sequence */
    OSY_POSITION_ORDER,      /* number is the order's version */
};

struct osy_position {
    enum osy_position_kind kind;
    uint64_t number; /* 0: before the first event; then event_id is nil. At most INT64_MAX */
    struct osy_uuid event_id;
};

void osy_position_format(const struct osy_position *position, char text[OSY_POSITION_TEXT_BYTES]);
bool osy_position_parse(const char *text, size_t length, struct osy_position *position);
