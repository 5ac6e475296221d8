/*
 * Sockets: the only place that knows libwebsockets. It accepts upgrades, assembles messages within the
 * limits, queues frames and writes them, and closes with a code. Everything that a socket wants to send
 * in one turn of the loop leaves in one write, before the loop goes to sleep: the system call is what
 * costs, not the bytes. Closing is two steps, so that nobody frees what somebody else is walking over:
 * hub_socket_close marks, the flush at the end of the turn acts. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/outbox.h"
#include "shared/error.h"

struct hub;
struct hub_session;
struct hub_socket;

/* Queues frame (takes a reference). False: the queue is full, the client reads too slowly. */
OSY_MUST_CHECK bool hub_socket_send(struct hub_socket *socket, struct hub_frame *frame);
/* Queues frame in place of the one of that kind and restaurant that still waits. Never too much. */
void hub_socket_send_latest(struct hub_socket *socket, enum hub_latest_kind kind,
                            const struct osy_uuid *restaurant_id, struct hub_frame *frame);
/* Whether a replay may add to the queue. When it may again, hub_session_pump is called. */
bool hub_socket_has_room(const struct hub_socket *socket);
/* What is queued still goes out, except when drop_queue; then the close frame. reason: at most 100
 * bytes, static. */
void hub_socket_close(struct hub_socket *socket, uint16_t code, const char *reason,
                      bool drop_queue);
/* What is queued does not go out. */
void hub_socket_drop_queue(struct hub_socket *socket);
/* Ends the connection without a word. */
void hub_socket_kill(struct hub_socket *socket);

/* The listening side: sockets on config->listen, health, readiness and metrics on the admin address. */
struct hub_server;
/* Sets hub->server, which is to be destroyed and freed also when this fails. */
OSY_MUST_CHECK bool hub_server_create(struct hub *hub, struct osy_error *err);
/* Begins to end everything: run the loop until nothing is left, then free. NULL is fine. */
void hub_server_destroy(struct hub_server *server);
void hub_server_free(struct hub_server *server);
size_t hub_server_socket_count(const struct hub_server *server);
uint16_t hub_server_port(const struct hub_server *server);
uint16_t hub_server_admin_port(const struct hub_server *server);
/* A walk over all sockets, some at a time: the next `count` that are not closing yet. */
typedef void (*hub_server_visit_fn)(struct hub_session *session);
void hub_server_visit_from_start(struct hub_server *server);
void hub_server_visit(struct hub_server *server, size_t count, hub_server_visit_fn visit);
