/*
 * Topics and sessions against a world that misbehaves: live messages are lost, doubled and reordered, the
 * source answers late, in any order, from any moment between question and answer, or not at all, Redis
 * has holes, sockets take nothing for a while, clients come, go and come back with positions old, new
 * and invented. Whatever happens, each client must get exactly the events after its position, in order,
 * each once. Source, sockets, tokens and clock are this file's own; what lies between is the real thing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/hub.h"
#include "hub/session.h"
#include "hub/socket.h"
#include "hub/topic.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/event.h"

enum { ROWS_MAX = 600, ORDERS = 12, SOCKETS = 14, ASKED_MAX = 256, LIVE_MAX = 64 };

/* --- the world ------------------------------------------------------------------------------ */

/* PostgreSQL: what is true. rows[i] is event number i + 1. */
static struct row {
    struct osy_uuid id;
    int order;
    int64_t committed_ms;
    uint64_t version;
    bool is_in_redis;
    char *envelope;
    size_t length;
} rows[ROWS_MAX];
static size_t row_count;
static uint64_t order_versions[ORDERS];
static struct osy_uuid restaurant_id, order_ids[ORDERS];

static size_t live[LIVE_MAX]; /* rows whose publication is under way */
static size_t live_count;

static struct hub hub;
static struct hub_config config;
static int64_t now_ms;
static char hub_id[] = "hub-1";
static bool is_database_down;
static bool is_healed; /* nothing fails any more */
static bool is_busy;   /* the database is */
static bool is_live;   /* events come by themselves */
static bool may_close; /* else nothing in this world is worth that */
static size_t dropped_queues;
static size_t heartbeat_count;

static uint64_t random_state;

static size_t below(size_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % bound);
}

static bool one_in(size_t n)
{
    return below(n) == 0;
}

int64_t __wrap_osy_clock_monotonic_ms(void);
int64_t __wrap_osy_clock_monotonic_ms(void)
{
    return now_ms;
}

enum hub_grant_verdict hub_grants_check(struct hub_grants *grants, const char *token, size_t length,
                                        const struct hub_target *target, int64_t now_s,
                                        struct hub_grant *grant)
{
    (void)grants, (void)token, (void)length, (void)target;
    *grant = (struct hub_grant){.role = OSY_ROLE_ADMIN, .expires_at_s = now_s + 1000000};
    return HUB_GRANT_OK;
}

static void commit(void)
{
    if (row_count == ROWS_MAX || is_database_down)
        return;
    struct row *row = &rows[row_count++];
    *row = (struct row){.id = osy_uuid_v4(), .order = (int)below(ORDERS), .committed_ms = now_ms};
    if (!one_in(10)) /* else: of the restaurant alone */
        row->version = ++order_versions[row->order];
    row->is_in_redis = !one_in(8);
    struct osy_event event = {
        .seq = row_count,
        .version = row->version,
        .id = row->id,
        .restaurant_id = restaurant_id,
        .order_id = order_ids[row->order],
        .type = "order.created",
        .time_ms = 1769860800123,
        .traceparent = "",
        .data = "{}",
        .data_length = 2,
    };
    if (row_count > 1)
        event.previous_id = rows[row_count - 2].id;
    struct osy_buffer envelope = OSY_BUFFER_INIT;
    osy_event_write_envelope(&event, &envelope);
    row->envelope = osy_buffer_take(&envelope, &row->length);
    if (!one_in(6) && live_count < LIVE_MAX)
        live[live_count++] = row_count - 1;
}

static void publish_one(void)
{
    if (live_count == 0)
        return;
    size_t place = one_in(3) ? below(live_count) : 0;
    struct row *row = &rows[live[place]];
    char channel[HUB_REDIS_NAME_BYTES];
    hub_source_channel(&restaurant_id, channel);
    hub_topics_on_message(&hub, channel, strlen(channel), row->envelope, row->length);
    if (one_in(6))
        return; /* it will come once more */
    memmove(&live[place], &live[place + 1], (live_count - place - 1) * sizeof live[0]);
    live_count--;
}

/* --- the source ----------------------------------------------------------------------------- */

enum question { ASK_EVENTS = 0, ASK_ORDER, ASK_RECENT, ASK_HEAD, ASK_STATE };

static struct asked {
    enum question question;
    struct hub_range range;
    struct osy_uuid order_id;
    size_t row_count; /* when it was asked */
    hub_answer_fn fn;
    hub_store_head_fn on_head;
    hub_store_state_fn on_state;
    void *context;
} asked[ASKED_MAX];
static size_t asked_count;

static void ask(const struct asked *question)
{
    assert_true(asked_count < ASKED_MAX);
    asked[asked_count] = *question;
    asked[asked_count++].row_count = row_count;
}

void hub_source_find_events(struct hub_source *source, const struct hub_range *range,
                            hub_answer_fn fn, void *context)
{
    (void)source;
    assert_true(range->first >= 1 && range->first <= range->last);
    ask(&(struct asked){.question = ASK_EVENTS, .range = *range, .fn = fn, .context = context});
}

void hub_source_find_order_events(struct hub_source *source, const struct osy_uuid *restaurant,
                                  const struct osy_uuid *order_id, hub_answer_fn fn, void *context)
{
    (void)source, (void)restaurant;
    ask(&(struct asked){
        .question = ASK_ORDER, .order_id = *order_id, .fn = fn, .context = context});
}

void hub_source_find_recent(struct hub_source *source, const struct osy_uuid *restaurant,
                            hub_answer_fn fn, void *context)
{
    (void)source, (void)restaurant;
    ask(&(struct asked){.question = ASK_RECENT, .fn = fn, .context = context});
}

void hub_source_find_head(struct hub_source *source, const struct osy_uuid *restaurant,
                          hub_store_head_fn fn, void *context)
{
    (void)source, (void)restaurant;
    ask(&(struct asked){.question = ASK_HEAD, .on_head = fn, .context = context});
}

void hub_source_channel(const struct osy_uuid *restaurant, char name[HUB_REDIS_NAME_BYTES])
{
    (void)restaurant;
    snprintf(name, HUB_REDIS_NAME_BYTES, "live");
}

void hub_store_find_customer(struct hub_store *store, const struct osy_uuid *restaurant,
                             const struct osy_uuid *order, hub_store_customer_fn fn, void *context)
{
    (void)store, (void)restaurant, (void)order, (void)fn, (void)context;
    fail(); /* a topic does not ask whose order it is */
}

void hub_store_find_presence(struct hub_store *store, const struct osy_uuid *restaurant,
                             hub_store_state_fn fn, void *context)
{
    (void)store, (void)restaurant;
    ask(&(struct asked){.question = ASK_STATE, .on_state = fn, .context = context});
}

void hub_store_find_figures(struct hub_store *store, const struct osy_uuid *restaurant,
                            hub_store_state_fn fn, void *context)
{
    hub_store_find_presence(store, restaurant, fn, context);
}

void hub_source_presence_channel(const struct osy_uuid *restaurant, char name[HUB_REDIS_NAME_BYTES])
{
    (void)restaurant;
    snprintf(name, HUB_REDIS_NAME_BYTES, "presence");
}

bool hub_source_presence_channel_parse(const char *name, size_t length, struct osy_uuid *restaurant)
{
    *restaurant = restaurant_id;
    return length == 8 && memcmp(name, "presence", 8) == 0;
}

bool hub_source_channel_parse(const char *name, size_t length, struct osy_uuid *restaurant)
{
    *restaurant = restaurant_id;
    return length == 4 && memcmp(name, "live", 4) == 0;
}

static bool is_asked_for(const struct asked *question, size_t row)
{
    switch (question->question) {
    case ASK_EVENTS: return row + 1 >= question->range.first && row + 1 <= question->range.last;
    case ASK_ORDER:
        return rows[row].version > 0 &&
               osy_uuid_equal(&order_ids[rows[row].order], &question->order_id);
    case ASK_RECENT: return rows[row].is_in_redis;
    case ASK_HEAD:
    case ASK_STATE: break;
    }
    return false;
}

static void answer_events(const struct asked *question, size_t count)
{
    struct hub_event *events[ROWS_MAX];
    struct hub_answer answer = {.events = events, .from_redis = question->question == ASK_RECENT};
    for (size_t row = 0; row < count; row++) {
        if (!is_asked_for(question, row))
            continue;
        struct osy_error err = {0};
        events[answer.count] =
            hub_event_create(rows[row].envelope, rows[row].length, &restaurant_id, &err);
        assert_non_null(events[answer.count]);
        answer.count++;
    }
    question->fn(question->context, &answer);
    for (size_t i = 0; i < answer.count; i++)
        hub_event_unref(events[i]);
}

/* While PostgreSQL is down only Redis answers, and a run of events only when it is whole there. */
static bool is_out_of_reach(const struct asked *question)
{
    if (!is_database_down || question->question == ASK_RECENT)
        return false;
    if (question->question != ASK_EVENTS)
        return true;
    for (uint64_t number = question->range.first; number <= question->range.last; number++) {
        if (number > row_count || !rows[number - 1].is_in_redis)
            return true;
    }
    return false;
}

static void answer_state(const struct asked *question, const struct osy_error *err)
{
    static const char *const states[] = {"{\"n\":1}", "{\"n\":2}", NULL};
    struct hub_state state = {.json = states[below(3)], .as_of = one_in(2) ? "now" : NULL};
    question->on_state(question->context, &state, err);
}

static void answer_one(void)
{
    if (asked_count == 0)
        return;
    size_t place = below(asked_count);
    struct asked question = asked[place];
    asked[place] = asked[--asked_count];
    struct osy_error failed = {OSY_ERR_IO, "the world is down"};
    bool fails = !is_healed && (one_in(5) || is_out_of_reach(&question));
    /* Seen at some moment between question and answer. */
    size_t count = question.row_count + below(row_count - question.row_count + 1);
    struct hub_head head = {.found = true, .seq = count};
    if (count > 0)
        head.event_id = rows[count - 1].id;
    if (question.question == ASK_STATE)
        answer_state(&question, fails ? &failed : NULL);
    else if (question.question == ASK_HEAD)
        question.on_head(question.context, &head, fails ? &failed : NULL);
    else if (fails)
        question.fn(question.context, &(struct hub_answer){.err = &failed});
    else
        answer_events(&question, count);
}

/* --- clients -------------------------------------------------------------------------------- */

struct hub_socket {
    struct hub_session session;
    bool is_used, has_room;
    bool has_resume, from_now;
    bool is_invented; /* its position never was */
    bool said_hello, is_live, was_reset;
    uint64_t at; /* number of the last event that it has */
} sockets[SOCKETS];

/* Or a dashboard, that watches the one restaurant of this world. */
static bool is_tablet(const struct hub_socket *socket)
{
    return socket->session.target.kind == OSY_POSITION_RESTAURANT;
}

static int order_of(const struct hub_socket *socket)
{
    for (int i = 0; i < ORDERS; i++) {
        if (osy_uuid_equal(&order_ids[i], &socket->session.target.order_id))
            return i;
    }
    return -1;
}

static const struct row *find_row(const struct hub_socket *socket, uint64_t number)
{
    if (is_tablet(socket))
        return number >= 1 && number <= row_count ? &rows[number - 1] : NULL;
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].order == order_of(socket) && rows[i].version == number)
            return &rows[i];
    }
    return NULL;
}

static struct osy_position read_position(const struct hub_socket *socket, const char *json)
{
    static const char key[] = "\"position\":\"";
    const char *text = strstr(json, key);
    struct osy_position position = {0};
    assert_non_null(text);
    text += sizeof key - 1;
    assert_true(osy_position_parse(text, strcspn(text, "\""), &position));
    assert_int_equal(position.kind, socket->session.target.kind);
    return position;
}

static void take_event(struct hub_socket *socket, const struct osy_position *position)
{
    const struct row *row = find_row(socket, position->number);
    assert_true(socket->said_hello && socket->has_resume);
    assert_int_equal(position->number, socket->at + 1);
    assert_non_null(row);
    assert_true(osy_uuid_equal(&row->id, &position->event_id));
    socket->at++;
}

static void take_message(struct hub_socket *socket, const char *json)
{
    static const char type[] = "{\"type\":\"";
    assert_memory_equal(json, type, sizeof type - 1);
    const char *name = json + sizeof type - 1;
    if (strncmp(name, "hello\"", 6) == 0) {
        assert_false(socket->said_hello);
        socket->said_hello = true;
        return;
    }
    assert_int_equal(strstr(json, "\"restaurant_id\"") != NULL,
                     socket->session.target.is_dashboard);
    struct osy_position position = read_position(socket, json);
    if (strncmp(name, "event\"", 6) == 0) {
        take_event(socket, &position);
    } else if (strncmp(name, "caught_up\"", 10) == 0) {
        assert_false(socket->is_live || socket->is_invented);
        if (socket->from_now)
            socket->at = position.number;
        assert_int_equal(socket->at, position.number);
        socket->is_live = true;
    } else {
        assert_memory_equal(name, "reset\"", 6);
        assert_true(socket->is_invented && !socket->is_live);
        socket->at = position.number;
        socket->is_live = socket->was_reset = true;
    }
}

bool hub_socket_send(struct hub_socket *socket, struct hub_frame *frame)
{
    char json[2048];
    size_t header = frame->bytes[1] < 126 ? 2 : 4;
    size_t length = frame->length - header;
    assert_true(length < sizeof json);
    memcpy(json, frame->bytes + header, length);
    json[length] = '\0';
    take_message(socket, json);
    return true;
}

/* The number that the last event before that moment has in the socket's stream. */
static uint64_t number_at(const struct hub_socket *socket, int64_t time_ms)
{
    uint64_t number = 0;
    for (size_t i = 0; i < row_count && rows[i].committed_ms < time_ms; i++) {
        if (is_tablet(socket))
            number = i + 1;
        else if (rows[i].order == order_of(socket) && rows[i].version > 0)
            number = rows[i].version;
    }
    return number;
}

/* Who is live has everything that was committed before the view was last proven. */
static void check_age(const struct hub_socket *socket, const char *json)
{
    static const char key[] = "\"view_age_ms\":";
    const char *text = strstr(json, key);
    assert_non_null(text);
    int64_t proven_ms = now_ms - strtoll(text + sizeof key - 1, NULL, 10);
    if (socket->is_live)
        assert_true(socket->at >= number_at(socket, proven_ms));
    heartbeat_count++;
}

void hub_socket_send_latest(struct hub_socket *socket, enum hub_latest_kind kind,
                            const struct osy_uuid *restaurant, struct hub_frame *frame)
{
    char json[256];
    assert_int_equal(osy_uuid_is_nil(restaurant), kind == HUB_LATEST_HEARTBEAT);
    assert_true(frame->length - 2 < sizeof json);
    memcpy(json, frame->bytes + 2, frame->length - 2);
    json[frame->length - 2] = '\0';
    if (kind == HUB_LATEST_HEARTBEAT)
        check_age(socket, json);
    else
        assert_true(socket->is_live && socket->session.target.is_dashboard);
}

bool hub_socket_has_room(const struct hub_socket *socket)
{
    return is_healed || (socket->has_room && !one_in(10));
}

void hub_socket_close(struct hub_socket *socket, uint16_t code, const char *reason, bool drop_queue)
{
    (void)socket, (void)drop_queue;
    if (!may_close)
        fail_msg("closed with %u: %s", code, reason);
}

void hub_source_subscribe(struct hub_source *source, const struct osy_uuid *restaurant,
                          const char *channel)
{
    (void)source;
    (void)restaurant;
    (void)channel;
}

void hub_source_unsubscribe(struct hub_source *source, const struct osy_uuid *restaurant,
                            const char *channel)
{
    (void)source;
    (void)restaurant;
    (void)channel;
}

bool hub_source_is_live(const struct hub_source *source, const struct osy_uuid *restaurant)
{
    (void)source;
    (void)restaurant;
    return is_live;
}

static void check_positions(bool while_live)
{
    is_live = while_live;
    hub_topics_check(&hub, true);
    is_live = false;
}

bool hub_source_is_full(const struct hub_source *source)
{
    (void)source;
    return false;
}

bool hub_source_is_busy(const struct hub_source *source)
{
    (void)source;
    return is_busy;
}

void hub_socket_drop_queue(struct hub_socket *socket)
{
    (void)socket;
    if (!may_close)
        fail_msg("a right was taken away");
    dropped_queues++;
}

void hub_socket_kill(struct hub_socket *socket)
{
    (void)socket;
    fail_msg("killed");
}

static void say_choice(struct hub_socket *socket, const struct osy_position *position)
{
    struct hub_choice choice = {.restaurant_id = restaurant_id, .has_position = position != NULL};
    if (position)
        choice.position = *position;
    hub_session_handle_choice(&socket->session,
                              &(struct hub_message){.choices = &choice, .choice_count = 1});
}

static void say_resume(struct hub_socket *socket, const struct osy_position *position)
{
    struct hub_message message = {.has_position = position != NULL};
    if (position)
        message.position = *position;
    socket->has_resume = true;
    socket->from_now = !position;
    if (socket->session.target.is_dashboard)
        say_choice(socket, position);
    else
        hub_session_handle_resume(&socket->session, &message);
}

/* A position that the client may hold, or believes to. */
static struct osy_position choose_position(struct hub_socket *socket)
{
    uint64_t newest = is_tablet(socket) ? row_count : order_versions[order_of(socket)];
    struct osy_position position = {.kind = socket->session.target.kind};
    position.number = below((size_t)newest + 1);
    if (position.number > 0)
        position.event_id = find_row(socket, position.number)->id;
    if (one_in(8)) {
        socket->is_invented = true;
        position.number += one_in(2) ? 1 : 1000;
        position.event_id = osy_uuid_v4();
    }
    socket->at = position.number;
    return position;
}

static void connect_one(void)
{
    struct hub_socket *socket = &sockets[below(SOCKETS)];
    if (socket->is_used)
        return;
    int order = (int)below(ORDERS);
    struct hub_target target = {.kind = OSY_POSITION_RESTAURANT, .restaurant_id = restaurant_id};
    if (one_in(2) && order_versions[order] > 0) {
        target.kind = OSY_POSITION_ORDER;
        target.order_id = order_ids[order];
    } else if (one_in(2)) {
        target.is_dashboard = true;
        target.restaurant_id = (struct osy_uuid){0};
    }
    *socket = (struct hub_socket){.is_used = true, .has_room = true};
    socket->session.target = target;
    if (one_in(4)) { /* `resume` follows later, or never */
        hub_session_open(&socket->session, &hub, socket, &target, "token");
        return;
    }
    bool from_now = one_in(5);
    struct osy_position position = choose_position(socket);
    socket->is_invented = socket->is_invented && !from_now;
    hub_session_open(&socket->session, &hub, socket, &target, "token");
    say_resume(socket, from_now ? NULL : &position);
}

static void disconnect(struct hub_socket *socket)
{
    if (!socket->is_used)
        return;
    hub_session_detach(&socket->session, HUB_CLOSE_LOST);
    socket->is_used = false;
}

static void pass_time(int64_t ms)
{
    now_ms += ms;
    hub_wheel_turn(&hub.wheel, now_ms);
}

/* The topic ends after its grace time, and begins anew knowing nothing. */
static void disconnect_all(void)
{
    for (int i = 0; i < SOCKETS; i++)
        disconnect(&sockets[i]);
    pass_time(1000);
}

static void touch_one(void)
{
    struct hub_socket *socket = &sockets[below(SOCKETS)];
    if (!socket->is_used)
        return;
    if (one_in(6)) {
        disconnect(socket);
        return;
    }
    socket->has_room = !socket->has_room;
    if (socket->has_room)
        hub_session_pump(&socket->session);
    if (!socket->has_resume) {
        struct osy_position position = choose_position(socket);
        say_resume(socket, &position);
    } else if (socket->session.target.is_dashboard) {
        say_choice(socket, NULL); /* chosen already: it goes on undisturbed */
    }
}

/* --- the property --------------------------------------------------------------------------- */

static void begin_world(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
    row_count = asked_count = live_count = 0;
    is_healed = is_database_down = is_busy = may_close = false;
    dropped_queues = 0;
    now_ms = 1000000;
    memset(order_versions, 0, sizeof order_versions);
    memset(sockets, 0, sizeof sockets);
    restaurant_id = osy_uuid_v7();
    for (int i = 0; i < ORDERS; i++)
        order_ids[i] = osy_uuid_v7();
    config = (struct hub_config){
        .hub_id = hub_id,
        .auth_timeout_ms = 100000000,
        .resume_timeout_ms = 100000000,
        .data_timeout_ms = 100000000,
        .ping_idle_ms = 100000000,
        .ping_busy_ms = 100000000,
        .pong_timeout_ms = 100000000,
        .heartbeat_ms = 1000,
        .stale_ms = 3000,
        .topic_grace_ms = 200,
        .replay_max = 1000,
        .message_burst = 40,
        .message_rate = 20,
    };
    hub = (struct hub){.config = &config};
    hub_metrics_init(&hub.metrics);
    hub_wheel_init(&hub.wheel, now_ms);
}

static void step(void)
{
    switch (below(12)) {
    case 0:
    case 1:
    case 2: commit(); break;
    case 3:
    case 4: publish_one(); break;
    case 5:
    case 6:
    case 7: answer_one(); break;
    case 8: connect_one(); break;
    case 9:
        touch_one();
        if (one_in(40))
            disconnect_all();
        break;
    case 10:
        pass_time((int64_t)below(400));
        if (one_in(10))
            is_database_down = !is_database_down;
        break;
    case 11:
        if (one_in(3))
            check_positions(one_in(2));
        else if (one_in(3))
            hub_topics_on_subscribed(&hub, "live", 4);
        break;
    }
}

/* Everything works again, and there is time enough. */
static void heal(void)
{
    is_healed = true;
    is_database_down = false;
    live_count = 0; /* what was under way is lost: the position check must find it */
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < SOCKETS; i++) {
            if (sockets[i].is_used)
                hub_session_pump(&sockets[i].session);
        }
        if (round % 10 == 0)
            check_positions(false);
        while (asked_count > 0)
            answer_one();
        pass_time(500);
    }
}

static void check_clients(uint64_t seed)
{
    for (int i = 0; i < SOCKETS; i++) {
        const struct hub_socket *socket = &sockets[i];
        if (!socket->is_used)
            continue;
        uint64_t newest = is_tablet(socket) ? row_count : order_versions[order_of(socket)];
        if (!socket->said_hello)
            fail_msg("seed %" PRIu64 ": socket %d was never greeted", seed, i);
        if (!socket->has_resume)
            continue;
        if (!socket->is_live || socket->at != newest)
            fail_msg("seed %" PRIu64 ": socket %d stands at %" PRIu64 " of %" PRIu64, seed, i,
                     socket->at, newest);
    }
}

static void end_world(void)
{
    for (int i = 0; i < SOCKETS; i++)
        disconnect(&sockets[i]);
    hub_topics_end(&hub);
    while (asked_count > 0)
        answer_one();
    assert_null(hub.topics);
    hub_metrics_deinit(&hub.metrics);
    for (size_t i = 0; i < row_count; i++)
        free(rows[i].envelope);
}

static void every_client_gets_every_event_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        begin_world(seed);
        for (int i = 0; i < 1200; i++)
            step();
        heal();
        check_clients(seed);
        end_world();
    }
    assert_true(heartbeat_count > 1000);
}

/* --- single cases --------------------------------------------------------------------------- */

static void open_tablet(struct hub_socket *socket, const struct osy_position *position)
{
    struct hub_target target = {.kind = OSY_POSITION_RESTAURANT, .restaurant_id = restaurant_id};
    *socket = (struct hub_socket){.is_used = true, .has_room = true};
    socket->session.target = target;
    socket->at = position ? position->number : 0;
    hub_session_open(&socket->session, &hub, socket, &target, "token");
    say_resume(socket, position);
}

static void open_customer(struct hub_socket *socket, int order)
{
    struct hub_target target = {
        .kind = OSY_POSITION_ORDER, .restaurant_id = restaurant_id, .order_id = order_ids[order]};
    *socket = (struct hub_socket){.is_used = true, .has_room = true};
    socket->session.target = target;
    hub_session_open(&socket->session, &hub, socket, &target, "token");
    say_resume(socket, NULL);
}

static void tablets_that_come_back_together_share_one_fetch(void **state)
{
    (void)state;
    begin_world(1);
    is_healed = true;
    for (int i = 0; i < 20; i++)
        commit();
    open_tablet(&sockets[0], NULL);
    answer_one(); /* the head */
    for (int i = 1; i < 10; i++) {
        struct osy_position position = {OSY_POSITION_RESTAURANT, 5, rows[4].id};
        open_tablet(&sockets[i], &position);
    }
    assert_int_equal(asked_count, 1);
    answer_one();
    for (int i = 1; i < 10; i++)
        assert_int_equal(sockets[i].at, 20);
    end_world();
}

static void a_position_too_far_behind_is_reset(void **state)
{
    struct osy_position position = {OSY_POSITION_RESTAURANT, 5, {{0}}};
    (void)state;
    begin_world(1);
    is_healed = true;
    config.replay_max = 10;
    for (int i = 0; i < 20; i++)
        commit();
    position.event_id = rows[4].id;
    open_tablet(&sockets[0], &position);
    sockets[0].is_invented = true; /* a reset is what it shall get */
    answer_one();
    assert_true(sockets[0].was_reset);
    assert_int_equal(sockets[0].at, 20);
    end_world();
}

static void a_reconnect_within_moments_needs_no_fetch(void **state)
{
    (void)state;
    begin_world(1);
    is_healed = true;
    open_tablet(&sockets[0], NULL);
    answer_one();
    for (int i = 0; i < 3; i++)
        commit();
    live_count = 3;
    for (size_t i = 0; i < 3; i++)
        live[i] = i;
    while (live_count > 0)
        publish_one();
    while (asked_count > 0)
        answer_one();
    struct osy_position position = {OSY_POSITION_RESTAURANT, 2, rows[1].id};
    open_tablet(&sockets[1], &position);
    assert_int_equal(asked_count, 0);
    assert_int_equal(sockets[1].at, 3);
    end_world();
}

static const struct row *commit_new_order(int but)
{
    const struct row *row;
    do {
        commit();
        row = &rows[row_count - 1];
    } while (row->version != 1 || row->order == but);
    return row;
}

static void answer_all(void)
{
    while (asked_count > 0)
        answer_one();
}

/* A tablet that watches as well makes no difference. */
static void check_customer_after_ordering(bool has_tablet)
{
    struct hub_socket *customer = &sockets[1];
    begin_world(1);
    is_healed = true;
    int other = commit_new_order(-1)->order;
    if (has_tablet)
        open_tablet(&sockets[0], NULL);
    else
        open_customer(&sockets[0], other);
    answer_all();

    const struct row *row = commit_new_order(other);
    for (size_t i = 0; i < row_count; i++)
        live[live_count++] = i;
    while (live_count > 0)
        publish_one();
    answer_all();
    open_customer(customer, row->order);
    assert_int_equal(asked_count, 0);
    assert_true(customer->said_hello && customer->is_live);
    assert_int_equal(customer->at, 1);
    end_world();
}

static void a_customer_who_comes_just_after_ordering_needs_no_query(void **state)
{
    (void)state;
    check_customer_after_ordering(true);
    check_customer_after_ordering(false);
}

static void heads_are_asked_for_before_panels_and_panels_only_when_there_is_room(void **state)
{
    struct hub_target target = {.kind = OSY_POSITION_RESTAURANT, .is_dashboard = true};
    (void)state;
    begin_world(1);
    is_healed = true;
    sockets[0] = (struct hub_socket){.is_used = true, .has_room = true};
    sockets[0].session.target = target;
    hub_session_open(&sockets[0].session, &hub, &sockets[0], &target, "token");
    say_resume(&sockets[0], NULL);
    while (asked_count > 0)
        answer_one();
    pass_time(2000); /* figures are due again */
    check_positions(true);
    assert_int_equal(asked_count, 3);
    assert_int_equal(asked[0].question, ASK_HEAD);
    while (asked_count > 0)
        answer_one();
    pass_time(2000);
    is_busy = true;
    check_positions(true);
    assert_int_equal(asked_count, 1);
    assert_int_equal(asked[0].question, ASK_HEAD);
    end_world();
}

/* Whatever closes the socket would let out what is queued. */
static void a_token_that_ends_while_its_socket_closes_takes_the_queue_with_it(void **state)
{
    (void)state;
    begin_world(1);
    is_healed = may_close = true;
    for (int i = 0; i < 2; i++)
        open_tablet(&sockets[i], NULL);
    answer_one();
    sockets[1].session.expires_ms = now_ms + 1000;
    for (int i = 0; i < 2; i++)
        hub_session_close(&sockets[i].session, HUB_CLOSE_FAILED, "stream was restored");
    assert_int_equal(dropped_queues, 0);
    hub_session_revoke(&sockets[0].session);
    assert_int_equal(dropped_queues, 1);
    pass_time(1500);
    assert_int_equal(dropped_queues, 2);
    pass_time(1500);
    assert_int_equal(dropped_queues, 2);
    end_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tablets_that_come_back_together_share_one_fetch),
        cmocka_unit_test(a_position_too_far_behind_is_reset),
        cmocka_unit_test(a_reconnect_within_moments_needs_no_fetch),
        cmocka_unit_test(a_customer_who_comes_just_after_ordering_needs_no_query),
        cmocka_unit_test(heads_are_asked_for_before_panels_and_panels_only_when_there_is_room),
        cmocka_unit_test(a_token_that_ends_while_its_socket_closes_takes_the_queue_with_it),
        cmocka_unit_test(every_client_gets_every_event_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
