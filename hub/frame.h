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

/* Borrowed bytes. */
struct hub_slice {
    const char *bytes;
    size_t length;
};

struct hub_frame {
    uint32_t references;
    bool is_event;
    int64_t committed_ms; /* wall time of the event; 0 for other messages */
    size_t length;
    unsigned char bytes[]; /* header and payload, ready for the wire */
};

/* One reference, the caller's. */
struct hub_frame *hub_frame_create(const char *payload, size_t length);
/* The same of a payload in parts, which is so copied only once. */
struct hub_frame *hub_frame_join(const struct hub_slice *parts, size_t count);
/* A ping with one byte of payload: libwebsockets reports no pong that has none. */
struct hub_frame *hub_frame_create_ping(void);
struct hub_frame *hub_frame_ref(struct hub_frame *frame);
void hub_frame_unref(struct hub_frame *frame); /* NULL is fine */
