/*
 * What clients say: a table of message types, each with a reader for its fields and a handler. A message
 * that is not one JSON object of a known type with its known fields is refused whole, and the error
 * names what was wrong.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/upgrade.h"
#include "shared/error.h"
#include "shared/position.h"

#define HUB_MESSAGE_MAX_BYTES     4096
#define HUB_MESSAGE_MAX_FRAGMENTS 16
#define HUB_CHOICES_MAX           32 /* restaurants of a dashboard */

struct hub_session;
struct hub_message;
typedef void (*hub_message_fn)(struct hub_session *session, const struct hub_message *message);

/* A restaurant that a dashboard chooses. */
struct hub_choice {
    struct osy_uuid restaurant_id;
    bool has_position; /* false: "from now on" */
    struct osy_position position;
};

struct hub_message {
    hub_message_fn handle;
    const char *token;            /* auth; borrowed from root */
    bool has_position;            /* resume: false is "from now on" */
    struct osy_position position; /* resume, ack */
    bool is_displayed;            /* ack: else received */
    const char *device;           /* ack; resume: may be NULL */
    int64_t id;                   /* ping; -1: none */
    struct hub_choice *choices;   /* resume of a dashboard; owned */
    size_t choice_count;
    json_t *root; /* owned */
};

/* target: of the path; what may be said depends on it. OSY_ERR_INVALID, OSY_ERR_NOT_FOUND for an unknown
 * type. */
OSY_MUST_CHECK bool hub_message_parse(const char *bytes, size_t length,
                                      const struct hub_target *target, struct hub_message *message,
                                      struct osy_error *err);
void hub_message_deinit(struct hub_message *message);
