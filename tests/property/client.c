/*
 * Clients that do what docs/protocol.md asks of them, and hold the hub to what it promises. A client knows
 * its view: the last event of the history that it has, as a place in the tree of all that ever were. So
 * "each event once, in order, without a hole" is one comparison: the event that comes must be the one
 * behind the view. What was lost by a restore may reach a client that does not know yet, but never may an
 * event that is true be put behind one that is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/grants.h"
#include "hub/outbox.h"
#include "hub/session.h"
#include "hub/socket.h"
#include "hub/topic.h"
#include "tests/property/world.h"

enum {
    TOKEN_MOST_S = 30,
    LONG_S = 600,
    FROM_NOW_ONE_IN = 6,
    FORGED_ONE_IN = 8,
    ANY_EVER_ONE_IN = 8
};

/* A socket and the client at its other end. */
struct hub_socket {
    struct hub_session session;
    struct hub_outbox outbox;
    uint16_t close_code; /* the hub wants to close it */
    bool is_cut;         /* without a word */

    int number, restaurant, order; /* order < 0: a tablet */
    bool is_connected, is_stalled, has_given_up;
    int64_t expires_ms;

    const struct row *view; /* the last event that it has */
    bool has_view;          /* has ever had one: it comes back with it */
    bool is_forged;         /* it claimed what never was */
    bool from_now, has_resumed, said_hello, is_live;
    uint64_t reloaded_to; /* events up to here may come again: they are in what it has reloaded */
    uint64_t told;        /* number of the last position that the hub has named */
};
static struct hub_socket clients[CLIENTS];
static int64_t token_life_s; /* of the next token */

/* --- tokens --------------------------------------------------------------------------------- */

enum hub_grant_verdict hub_grants_check(struct hub_grants *grants, const char *token, size_t length,
                                        const struct hub_target *target, int64_t now_s,
                                        struct hub_grant *grant)
{
    (void)grants, (void)token, (void)length, (void)target;
    *grant = (struct hub_grant){.expires_at_s = now_s + token_life_s};
    return HUB_GRANT_OK;
}

/* --- what a client sees --------------------------------------------------------------------- */

static bool is_tablet(const struct hub_socket *client)
{
    return client->order < 0;
}

static const struct row *newest_for(const struct hub_socket *client)
{
    struct row *head = heads[client->restaurant];
    return is_tablet(client) ? head : history_newest_of_order(head, client->order);
}

static uint64_t number_in_stream(const struct hub_socket *client, const struct row *row)
{
    if (!row)
        return 0;
    return is_tablet(client) ? row->seq : row->version;
}

static const struct row *before(const struct hub_socket *client, const struct row *row)
{
    return is_tablet(client) ? row->before : row->before_in_order;
}

static struct osy_position position_of(const struct hub_socket *client, const struct row *row)
{
    struct osy_position position = {
        .kind = is_tablet(client) ? OSY_POSITION_RESTAURANT : OSY_POSITION_ORDER,
        .number = number_in_stream(client, row),
    };
    if (row)
        position.event_id = row->id;
    return position;
}

static bool is_in_stream(const struct hub_socket *client, const struct row *row)
{
    if (row->restaurant != client->restaurant)
        return false;
    return is_tablet(client) || (row->order == client->order && row->version > 0);
}

/* The event that a position names; NULL for the one before the first. */
static const struct row *row_at(struct hub_socket *client, const struct osy_position *position)
{
    client->told = position->number;
    if (position->number == 0)
        return NULL;
    const struct row *row = history_find_id(&position->event_id);
    if (!row || !is_in_stream(client, row) || number_in_stream(client, row) != position->number)
        violated("client %d is given a position that is not of its stream", client->number);
    return row;
}

/* --- what a client is told ------------------------------------------------------------------ */

static void read_position(const char *json, struct osy_position *position)
{
    static const char key[] = "\"position\":\"";
    const char *text = strstr(json, key);
    if (!text)
        violated("no position in %s", json);
    text += sizeof key - 1;
    if (!osy_position_parse(text, strcspn(text, "\""), position))
        violated("a bad position in %s", json);
}

static void check_payload(const struct hub_socket *client, const char *json, const struct row *row)
{
    const char *event = strstr(json, "\"event\":");
    const char *text = memchr(row->envelope, '{', row->length);
    size_t length = row->length - (size_t)(text - row->envelope);
    if (!event || strncmp(event + strlen("\"event\":"), text, length) != 0)
        violated("client %d is given another event than its position names", client->number);
}

static void take_event(struct hub_socket *client, const char *json)
{
    struct osy_position position;
    read_position(json, &position);
    const struct row *row = row_at(client, &position);
    if (!row)
        violated("client %d is given an event of number 0", client->number);
    check_payload(client, json, row);
    if (!client->said_hello || !client->has_resumed)
        violated("client %d is given an event before it asked", client->number);
    if (client->is_forged)
        violated("client %d resumed from what never was", client->number);
    uint64_t number = number_in_stream(client, row);
    trace("client %d takes %d", client->number, (int)number);
    if (before(client, row) == client->view) {
        client->view = row;
    } else if (number > client->reloaded_to || !history_is_at_or_before(row, client->view)) {
        /* It reloaded what is true while the hub still believed what was lost: it will be told. */
        if (history_is_true(row))
            violated("client %d has %d of its stream and is given %d", client->number,
                     (int)number_in_stream(client, client->view), (int)number);
        client->view = row;
    }
}

static void take_caught_up(struct hub_socket *client, const char *json)
{
    struct osy_position position;
    read_position(json, &position);
    const struct row *row = row_at(client, &position);
    if (client->is_live || !client->has_resumed || client->is_forged)
        violated("client %d is told without reason that it has everything", client->number);
    if (client->from_now)
        client->view = row;
    if (client->view != row)
        violated("client %d has %d and is told that it has everything up to %d", client->number,
                 (int)number_in_stream(client, client->view), (int)position.number);
    client->is_live = client->has_view = true;
    trace("client %d has caught up at %d", client->number, (int)position.number);
}

/* Reloads over HTTP, which needs PostgreSQL. */
static void reload(struct hub_socket *client)
{
    client->view = newest_for(client);
    client->reloaded_to = number_in_stream(client, client->view);
    client->is_forged = false;
    client->has_view = true;
    trace("client %d reloads up to %d", client->number, (int)client->reloaded_to);
}

static void take_reset(struct hub_socket *client, const char *json)
{
    struct osy_position position;
    read_position(json, &position);
    (void)row_at(client, &position);
    if (client->is_live || !client->has_resumed || client->from_now)
        violated("client %d is told without reason to reload", client->number);
    if (!client->is_forged && !world.has_restored)
        violated("client %d is told to reload, though its position %d is good", client->number,
                 (int)number_in_stream(client, client->view));
    trace("client %d is reset to %d", client->number, (int)position.number);
    client->is_live = true;
    if (!world.is_database_down)
        reload(client);
    else
        client->is_cut = true; /* gives up this socket and tries again */
}

static void take_message(struct hub_socket *client, const char *json)
{
    static const char type[] = "{\"type\":\"";
    if (strncmp(json, type, sizeof type - 1) != 0)
        violated("not a message: %s", json);
    const char *name = json + sizeof type - 1;
    struct osy_position position;
    if (strncmp(name, "event\"", 6) == 0) {
        take_event(client, json);
    } else if (strncmp(name, "hello\"", 6) == 0) {
        read_position(json, &position);
        (void)row_at(client, &position);
        if (client->said_hello)
            violated("client %d is greeted twice", client->number);
        client->said_hello = true;
    } else if (strncmp(name, "caught_up\"", 10) == 0) {
        take_caught_up(client, json);
    } else if (strncmp(name, "reset\"", 6) == 0) {
        take_reset(client, json);
    } /* others it does not know */
}

static void take_frame(struct hub_socket *client, const struct hub_frame *frame)
{
    static const unsigned char text = 0x81;
    if (frame->bytes[0] != text) { /* a ping */
        hub_session_hear(&client->session);
        return;
    }
    size_t header = frame->bytes[1] < 126 ? 2 : 4;
    char json[2048];
    snprintf(json, sizeof json, "%.*s", (int)(frame->length - header),
             (const char *)frame->bytes + header);
    for (char *line = strtok(json, "\n"); line && !client->is_cut; line = strtok(NULL, "\n"))
        take_message(client, line);
}

static void read_some(struct hub_socket *client, size_t most)
{
    struct hub_frame *frame;
    while (most-- > 0 && !client->is_cut && (frame = hub_outbox_pop(&client->outbox))) {
        take_frame(client, frame);
        hub_frame_unref(frame);
    }
    if (client->is_connected && !client->is_cut && hub_socket_has_room(client))
        hub_session_pump(&client->session);
}

/* --- the socket ----------------------------------------------------------------------------- */

bool hub_socket_send(struct hub_socket *client, struct hub_frame *frame)
{
    if (client->close_code)
        return true;
    if (frame->is_event && world.now_ms >= client->expires_ms)
        violated("client %d is sent an event after its token has expired", client->number);
    bool ok = hub_outbox_push(&client->outbox, frame, (size_t)world.config.queue_messages,
                              (size_t)world.config.queue_bytes);
    if (client->outbox.count > (size_t)world.config.queue_messages)
        violated("client %d does not read, and its queue grows", client->number);
    return ok;
}

void hub_socket_send_latest(struct hub_socket *client, enum hub_latest_kind kind,
                            const struct osy_uuid *restaurant_id, struct hub_frame *frame)
{
    if (!client->close_code)
        hub_outbox_put_latest(&client->outbox, kind, restaurant_id, frame);
}

bool hub_socket_has_room(const struct hub_socket *client)
{
    return !client->close_code && client->outbox.count < (size_t)world.config.queue_messages / 2;
}

void hub_socket_drop_queue(struct hub_socket *client)
{
    hub_outbox_clear(&client->outbox);
}

void hub_socket_close(struct hub_socket *client, uint16_t code, const char *reason, bool drop_queue)
{
    (void)reason;
    if (client->close_code)
        return;
    client->close_code = code;
    if (drop_queue)
        hub_socket_drop_queue(client);
}

void hub_socket_kill(struct hub_socket *client)
{
    client->is_cut = true;
}

static void check_close(struct hub_socket *client)
{
    switch (client->close_code) {
    case 0:
    case HUB_CLOSE_LOST:
    case HUB_CLOSE_OVERLOAD:
    case HUB_CLOSE_SLOW: break;
    case HUB_CLOSE_FAILED:
        if (!world.has_restored)
            violated("client %d is told that the hub has failed", client->number);
        break;
    case HUB_CLOSE_UNAUTHENTICATED:
        if (world.now_ms < client->expires_ms)
            violated("client %d is sent away though its token is good", client->number);
        break;
    case HUB_CLOSE_NOT_FOUND:
        if (!world.has_restored)
            violated("client %d is told that its order is not there", client->number);
        client->has_given_up = true;
        break;
    default: violated("client %d is closed with %u", client->number, client->close_code);
    }
}

/* A client that has reloaded over HTTP may hold what no hub has seen yet, and no hub can tell it that this was lost
 * again. Its HTTP replies came from the server that is gone now, so it comes back. */
void clients_notice_restore(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct hub_socket *client = &clients[i];
        if (client->reloaded_to > client->told && !history_is_true(client->view))
            client->is_cut = true;
    }
}

static void disconnect(struct hub_socket *client)
{
    if (!client->is_connected)
        return;
    trace("client %d is closed with %d", client->number, client->close_code);
    hub_session_detach(&client->session, HUB_CLOSE_LOST);
    hub_outbox_clear(&client->outbox);
    client->is_connected = false;
}

void clients_flush(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct hub_socket *client = &clients[i];
        if (!client->is_connected)
            continue;
        if (client->close_code && !client->is_cut) {
            if (client->is_stalled && !one_in(10))
                continue; /* what is queued goes first */
            read_some(client, SIZE_MAX);
            check_close(client);
            client->is_cut = true;
        }
        if (client->is_cut)
            disconnect(client);
    }
}

/* --- coming and going ----------------------------------------------------------------------- */

static void say(struct hub_socket *client, const char *message)
{
    hub_session_receive(&client->session, message, strlen(message));
}

static void say_resume(struct hub_socket *client, const struct osy_position *position)
{
    char text[OSY_POSITION_TEXT_BYTES], message[128];
    client->has_resumed = true;
    if (position) {
        osy_position_format(position, text);
        snprintf(message, sizeof message, "{\"type\":\"resume\",\"position\":\"%s\"}", text);
    } else {
        snprintf(message, sizeof message, "{\"type\":\"resume\",\"position\":null}");
    }
    trace("client %d resumes from %d%s", client->number, position ? (int)position->number : -1,
          client->is_forged ? " (forged)" : "");
    say(client, message);
}

/* A view that it may hold: the one it had, an older one that it stored, or any that ever was. */
static void choose_view(struct hub_socket *client)
{
    if (!client->has_view)
        client->view = newest_for(client);
    for (size_t back = one_in(3) ? below(6) : 0; back > 0 && client->view; back--)
        client->view = before(client, client->view);
    if (!world.is_healed && one_in(ANY_EVER_ONE_IN))
        client->view = history_draw(client->restaurant, client->order);
    client->reloaded_to = 0;
    client->has_view = true;
}

static void resume(struct hub_socket *client)
{
    client->is_forged = !world.is_healed && one_in(FORGED_ONE_IN);
    client->from_now = !client->is_forged && !client->has_view && one_in(FROM_NOW_ONE_IN);
    if (client->from_now) {
        say_resume(client, NULL);
        return;
    }
    choose_view(client);
    struct osy_position position = position_of(client, client->view);
    if (client->is_forged) {
        position.number += one_in(2) ? 1 : below(4);
        if (position.number == 0)
            position.number = 1;
        position.event_id = (struct osy_uuid){{9}};
    }
    say_resume(client, &position);
}

static void connect_again(struct hub_socket *client)
{
    struct hub_target target = {
        .kind = is_tablet(client) ? OSY_POSITION_RESTAURANT : OSY_POSITION_ORDER,
        .restaurant_id = restaurant_ids[client->restaurant],
    };
    if (!is_tablet(client))
        target.order_id = order_ids[client->restaurant][client->order];
    client->session = (struct hub_session){0};
    client->close_code = 0;
    client->is_cut = client->is_stalled = client->said_hello = client->is_live = false;
    client->has_resumed = false;
    client->is_connected = true;
    token_life_s = world.is_healed ? LONG_S : 1 + (int64_t)below(TOKEN_MOST_S);
    client->expires_ms = (world.now_ms / 1000 + token_life_s) * 1000;
    trace("client %d connects: %d/%d", client->number, client->restaurant, client->order);
    hub_session_open(&client->session, &world.hub, client, &target, "token");
    if (world.is_healed || !one_in(4))
        resume(client);
}

void clients_connect_one(void)
{
    struct hub_socket *client = &clients[below(CLIENTS)];
    if (client->is_connected)
        return;
    if (client->has_given_up || one_in(4)) { /* somebody else */
        *client = (struct hub_socket){.number = (int)(client - clients),
                                      .restaurant = (int)below(RESTAURANTS),
                                      .order = one_in(2) ? -1 : (int)below(ORDERS)};
        if (!newest_for(client))
            client->order = -1;
    }
    connect_again(client);
}

void clients_touch_one(void)
{
    struct hub_socket *client = &clients[below(CLIENTS)];
    if (!client->is_connected)
        return;
    if (one_in(10)) {
        client->is_cut = true;
    } else if (one_in(6)) {
        client->is_stalled = !client->is_stalled;
    } else if (!client->is_stalled) {
        if (!client->has_resumed && !client->close_code)
            resume(client);
        read_some(client, 1 + below(12));
    }
}

void clients_go_on(void)
{
    clients_flush();
    for (int i = 0; i < CLIENTS; i++) {
        struct hub_socket *client = &clients[i];
        client->is_stalled = false;
        if (!client->is_connected && !client->has_given_up)
            connect_again(client);
        if (client->is_connected && !client->has_resumed && !client->close_code)
            resume(client);
        if (client->is_connected)
            read_some(client, SIZE_MAX);
    }
    clients_flush();
}

/* --- the property --------------------------------------------------------------------------- */

void clients_check(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        const struct hub_socket *client = &clients[i];
        const struct row *newest = newest_for(client);
        if (client->has_given_up && (is_tablet(client) || newest))
            violated("client %d was told that its stream is not there", i);
        if (client->has_given_up)
            continue;
        if (!client->is_connected || !client->is_live)
            violated("client %d (%d/%d) waits for ever", i, client->restaurant, client->order);
        if (client->view != newest)
            violated("client %d (%d/%d) stands at %d of %d%s", i, client->restaurant, client->order,
                     (int)number_in_stream(client, client->view),
                     (int)number_in_stream(client, newest),
                     history_is_true(client->view) ? "" : ", in a history that was lost");
    }
}

void clients_begin(void)
{
    memset(clients, 0, sizeof clients);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].number = i;
        clients[i].restaurant = i % RESTAURANTS;
        clients[i].order = -1;
    }
}

void clients_end(void)
{
    for (int i = 0; i < CLIENTS; i++)
        disconnect(&clients[i]);
}
