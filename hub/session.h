/*
 * A session: the protocol's side of one socket (docs/protocol.md). It knows who the client is and how
 * far it has come; hub/socket.h carries its bytes and hub/topic.h feeds it events.
 *
 *   AWAIT_AUTH -> OPENING -> AWAIT_RESUME -> WAITING -> REPLAYING -> LIVE
 *                                               |  ^--------'         ^
 *                                               `---------------------'
 *   any of them -> CLOSING
 *
 * OPENING: authenticated, its topic or order is being looked up. WAITING: `resume` has come and the
 * events for it are being fetched. REPLAYING: they are being sent, as fast as the client reads.
 * Only in LIVE do new events go to the socket straight away. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/event.h"
#include "hub/hub.h"
#include "hub/messages.h"
#include "hub/upgrade.h"
#include "hub/wheel.h"

struct hub_socket;
struct hub_order;
struct hub_replay;

enum hub_session_state {
    HUB_SESSION_AWAIT_AUTH = 0,
    HUB_SESSION_OPENING,
    HUB_SESSION_AWAIT_RESUME,
    HUB_SESSION_WAITING,
    HUB_SESSION_REPLAYING,
    HUB_SESSION_LIVE,
    HUB_SESSION_CLOSING,
};

/* Close codes (docs/protocol.md). */
enum {
    HUB_CLOSE_PROTOCOL_ERROR = 1002,
    HUB_CLOSE_BINARY = 1003,
    HUB_CLOSE_LOST = 1006, /* never sent: the connection ended without a close */
    HUB_CLOSE_BAD_UTF8 = 1007,
    HUB_CLOSE_BROKE_RULE = 1008,
    HUB_CLOSE_TOO_BIG = 1009,
    HUB_CLOSE_FAILED = 1011,
    HUB_CLOSE_DRAIN = 1012,
    HUB_CLOSE_OVERLOAD = 1013,
    HUB_CLOSE_SLOW = 4008,
    HUB_CLOSE_UNAUTHENTICATED = 4401,
    HUB_CLOSE_FORBIDDEN = 4403,
    HUB_CLOSE_NOT_FOUND = 4404,
};

struct hub_session {
    struct hub *hub;           /* borrowed */
    struct hub_socket *socket; /* borrowed: it embeds this session */
    enum hub_session_state state;
    struct hub_target target;
    struct hub_grant grant;
    int64_t expires_ms; /* monotonic; of the token */
    bool warned_of_expiry;

    /* What the client has: as it says in `resume`, then what was sent. Of the path's kind. */
    struct osy_position position;
    bool has_resume;    /* `resume` has come */
    bool from_now;      /* it said null */
    bool is_asked_for;  /* the source is being, or has been, asked since `resume` came */
    bool is_mid_replay; /* some of the missed events have been sent */

    struct hub_topic *topic;         /* borrowed; NULL before authentication */
    struct hub_order *order;         /* borrowed; of a customer */
    struct hub_session *prev, *next; /* in the topic's tablets, or the order's sessions */
    struct hub_replay *replay;       /* a counted reference; NULL unless REPLAYING from a fetch */

    struct hub_wheel_timer timer;
    int64_t state_deadline_ms; /* monotonic; 0: none */
    int64_t heard_ms;          /* when the client last gave a sign of life */
    int64_t pinged_ms;         /* when it was asked for one; 0: not since it gave one */
    int64_t bucket_ms;         /* of the message rate: when it was last filled */
    int64_t bucket;            /* thousandths of a message that may come now */
};

/* --- for hub/socket.c --- */
/* The upgrade is done. token: of the Authorization header; NULL: it will come as a message. */
void hub_session_open(struct hub_session *session, struct hub *hub, struct hub_socket *socket,
                      const struct hub_target *target, const char *token);
/* One whole text message, valid UTF-8. */
void hub_session_receive(struct hub_session *session, const char *bytes, size_t length);
/* A sign of life that is not a message. */
void hub_session_hear(struct hub_session *session);
/* A rule of the transport was broken: reason is a metric's label. */
void hub_session_refuse(struct hub_session *session, uint16_t code, const char *reason);
/* The outbox has room again. */
void hub_session_pump(struct hub_session *session);
/* The socket is gone or going: leaves the topic, stops the timer. Harmless when repeated. code: with
 * which the client or the network ended it; counted unless hub_session_close came first. */
void hub_session_detach(struct hub_session *session, uint16_t code);
/* Says `drain` and closes with 1012. */
void hub_session_drain(struct hub_session *session, int64_t reconnect_in_ms);

/* --- for the topic. None of these removes the session from a list: that is left to the flush. --- */
/* OPENING -> AWAIT_RESUME: says `hello`. */
void hub_session_ready(struct hub_session *session, const struct osy_position *position);
void hub_session_set_state(struct hub_session *session, enum hub_session_state state);
/* Queues one event; the session's position moves on. Closes it when its queue is full. */
void hub_session_deliver(struct hub_session *session, struct hub_event *event);
/* -> LIVE: says `caught_up`, or `reset` with a reason. verdict is a metric's label. */
void hub_session_catch_up(struct hub_session *session, const char *verdict);
void hub_session_reset(struct hub_session *session, const struct osy_position *position,
                       const char *reason);
void hub_session_close(struct hub_session *session, uint16_t code, const char *reason);

/* --- handlers of hub/messages.c --- */
void hub_session_handle_auth(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_resume(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_ack(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_ping(struct hub_session *session, const struct hub_message *message);
