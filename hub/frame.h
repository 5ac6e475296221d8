/*
 * A frame: the finished bytes of one WebSocket text message from the server (RFC 6455 section 5.2: not
 * masked, not fragmented). It is built once and then immutable; every outbox that holds it counts one
 * reference. So an event for a thousand sockets is encoded once, and a flush is a copy of bytes.
 * Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_frame {
    uint32_t references;
    bool is_event;
    int64_t committed_ms; /* wall time of the event; 0 for other messages */
    size_t length;
    unsigned char bytes[]; /* header and payload, ready for the wire */
};

/* One reference, the caller's. */
struct hub_frame *hub_frame_create(const char *payload, size_t length);
/* A ping with one byte of payload: libwebsockets reports no pong that has none. */
struct hub_frame *hub_frame_create_ping(void);
struct hub_frame *hub_frame_ref(struct hub_frame *frame);
void hub_frame_unref(struct hub_frame *frame); /* NULL is fine */
