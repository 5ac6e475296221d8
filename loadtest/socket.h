/*
 * One WebSocket client connection (RFC 6455) on libuv TCP, small enough that a process holds ten
 * thousand: about 1 KB each, one read buffer for all. It does the handshake, answers pings, and hands
 * out whole text messages. What the messages mean is feed.c's business. Runs on the loop's thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/endpoint.h"
#include "loadtest/peer.h"

#define LOAD_CLOSE_ABNORMAL 1006 /* the connection ended without a close frame */
#define LOAD_CLOSE_FAILED   0    /* connecting or the handshake failed */

struct load_socket;

struct load_socket_handler {
    void (*on_open)(void *context);
    void (*on_text)(void *context, const char *text, size_t length); /* not NUL-terminated */
    /*
     * The last call. code: from the close frame, or one of the above, or, below 1000, the HTTP status
     * of a refused upgrade; retry_after_s is then its Retry-After, or 0. detail is for a person.
     */
    void (*on_close)(void *context, int code, const char *detail, uint32_t retry_after_s);
};

/* Borrows endpoint and handler; copies the texts. Calls back later only, never from inside. */
struct load_socket *load_socket_open(uv_loop_t *loop, const struct load_endpoint *endpoint,
                                     size_t slot, const char *path, const char *bearer,
                                     const struct load_socket_handler *handler, void *context);
/* One text message; only after on_open. */
void load_socket_send(struct load_socket *socket, const char *text, size_t length);
/* The owner lets go: a close frame (1000) where the handshake is through, and no more calls. */
void load_socket_close(struct load_socket *socket);
/* As above, but without any politeness: for a link that seems dead. */
void load_socket_abort(struct load_socket *socket);
/* Aborts all that are left, also those that only wait for the peer's end: before the loop's last run. */
void load_socket_abort_all(void);
/* Stops reading, and reads on: meanwhile the kernel's buffers fill, and the peer can send no more. */
void load_socket_pause(struct load_socket *socket);
void load_socket_unpause(struct load_socket *socket);
/* Whether a process still holds the other end; see peer.h. */
enum load_peer load_socket_peer(const struct load_socket *socket);
/* When the last bytes came, on the loop's clock (uv_now); when it was opened, before any came. */
uint64_t load_socket_heard_ms(const struct load_socket *socket);
