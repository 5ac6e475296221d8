#include "hub/session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/dashboard.h"
#include "hub/socket.h"
#include "hub/topic.h"
#include "shared/buffer.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/random.h"

enum {
    CLOSE_GRACE_MS = 5000, /* for a close frame to get through; then the connection is cut */
    EXPIRY_WARNING_MS = 60000,
    /* What concerns ten thousand sockets at once, as PostgreSQL's absence does, must not be said to all of
     * them in one turn of the loop. */
    HASTE_SPREAD_MS = 300,
    /* The closes are spread already: this only keeps those of one tick from coming back as one, and each
     * millisecond of it is one that a tablet goes without events. */
    RECONNECT_SPREAD_MS = 200,
};

static const char revoked_detail[] = "the token was revoked";

#define BIT(state) (1u << (state))

/* The drawing at the top of session.h. */
static const unsigned legal_steps[] = {
    [HUB_SESSION_AWAIT_AUTH] = BIT(HUB_SESSION_OPENING) | BIT(HUB_SESSION_CHECKING),
    [HUB_SESSION_CHECKING] = BIT(HUB_SESSION_OPENING),
    [HUB_SESSION_OPENING] = BIT(HUB_SESSION_AWAIT_RESUME) | BIT(HUB_SESSION_OPEN),
    [HUB_SESSION_AWAIT_RESUME] = BIT(HUB_SESSION_OPEN),
    [HUB_SESSION_OPEN] = 0,
    [HUB_SESSION_CLOSING] = 0,
};

/* --- sending -------------------------------------------------------------------------------- */

void hub_session_send(struct hub_session *session, struct hub_frame *frame)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    if (!hub_socket_send(session->socket, frame))
        hub_session_close(session, HUB_CLOSE_SLOW, "reads too slowly");
}

void hub_session_send_json(struct hub_session *session, struct osy_buffer *json)
{
    struct hub_frame *frame = hub_frame_create(json->bytes, json->length);
    hub_session_send(session, frame);
    hub_frame_unref(frame);
    osy_buffer_deinit(json);
}

static void send_error(struct hub_session *session, const char *code, const char *detail)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_printf(&json, "{\"type\":\"error\",\"code\":\"%s\",\"detail\":", code);
    osy_buffer_json_string(&json, detail);
    osy_buffer_char(&json, '}');
    hub_session_send_json(session, &json);
}

static void close_with_error(struct hub_session *session, uint16_t close_code, const char *code,
                             const char *detail)
{
    send_error(session, code, detail);
    hub_session_close(session, close_code, code);
}

/* What was queued for a right that has ended must not go out any more, also when a close has begun that would
 * have let it. */
static void close_without_right(struct hub_session *session, uint16_t close_code, const char *code,
                                const char *detail)
{
    hub_socket_drop_queue(session->socket);
    if (session->state == HUB_SESSION_CLOSING)
        return;
    close_with_error(session, close_code, code, detail);
}

/* --- state and time ------------------------------------------------------------------------- */

static int64_t state_time_ms(const struct hub_config *config, enum hub_session_state state)
{
    switch (state) {
    case HUB_SESSION_AWAIT_AUTH: return config->auth_timeout_ms;
    case HUB_SESSION_CHECKING: return config->data_timeout_ms;
    case HUB_SESSION_AWAIT_RESUME: return config->resume_timeout_ms;
    case HUB_SESSION_CLOSING: return CLOSE_GRACE_MS;
    case HUB_SESSION_OPENING: /* the subscription has a deadline of its own */
    case HUB_SESSION_OPEN: return 0;
    }
    return 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t or_never(int64_t deadline_ms)
{
    return deadline_ms ? deadline_ms : INT64_MAX;
}

/*
 * When a silent client is asked whether it is there: soon after an event, which it would have missed
 * if it does not read, however much the buffers on the way to it have swallowed; else late. Half as
 * much later as it may be, because the next event takes the ping along, if one comes.
 */
static int64_t ping_due_ms(const struct hub_session *session)
{
    const struct hub_config *config = session->hub->config;
    int64_t idle_ms = session->heard_ms + config->ping_idle_ms;
    if (session->unanswered_ms == 0)
        return idle_ms;
    int64_t busy_ms = config->ping_busy_ms + config->ping_busy_ms / 2;
    return earlier(session->unanswered_ms + busy_ms, idle_ms);
}

static int64_t data_deadline_ms(const struct hub_session *session)
{
    return or_never(session->dashboard ? hub_dashboard_deadline_ms(session->dashboard)
                                       : session->subscription.deadline_ms);
}

static int64_t next_deadline(const struct hub_session *session)
{
    const struct hub_config *config = session->hub->config;
    int64_t due = earlier(or_never(session->state_deadline_ms), data_deadline_ms(session));
    if (session->state == HUB_SESSION_AWAIT_AUTH)
        return due;
    if (session->state == HUB_SESSION_CLOSING)
        return earlier(due, or_never(session->expires_ms));
    due = earlier(due, or_never(session->heartbeat_due_ms));
    due = earlier(due, session->pinged_ms ? session->pinged_ms + config->pong_timeout_ms
                                          : ping_due_ms(session));
    return earlier(due, session->warned_of_expiry ? session->expires_ms
                                                  : session->expires_ms - EXPIRY_WARNING_MS);
}

static void on_timer(struct hub_wheel_timer *timer);

void hub_session_arm(struct hub_session *session)
{
    hub_wheel_arm(&session->hub->wheel, &session->timer, next_deadline(session), on_timer);
}

static void set_state(struct hub_session *session, enum hub_session_state state)
{
    assert(state == HUB_SESSION_CLOSING || (legal_steps[session->state] & BIT(state)));
    assert(session->state != HUB_SESSION_CLOSING);
    session->state = state;
    int64_t time_ms = state_time_ms(session->hub->config, state);
    session->state_deadline_ms = time_ms ? osy_clock_monotonic_ms() + time_ms : 0;
    hub_session_arm(session);
}

static void count_close(const struct hub_session *session, uint16_t code)
{
    char label[8];
    snprintf(label, sizeof label, "%u", code);
    hub_metrics_count(session->hub->metrics.closes, label);
}

static void end(struct hub_session *session)
{
    hub_owners_forget(&session->question);
    hub_subscription_end(&session->subscription);
    if (session->dashboard)
        hub_dashboard_end(session->dashboard);
    set_state(session, HUB_SESSION_CLOSING);
}

void hub_session_close(struct hub_session *session, uint16_t code, const char *reason)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    count_close(session, code);
    OSY_DEBUG("session_close", OSY_INT("code", code), OSY_STR("reason", reason));
    end(session);
    hub_socket_close(session->socket, code, reason, code == HUB_CLOSE_SLOW);
}

static void on_state_timeout(struct hub_session *session)
{
    switch (session->state) {
    case HUB_SESSION_AWAIT_AUTH:
        close_with_error(session, HUB_CLOSE_UNAUTHENTICATED, "UNAUTHENTICATED",
                         "no `auth` came in time");
        break;
    case HUB_SESSION_CHECKING:
        hub_session_close(session, HUB_CLOSE_OVERLOAD, "data not reachable");
        break;
    case HUB_SESSION_AWAIT_RESUME:
        close_with_error(session, HUB_CLOSE_BROKE_RULE, "RESUME_EXPECTED",
                         "no `resume` came in time");
        break;
    case HUB_SESSION_CLOSING: hub_socket_kill(session->socket); break;
    case HUB_SESSION_OPENING:
    case HUB_SESSION_OPEN: break;
    }
}

/* --- freshness ------------------------------------------------------------------------------ */

static int64_t view_age_ms(const struct hub_session *session)
{
    return session->dashboard ? hub_dashboard_view_age_ms(session->dashboard)
                              : hub_topic_view_age_ms(session->subscription.topic);
}

/* Returns the age that the client is told now. */
static int64_t tell_age(struct hub_session *session)
{
    int64_t age_ms = view_age_ms(session);
    session->was_told_stale = age_ms >= session->hub->config->stale_ms;
    return age_ms;
}

static void send_heartbeat(struct hub_session *session)
{
    static const struct osy_uuid no_restaurant;
    char json[64];
    int length = snprintf(json, sizeof json, "{\"type\":\"heartbeat\",\"view_age_ms\":%" PRId64 "}",
                          tell_age(session));
    struct hub_frame *frame = hub_frame_create(json, (size_t)length);
    hub_socket_send_latest(session->socket, HUB_LATEST_HEARTBEAT, &no_restaurant, frame);
    hub_frame_unref(frame);
}

static void beat(struct hub_session *session, int64_t now_ms)
{
    if (!session->heartbeat_due_ms || now_ms < session->heartbeat_due_ms)
        return;
    session->heartbeat_due_ms = now_ms + session->hub->config->heartbeat_ms;
    send_heartbeat(session);
}

/* The first beat comes at a random moment of the first interval, so that those of many are spread. */
static void start_beating(struct hub_session *session)
{
    int64_t interval_ms = session->hub->config->heartbeat_ms;
    session->heartbeat_due_ms =
        osy_clock_monotonic_ms() + 1 + (int64_t)osy_random_below((uint64_t)interval_ms);
}

void hub_session_note_freshness(struct hub_session *session)
{
    bool is_greeted = session->heartbeat_due_ms && session->state != HUB_SESSION_CLOSING;
    bool is_stale = is_greeted && view_age_ms(session) >= session->hub->config->stale_ms;
    if (!is_greeted || is_stale == session->was_told_stale)
        return;
    int64_t soon_ms = osy_clock_monotonic_ms() + (int64_t)osy_random_below(HASTE_SPREAD_MS);
    session->heartbeat_due_ms = earlier(session->heartbeat_due_ms, soon_ms);
    hub_session_arm(session);
}

/* --- liveness and expiry -------------------------------------------------------------------- */

static void send_ping(struct hub_session *session, int64_t now_ms)
{
    struct hub_frame *ping = hub_frame_create_ping();
    session->pinged_ms = now_ms;
    hub_session_send(session, ping);
    hub_frame_unref(ping);
}

/* A client that does not answer will not read a close frame either. */
static void give_up_on_silent_client(struct hub_session *session)
{
    hub_session_close(session, HUB_CLOSE_LOST, "no answer to a ping");
    hub_socket_kill(session->socket);
}

static void check_liveness(struct hub_session *session, int64_t now_ms)
{
    const struct hub_config *config = session->hub->config;
    if (session->pinged_ms && now_ms >= session->pinged_ms + config->pong_timeout_ms)
        give_up_on_silent_client(session);
    else if (!session->pinged_ms && now_ms >= ping_due_ms(session))
        send_ping(session, now_ms);
}

static bool has_expired(const struct hub_session *session, int64_t now_ms)
{
    return session->expires_ms && now_ms >= session->expires_ms;
}

/* Once: what is said about it in the end is not to be dropped by a second look. */
static void expire(struct hub_session *session)
{
    session->expires_ms = 0;
    close_without_right(session, HUB_CLOSE_UNAUTHENTICATED, "TOKEN_EXPIRED",
                        "the token has expired");
}

static void check_expiry(struct hub_session *session, int64_t now_ms)
{
    if (has_expired(session, now_ms)) {
        expire(session);
    } else if (!session->warned_of_expiry && now_ms >= session->expires_ms - EXPIRY_WARNING_MS) {
        session->warned_of_expiry = true;
        struct osy_buffer json = OSY_BUFFER_INIT;
        osy_buffer_printf(&json, "{\"type\":\"expiring\",\"expires_in_ms\":%" PRId64 "}",
                          session->expires_ms - now_ms);
        hub_session_send_json(session, &json);
    }
}

static void on_timer(struct hub_wheel_timer *timer)
{
    struct hub_session *session =
        (struct hub_session *)((char *)timer - offsetof(struct hub_session, timer));
    int64_t now_ms = osy_clock_monotonic_ms();
    if (session->state_deadline_ms && now_ms >= session->state_deadline_ms) {
        session->state_deadline_ms = 0;
        on_state_timeout(session);
    } else if (now_ms >= data_deadline_ms(session)) {
        hub_session_close(session, HUB_CLOSE_OVERLOAD, "data not reachable");
    } else if (session->state == HUB_SESSION_CLOSING) {
        if (has_expired(session, now_ms))
            expire(session);
    } else if (session->state != HUB_SESSION_AWAIT_AUTH) {
        check_liveness(session, now_ms);
        if (session->state != HUB_SESSION_CLOSING)
            check_expiry(session, now_ms);
        if (session->state != HUB_SESSION_CLOSING)
            beat(session, now_ms);
    }
    if (!hub_wheel_is_armed(&session->timer) && next_deadline(session) != INT64_MAX)
        hub_session_arm(session);
}

/* --- life ----------------------------------------------------------------------------------- */

static void count_as(struct hub_session *session, struct osy_metric *gauge)
{
    if (session->gauge)
        osy_metric_dec(session->gauge);
    if (gauge)
        osy_metric_inc(gauge);
    session->gauge = gauge;
}

static void authenticate(struct hub_session *session, const char *token);

void hub_session_open(struct hub_session *session, struct hub *hub, struct hub_socket *socket,
                      const struct hub_target *target, const char *token)
{
    int64_t now_ms = osy_clock_monotonic_ms();
    *session = (struct hub_session){
        .hub = hub,
        .socket = socket,
        .state = HUB_SESSION_AWAIT_AUTH,
        .target = *target,
        .heard_ms = now_ms,
        .state_deadline_ms = now_ms + hub->config->auth_timeout_ms,
    };
    hub_bucket_init(&session->messages, hub->config->message_burst, now_ms);
    count_as(session, hub->metrics.sockets_pending);
    hub_session_arm(session);
    if (token)
        authenticate(session, token);
}

void hub_session_detach(struct hub_session *session, uint16_t code)
{
    if (!session->hub)
        return;
    if (session->state != HUB_SESSION_CLOSING) {
        count_close(session, code);
        end(session);
    }
    hub_wheel_cancel(&session->timer);
    hub_bearers_remove(session->hub->bearers, &session->bearer);
    count_as(session, NULL);
    hub_subscription_leave(&session->subscription);
    hub_dashboard_destroy(session->dashboard);
    free(session->grant.restaurants);
    hub_reporter_leave(&session->reporter, session->hub->reports);
    session->hub = NULL;
}

void hub_session_hear(struct hub_session *session)
{
    session->heard_ms = osy_clock_monotonic_ms();
    session->unanswered_ms = session->pinged_ms = 0;
}

/* A ping that goes out with an event costs no write of its own, here or at the edge; and those of many busy
 * sockets, whose events are spread, are spread as well. */
void hub_session_expect_sign(struct hub_session *session)
{
    if (session->pinged_ms || session->state == HUB_SESSION_CLOSING)
        return;
    int64_t now_ms = osy_clock_monotonic_ms();
    if (!session->unanswered_ms)
        session->unanswered_ms = now_ms;
    else if (now_ms >= session->unanswered_ms + session->hub->config->ping_busy_ms)
        send_ping(session, now_ms);
    else
        return;
    hub_session_arm(session);
}

void hub_session_pump(struct hub_session *session)
{
    if (session->dashboard)
        hub_dashboard_pump(session->dashboard);
    else
        hub_subscription_pump(&session->subscription);
}

void hub_session_drain(struct hub_session *session)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_printf(&json, "{\"type\":\"drain\",\"reconnect_in_ms\":%" PRIu64 "}",
                      osy_random_below(RECONNECT_SPREAD_MS));
    hub_session_send_json(session, &json);
    hub_session_close(session, HUB_CLOSE_DRAIN, "draining");
}

void hub_session_give_up(struct hub_session *session)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    hub_socket_drop_queue(session->socket); /* for the right to it may have ended */
    hub_session_close(session, HUB_CLOSE_OVERLOAD, "revocations unknown");
}

/* --- rights --------------------------------------------------------------------------------- */

static bool is_granted(const struct hub_grant *grant, const struct osy_uuid *restaurant_id)
{
    if (grant->role == OSY_ROLE_ADMIN)
        return true;
    for (size_t i = 0; i < grant->restaurant_count; i++) {
        if (osy_uuid_equal(&grant->restaurants[i], restaurant_id))
            return true;
    }
    return false;
}

static bool covers(const struct hub_session *session, const struct osy_uuid *restaurant_id,
                   const struct hub_event *event)
{
    const struct hub_target *target = &session->target;
    if (target->is_dashboard)
        return is_granted(&session->grant, restaurant_id);
    if (!osy_uuid_equal(restaurant_id, &target->restaurant_id))
        return false;
    return target->kind == OSY_POSITION_RESTAURANT || !event ||
           (event->envelope.version > 0 &&
            osy_uuid_equal(&event->envelope.order_id, &target->order_id));
}

void hub_session_revoke(struct hub_session *session)
{
    close_without_right(session, HUB_CLOSE_UNAUTHENTICATED, "TOKEN_REVOKED", revoked_detail);
}

static bool must_not_send(const struct hub_session *session)
{
    return has_expired(session, osy_clock_monotonic_ms()) &&
           !OSY_BUG("expiry_unchecked", "events are sent by a token that has expired");
}

void hub_session_judge_queue(struct hub_session *session)
{
    if (must_not_send(session))
        expire(session);
}

/* Also when the timer or a message will find out soon: nothing may slip out before. */
bool hub_session_allows(struct hub_session *session, const struct osy_uuid *restaurant_id,
                        const struct hub_event *event)
{
    if (session->state == HUB_SESSION_CLOSING)
        return false;
    if (must_not_send(session))
        expire(session);
    else if (!covers(session, restaurant_id, event))
        close_without_right(session, HUB_CLOSE_FORBIDDEN, "FORBIDDEN",
                            "the token does not allow this restaurant or order");
    else
        return true;
    return false;
}

/* --- what the client says ------------------------------------------------------------------- */

/* False: it came too soon after the others, and the session closes. */
static bool is_in_time(struct hub_session *session)
{
    const struct hub_config *config = session->hub->config;
    if (hub_bucket_take(&session->messages, config->message_rate, config->message_burst,
                        osy_clock_monotonic_ms()))
        return true;
    hub_metrics_count(session->hub->metrics.bad_messages, "rate");
    close_with_error(session, HUB_CLOSE_BROKE_RULE, "RATE_LIMITED", "too many messages");
    return false;
}

void hub_session_note_ping(struct hub_session *session)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    hub_session_hear(session);
    (void)is_in_time(session);
}

void hub_session_refuse(struct hub_session *session, uint16_t code, const char *reason)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    hub_metrics_count(session->hub->metrics.bad_messages, reason);
    close_with_error(session, code, "BAD_MESSAGE", reason);
}

void hub_session_receive(struct hub_session *session, const char *bytes, size_t length)
{
    if (session->state == HUB_SESSION_CLOSING)
        return;
    hub_session_hear(session);
    if (!is_in_time(session))
        return;
    struct hub_message message;
    struct osy_error err = {0};
    if (!hub_message_parse(bytes, length, &session->target, &message, &err)) {
        bool is_unknown = err.code == OSY_ERR_NOT_FOUND;
        hub_metrics_count(session->hub->metrics.bad_messages,
                          is_unknown ? "unknown_type" : "invalid");
        close_with_error(session, HUB_CLOSE_BROKE_RULE,
                         is_unknown ? "UNKNOWN_TYPE" : "INVALID_MESSAGE", err.message);
        return;
    }
    message.handle(session, &message);
    hub_message_deinit(&message);
}

static bool is_tablet(const struct hub_session *session)
{
    return session->target.kind == OSY_POSITION_RESTAURANT && !session->target.is_dashboard;
}

static void enter(struct hub_session *session)
{
    const struct hub_metrics *metrics = &session->hub->metrics;
    set_state(session, HUB_SESSION_OPENING);
    if (session->target.is_dashboard) {
        count_as(session, metrics->sockets_dashboard);
        session->dashboard = hub_dashboard_create(session);
        hub_session_greet(session, NULL);
    } else {
        count_as(session,
                 is_tablet(session) ? metrics->sockets_restaurant : metrics->sockets_order);
        hub_subscription_open(&session->subscription, session, &session->target);
    }
}

/* A newer token may widen what the socket's user may do, or be the same user's; not another's. Whether the order is a
 * customer's own was asked for one customer alone. */
static bool may_replace(const struct hub_grant *old, const struct hub_grant *grant)
{
    bool is_same_user = osy_uuid_equal(&grant->credential.subject, &old->credential.subject);
    if (grant->role == OSY_ROLE_CUSTOMER)
        return is_same_user && old->role == OSY_ROLE_CUSTOMER;
    return grant->role > old->role || is_same_user;
}

static void refuse_path(struct hub_session *session)
{
    close_with_error(session, HUB_CLOSE_FORBIDDEN, "FORBIDDEN",
                     "the token does not allow this path");
}

/* A guest's order is nobody's, whatever the token's subject. */
static bool is_own(const struct hub_grant *grant, const struct osy_uuid *customer_id)
{
    return !osy_uuid_is_nil(customer_id) && osy_uuid_equal(customer_id, &grant->credential.subject);
}

/* An order that there is not is told from another's by nothing. */
void hub_session_note_owner(struct hub_session *session, const struct osy_uuid *customer_id,
                            const struct osy_error *err)
{
    const struct hub_grant *grant = &session->grant;
    if (session->state != HUB_SESSION_CHECKING)
        return;
    if (err)
        hub_session_close(session, HUB_CLOSE_OVERLOAD, "data not reachable");
    else if (grant->role == OSY_ROLE_CUSTOMER && !is_own(grant, customer_id))
        refuse_path(session);
    else
        enter(session);
}

static void check_owner(struct hub_session *session)
{
    set_state(session, HUB_SESSION_CHECKING);
    hub_owners_ask(session->hub->owners, &session->question, session, &session->target);
}

static void authenticate(struct hub_session *session, const char *token)
{
    struct hub_grant grant = {0};
    int64_t wall_ms = osy_clock_wall_ms();
    enum hub_grant_verdict verdict = hub_grants_check(session->hub->grants, token, strlen(token),
                                                      &session->target, wall_ms / 1000, &grant);
    bool is_first = session->state == HUB_SESSION_AWAIT_AUTH;
    if (verdict == HUB_GRANT_OK && !is_first && !may_replace(&session->grant, &grant)) {
        free(grant.restaurants);
        verdict = HUB_GRANT_FORBIDDEN;
    }
    if (verdict == HUB_GRANT_UNAUTHENTICATED) {
        close_with_error(session, HUB_CLOSE_UNAUTHENTICATED, "UNAUTHENTICATED",
                         "the token is malformed, not ours, or expired");
        return;
    }
    if (verdict == HUB_GRANT_REVOKED) {
        close_with_error(session, HUB_CLOSE_UNAUTHENTICATED, "TOKEN_REVOKED", revoked_detail);
        return;
    }
    if (verdict == HUB_GRANT_FORBIDDEN) {
        refuse_path(session);
        return;
    }
    free(session->grant.restaurants);
    session->grant = grant;
    hub_bearers_add(session->hub->bearers, &session->bearer, session, &grant.credential);
    /* Wall time only says how long the token lives; from here on the monotonic clock counts. */
    session->expires_ms = osy_clock_monotonic_ms() + grant.expires_at_s * 1000 - wall_ms;
    session->warned_of_expiry = false;
    if (is_first && hub_source_is_full(&session->hub->source))
        hub_session_close(session, HUB_CLOSE_OVERLOAD, "overloaded");
    else if (is_first && grant.role == OSY_ROLE_CUSTOMER)
        check_owner(session);
    else if (is_first)
        enter(session);
    else
        hub_session_arm(session);
}

void hub_session_handle_auth(struct hub_session *session, const struct hub_message *message)
{
    authenticate(session, message->token);
}

static bool require_authentication(struct hub_session *session)
{
    if (session->state != HUB_SESSION_AWAIT_AUTH)
        return true;
    close_with_error(session, HUB_CLOSE_UNAUTHENTICATED, "UNAUTHENTICATED",
                     "`auth` must come first");
    return false;
}

void hub_session_handle_resume(struct hub_session *session, const struct hub_message *message)
{
    if (!require_authentication(session))
        return;
    if (session->subscription.has_resume) {
        hub_metrics_count(session->hub->metrics.bad_messages, "repeated_resume");
        close_with_error(session, HUB_CLOSE_BROKE_RULE, "RESUME_REPEATED",
                         "`resume` may come once");
        return;
    }
    if (session->state == HUB_SESSION_AWAIT_RESUME)
        set_state(session, HUB_SESSION_OPEN);
    const struct osy_position *position = message->has_position ? &message->position : NULL;
    if (is_tablet(session))
        hub_reporter_resume(&session->reporter, session->hub->reports,
                            &session->target.restaurant_id, message->device, position);
    hub_subscription_resume(&session->subscription, position);
}

/* None of them begins unless all of them may. */
static bool may_choose(struct hub_session *session, const struct hub_message *message)
{
    for (size_t i = 0; i < message->choice_count; i++) {
        if (covers(session, &message->choices[i].restaurant_id, NULL))
            continue;
        char detail[100];
        snprintf(detail, sizeof detail, "the token does not allow 'restaurants[%zu].id'", i);
        close_with_error(session, HUB_CLOSE_FORBIDDEN, "FORBIDDEN", detail);
        return false;
    }
    return true;
}

void hub_session_handle_choice(struct hub_session *session, const struct hub_message *message)
{
    if (!require_authentication(session) || !may_choose(session, message))
        return;
    if (session->state == HUB_SESSION_AWAIT_RESUME)
        set_state(session, HUB_SESSION_OPEN);
    hub_dashboard_choose(session->dashboard, message->choices, message->choice_count);
}

void hub_session_handle_ack(struct hub_session *session, const struct hub_message *message)
{
    if (!require_authentication(session))
        return;
    hub_metrics_count(session->hub->metrics.acks, message->is_displayed ? "displayed" : "received");
    int64_t time_ms = message->is_displayed
                          ? hub_subscription_event_time(&session->subscription, &message->position)
                          : 0;
    if (time_ms)
        osy_metric_observe(session->hub->metrics.commit_to_displayed_seconds,
                           (double)(osy_clock_wall_ms() - time_ms) / 1e3);
    if (is_tablet(session))
        hub_reporter_ack(&session->reporter, session->hub->reports, &session->target.restaurant_id,
                         message->device, &message->position, message->is_displayed,
                         hub_subscription_history(&session->subscription));
}

void hub_session_handle_ping(struct hub_session *session, const struct hub_message *message)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_text(&json, "{\"type\":\"pong\"");
    if (message->id >= 0)
        osy_buffer_printf(&json, ",\"id\":%" PRId64, message->id);
    osy_buffer_char(&json, '}');
    hub_session_send_json(session, &json);
}

/* --- what the subscription says --------------------------------------------------------------- */

void hub_session_greet(struct hub_session *session, const struct osy_position *position)
{
    const struct hub_config *config = session->hub->config;
    if (session->state != HUB_SESSION_OPENING)
        return;
    start_beating(session);
    set_state(session,
              session->subscription.has_resume ? HUB_SESSION_OPEN : HUB_SESSION_AWAIT_RESUME);
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_text(&json, "{\"type\":\"hello\",\"hub\":");
    osy_buffer_json_string(&json, config->hub_id);
    if (position) {
        char text[OSY_POSITION_TEXT_BYTES];
        osy_position_format(position, text);
        osy_buffer_printf(&json, ",\"position\":\"%s\"", text);
    }
    osy_buffer_printf(&json,
                      ",\"heartbeat_ms\":%" PRId64 ",\"view_age_ms\":%" PRId64
                      ",\"stale_after_ms\":%" PRId64 "}",
                      config->heartbeat_ms, tell_age(session), config->stale_ms);
    hub_session_send_json(session, &json);
}
