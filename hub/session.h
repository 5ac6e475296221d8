/*
 * A session: the protocol's side of one socket (docs/protocol.md): who the client is, what it may see, and
 * whether it is still there. hub/socket.h carries its bytes, and its subscription (hub/subscription.h)
 * knows how far it has come in its stream; a dashboard's has several (hub/dashboard.h).
 *
 *   AWAIT_AUTH -> OPENING -> AWAIT_RESUME -> OPEN
 *         |        ^ `------------------------^
 *      CHECKING ---'
 *   any of them -> CLOSING
 *
 * CHECKING: a customer's token is good, and whether the order is theirs is being looked up.
 * OPENING: authenticated, and where its stream stands is being looked up; then it is greeted; a dashboard
 * is greeted at once. OPEN: `resume` has come. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/bearers.h"
#include "hub/bucket.h"
#include "hub/event.h"
#include "hub/hub.h"
#include "hub/messages.h"
#include "hub/owners.h"
#include "hub/reports.h"
#include "hub/subscription.h"
#include "hub/upgrade.h"
#include "hub/wheel.h"

struct hub_dashboard;
struct hub_socket;
struct osy_buffer;

enum hub_session_state {
    HUB_SESSION_AWAIT_AUTH = 0,
    HUB_SESSION_CHECKING,
    HUB_SESSION_OPENING,
    HUB_SESSION_AWAIT_RESUME,
    HUB_SESSION_OPEN,
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
    bool warned_of_expiry, was_told_stale;
    struct hub_target target;
    struct hub_grant grant;
    int64_t
        expires_ms; /* monotonic; of the token; 0: none is shown yet, or its end has been seen to */
    struct hub_bearer_links bearer;       /* by whom it is found when that happens */
    struct hub_owner_question question;   /* while CHECKING */
    struct hub_subscription subscription; /* to the target's stream; unused on a dashboard */
    struct hub_dashboard *dashboard;      /* owned; NULL elsewhere, and before authentication */
    struct hub_reporter reporter;         /* on a restaurant's path */
    struct osy_metric *gauge;             /* borrowed; where this socket is counted */

    struct hub_wheel_timer timer;
    int64_t state_deadline_ms;  /* monotonic; 0: none */
    int64_t heartbeat_due_ms;   /* monotonic; 0: not greeted yet */
    int64_t heard_ms;           /* when the client last gave a sign of life */
    int64_t unanswered_ms;      /* when the first event since then was sent; 0: none was */
    int64_t pinged_ms;          /* when it was asked for one; 0: not since it gave one */
    struct hub_bucket messages; /* that may come */
};

/* --- for hub/socket.c --- */
/* The upgrade is done. token: of the Authorization header; NULL: it will come as a message. */
void hub_session_open(struct hub_session *session, struct hub *hub, struct hub_socket *socket,
                      const struct hub_target *target, const char *token);
/* One whole text message, valid UTF-8. */
void hub_session_receive(struct hub_session *session, const char *bytes, size_t length);
/* A sign of life that is not a message. */
void hub_session_hear(struct hub_session *session);
/* A WebSocket ping came: a message like any other. */
void hub_session_note_ping(struct hub_session *session);
/* A rule of the transport was broken: reason is a metric's label. */
void hub_session_refuse(struct hub_session *session, uint16_t code, const char *reason);
/* The outbox has room again. */
void hub_session_pump(struct hub_session *session);
/* Before queued frames are written: a token that was good when they were queued may have expired since, if the
 * process hung in between. They are dropped then, and the session closes. */
void hub_session_judge_queue(struct hub_session *session);
/* The socket is gone or going: leaves the topic, stops the timer. Harmless when repeated. code: with
 * which the client or the network ended it; counted unless hub_session_close came first. */
void hub_session_detach(struct hub_session *session, uint16_t code);
/* Says `drain` with a delay of its own and closes with 1012; what is queued goes out before. */
void hub_session_drain(struct hub_session *session);
/* Nobody can tell whether its token is still good: closes with 1013. */
void hub_session_give_up(struct hub_session *session);

/* The answer to its question (hub/owners.h). */
void hub_session_note_owner(struct hub_session *session, const struct osy_uuid *customer_id,
                            const struct osy_error *err);
/* Its token is known to be revoked: says so and closes with 4401, unless it is closing already; what is queued
 * is not sent. */
void hub_session_revoke(struct hub_session *session);

/* --- for subscriptions --- */
/* OPENING -> AWAIT_RESUME or OPEN: says `hello`. In other states: nothing, it has. position: where the stream
 * stands; NULL: none is chosen yet. */
void hub_session_greet(struct hub_session *session, const struct osy_position *position);
/* The rights at send time, and the only place that judges them: whether the client may be told, now, of
 * that restaurant and event (NULL: something about the stream itself). Closes the session when not. */
bool hub_session_allows(struct hub_session *session, const struct osy_uuid *restaurant_id,
                        const struct hub_event *event);
/* Queues a frame. Closes the session when its queue is full. */
void hub_session_send(struct hub_session *session, struct hub_frame *frame);
/* An event is queued: a client that reads gives a sign of life soon. If it owes one for long, the event takes a ping
 * along. */
void hub_session_expect_sign(struct hub_session *session);
void hub_session_send_json(struct hub_session *session, struct osy_buffer *json); /* takes json */
/* A view that it shows has become stale, or fresh again. */
void hub_session_note_freshness(struct hub_session *session);
/* A deadline has changed. */
void hub_session_arm(struct hub_session *session);
/* Ends the subscriptions, which stay in their lists: those are left to the flush. */
void hub_session_close(struct hub_session *session, uint16_t code, const char *reason);

/* --- handlers of hub/messages.c --- */
void hub_session_handle_auth(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_resume(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_choice(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_ack(struct hub_session *session, const struct hub_message *message);
void hub_session_handle_ping(struct hub_session *session, const struct hub_message *message);
