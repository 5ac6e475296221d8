/*
 * What a hub says, as far as the load test needs it (docs/protocol.md, "Server to client"). The tablets
 * of a restaurant get the same bytes, so a small cache keeps the last few messages with their meaning:
 * ten tablets cost one parse and nine comparisons. Nearly all that comes is good events: those are read by a
 * scan (scan.h), and everything else by jansson, which alone finds faults.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/uuid.h"

#define LOAD_POSITION_BYTES 64 /* of a position's text, with its NUL; to us it is opaque */

enum load_message_type {
    LOAD_MESSAGE_OTHER = 0, /* a type that we may ignore */
    LOAD_MESSAGE_HELLO,
    LOAD_MESSAGE_EVENT,
    LOAD_MESSAGE_CAUGHT_UP,
    LOAD_MESSAGE_RESET,
    LOAD_MESSAGE_HEARTBEAT,
    LOAD_MESSAGE_PRESENCE,
    LOAD_MESSAGE_FIGURES,
    LOAD_MESSAGE_DRAIN,
    LOAD_MESSAGE_ERROR,
};

struct load_message {
    enum load_message_type type;
    char position[LOAD_POSITION_BYTES]; /* hello (but a dashboard's), event, caught_up, reset */
    bool names_stream;                  /* it carries a restaurant_id, as a dashboard's do */
    struct osy_uuid stream;             /* that */
    struct osy_uuid restaurant;         /* event: its source */
    struct osy_uuid order_id;           /* event: its subject */
    uint32_t version;  /* event: data.version; 0 for an alert, which changes nothing */
    int64_t time_ms;   /* event: the writing transaction's time */
    uint32_t delay_ms; /* drain: reconnect_in_ms; hello: heartbeat_ms */
    uint32_t age_ms;   /* heartbeat: view_age_ms */
    char code[64];     /* error, reset: what for */
};

/* OSY_ERR_INVALID when it is no such object: a fault of the server. */
OSY_MUST_CHECK bool load_message_parse(const char *text, size_t length,
                                       struct load_message *message, struct osy_error *err);

#define LOAD_MESSAGE_CACHE 8

struct load_message_cache {
    struct {
        char *text; /* owned; NULL: empty */
        size_t length;
        struct load_message message;
    } entries[LOAD_MESSAGE_CACHE];
    size_t next; /* the entry to be replaced */
};

void load_message_cache_deinit(struct load_message_cache *cache);
/* As load_message_parse; cache may be NULL. Only events are kept. */
OSY_MUST_CHECK bool load_message_cache_parse(struct load_message_cache *cache, const char *text,
                                             size_t length, struct load_message *message,
                                             struct osy_error *err);
