/*
 * A topic's fan-out: one event to a thousand tablets, each with its own queue, counted by delivery. Envelope, cursor,
 * rights, frame and queues are the hub's own; Redis, PostgreSQL, tokens and the sockets below the queues are not there.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/outbox.h"
#include "hub/session.h"
#include "hub/socket.h"
#include "hub/topic.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "tests/bench/parts/part.h"

enum { TABLETS = 1000, QUEUE_MAX = 256, QUEUE_BYTES = 1 << 20 };

struct hub_socket {
    struct hub_session session;
    struct hub_outbox outbox;
};

struct crowd {
    struct hub hub;
    struct hub_config config;
    struct osy_uuid restaurant_id;
    struct hub_socket sockets[TABLETS];
    struct osy_buffer envelope;
    size_t seq;
};

static size_t delivered;

/* ---- what is not there ---- */

bool hub_socket_send(struct hub_socket *socket, struct hub_frame *frame)
{
    delivered += frame->is_event;
    return hub_outbox_push(&socket->outbox, frame, QUEUE_MAX, QUEUE_BYTES);
}

void hub_socket_send_latest(struct hub_socket *socket, enum hub_latest_kind kind,
                            const struct osy_uuid *restaurant_id, struct hub_frame *frame)
{
    (void)socket, (void)kind, (void)restaurant_id, (void)frame;
}

bool hub_socket_has_room(const struct hub_socket *socket)
{
    (void)socket;
    return true;
}

void hub_socket_close(struct hub_socket *socket, uint16_t code, const char *reason, bool drop_queue)
{
    (void)socket, (void)code, (void)drop_queue;
    bench_check(false, reason);
}

void hub_socket_drop_queue(struct hub_socket *socket)
{
    (void)socket;
}

void hub_socket_kill(struct hub_socket *socket)
{
    (void)socket;
}

enum hub_grant_verdict hub_grants_check(struct hub_grants *grants, const char *token, size_t length,
                                        const struct hub_target *target, int64_t now_s,
                                        struct hub_grant *grant)
{
    (void)grants, (void)token, (void)length, (void)target;
    *grant = (struct hub_grant){.role = OSY_ROLE_ADMIN, .expires_at_s = now_s + 1000000};
    return HUB_GRANT_OK;
}

void hub_source_channel(const struct osy_uuid *restaurant_id, char name[HUB_REDIS_NAME_BYTES])
{
    (void)restaurant_id;
    strcpy(name, "live");
}

bool hub_source_channel_parse(const char *name, size_t length, struct osy_uuid *restaurant_id)
{
    (void)name, (void)length;
    memset(restaurant_id->bytes, 1, OSY_UUID_BYTES); /* bench_make_event's */
    return true;
}

bool hub_source_presence_channel_parse(const char *name, size_t length,
                                       struct osy_uuid *restaurant_id)
{
    (void)name, (void)length, (void)restaurant_id;
    return false;
}

void hub_source_presence_channel(const struct osy_uuid *restaurant_id,
                                 char name[HUB_REDIS_NAME_BYTES])
{
    (void)restaurant_id;
    strcpy(name, "presence");
}

bool hub_source_is_full(const struct hub_source *source)
{
    (void)source;
    return false;
}

bool hub_source_is_busy(const struct hub_source *source)
{
    (void)source;
    return false;
}

void hub_source_find_head(struct hub_source *source, const struct osy_uuid *restaurant_id,
                          hub_store_head_fn fn, void *context)
{
    struct hub_head head = {.found = true};
    (void)source, (void)restaurant_id;
    fn(context, &head, NULL);
}

/* Nothing is ever missing here. */
void hub_source_find_events(struct hub_source *source, const struct hub_range *range,
                            hub_answer_fn fn, void *context)
{
    (void)source, (void)range, (void)fn, (void)context;
    bench_check(false, "the order of events");
}

void hub_source_find_order_events(struct hub_source *source, const struct osy_uuid *restaurant_id,
                                  const struct osy_uuid *order_id, hub_answer_fn fn, void *context)
{
    (void)restaurant_id, (void)order_id;
    hub_source_find_events(source, NULL, fn, context);
}

void hub_source_find_recent(struct hub_source *source, const struct osy_uuid *restaurant_id,
                            hub_answer_fn fn, void *context)
{
    (void)restaurant_id;
    hub_source_find_events(source, NULL, fn, context);
}

void hub_store_find_presence(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             hub_store_state_fn fn, void *context)
{
    (void)store, (void)restaurant_id, (void)fn, (void)context;
}

void hub_store_find_figures(struct hub_store *store, const struct osy_uuid *restaurant_id,
                            hub_store_state_fn fn, void *context)
{
    (void)store, (void)restaurant_id, (void)fn, (void)context;
}

/* ---- the crowd ---- */

static void empty_queues(struct crowd *crowd)
{
    for (size_t i = 0; i < TABLETS; i++)
        hub_outbox_clear(&crowd->sockets[i].outbox);
}

static void *begin_crowd(const struct osy_keyring *keyring)
{
    struct crowd *crowd = osy_alloc(sizeof *crowd);
    struct hub_target target = {.kind = OSY_POSITION_RESTAURANT};
    (void)keyring;
    memset(target.restaurant_id.bytes, 1, OSY_UUID_BYTES);
    crowd->config = (struct hub_config){
        .hub_id = osy_strdup("hub-1"),
        .auth_timeout_ms = 100000000,
        .resume_timeout_ms = 100000000,
        .data_timeout_ms = 100000000,
        .ping_idle_ms = 100000000,
        .ping_busy_ms = 100000000,
        .pong_timeout_ms = 100000000,
        .heartbeat_ms = 100000000,
        .stale_ms = 100000000,
        .topic_grace_ms = 1,
        .replay_max = 1000,
        .message_burst = 40,
        .message_rate = 20,
    };
    crowd->hub.config = &crowd->config;
    hub_metrics_init(&crowd->hub.metrics);
    hub_wheel_init(&crowd->hub.wheel, osy_clock_monotonic_ms());
    for (size_t i = 0; i < TABLETS; i++) {
        struct hub_socket *socket = &crowd->sockets[i];
        hub_session_open(&socket->session, &crowd->hub, socket, &target, "token");
        hub_session_handle_resume(&socket->session, &(struct hub_message){.has_position = false});
    }
    empty_queues(crowd);
    return crowd;
}

static void end_crowd(void *state)
{
    struct crowd *crowd = state;
    for (size_t i = 0; i < TABLETS; i++)
        hub_session_detach(&crowd->sockets[i].session, HUB_CLOSE_LOST);
    empty_queues(crowd);
    hub_topics_end(&crowd->hub);
    hub_metrics_deinit(&crowd->hub.metrics);
    osy_buffer_deinit(&crowd->envelope);
    free(crowd->config.hub_id);
    free(crowd);
}

static void publish_next(struct crowd *crowd)
{
    struct osy_event event;
    bench_make_event(&event, ++crowd->seq);
    osy_buffer_clear(&crowd->envelope);
    osy_event_write_envelope(&event, &crowd->envelope);
    hub_topics_on_message(&crowd->hub, "live", 4, crowd->envelope.bytes, crowd->envelope.length);
}

/* times counts deliveries: each event makes TABLETS of them. */
static void fan_out(void *state, size_t times)
{
    struct crowd *crowd = state;
    for (size_t done = 0; done < times; done += TABLETS) {
        size_t before = delivered;
        publish_next(crowd);
        bench_check(delivered - before == TABLETS, "the fan-out");
        empty_queues(crowd);
    }
}

const struct bench_part bench_topic_parts[] = {
    {"topic.deliver", begin_crowd, fan_out, end_crowd},
    {0},
};
