#include "hub/socket.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hub/bucket.h"
#include "hub/descriptors.h"
#include "hub/hub.h"
#include "hub/listener.h"
#include "hub/messages.h"
#include "hub/outbox.h"
#include "hub/reply.h"
#include "hub/session.h"
#include "hub/upgrade.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/config.h"
#include "shared/log.h"
#include "shared/utf8.h"

enum {
    /* Bytes of payload in one RECEIVE; each socket owns such a buffer. */
    RX_BUFFER_BYTES = 128,
    /* With 0 a small rx_buffer_size would cap every write as well. */
    TX_PACKET_BYTES = 65536,
    WRITE_BYTES = 32768, /* gathered into one write */
    TURN_BYTES = 65536,  /* written to one socket in one turn, so that a replay starves nobody */
    HEADER_BYTES = 8192, /* all headers of a request; a token alone may have 4 KiB */
    HANDSHAKE_S = 5,
    LWS_LINES_PER_SECOND = 10, /* of libwebsockets' own log */
    CLOSE_NOW = -1,            /* what a callback returns to end its connection */
    KEEP = 0,
};

#define TOO_LONG "\x7f" /* stands for a header that did not fit its buffer; no rule accepts it */

/* Allocated (zeroed) and freed by libwebsockets, one per connection. server is NULL until the upgrade is
 * done: plain HTTP requests get one of these, too. */
struct hub_socket {
    struct hub_server *server; /* borrowed */
    struct lws *wsi;           /* borrowed */
    struct hub_session session;
    struct hub_outbox outbox;

    struct osy_buffer message; /* what has come of a message in several pieces */
    struct osy_utf8 utf8;
    unsigned fragments;

    const char *close_reason;
    uint16_t close_code; /* 0 until hub_socket_close */
    uint16_t peer_code;  /* of the client's close frame */
    bool is_handed_over; /* libwebsockets is closing it: nothing may be written any more */
    bool is_dirty;
    bool is_asked_for; /* a writable callback is on its way for something of ours */
    struct hub_socket *dirty_prev, *dirty_next;
    struct hub_socket *prev, *next;
};

struct hub_server {
    struct hub *hub; /* borrowed */
    struct lws_context *context;
    struct lws_vhost *sockets_vhost, *admin_vhost;
    uv_prepare_t before_sleep;
    char *origins; /* owned: config->allowed_origins and that of the public URL */
    struct hub_listener sockets_listener, admin_listener;
    struct hub_descriptors descriptors;
    struct hub_socket *sockets;    /* all that are established */
    struct hub_socket *dirty;      /* those with something to do before the loop sleeps */
    struct hub_socket *visit_next; /* NULL: the walk has visited all that there were */
    struct hub_bucket upgrades;    /* that are admitted */
    size_t socket_count, connection_count, admin_connection_count, queued_bytes;
    unsigned char gathered[WRITE_BYTES];
};

static struct hub_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* --- sending and closing -------------------------------------------------------------------- */

static void mark_dirty(struct hub_socket *socket)
{
    if (socket->is_dirty || socket->is_handed_over)
        return;
    socket->is_dirty = true;
    DL_APPEND2(socket->server->dirty, socket, dirty_prev, dirty_next);
}

static void unmark_dirty(struct hub_socket *socket)
{
    if (!socket->is_dirty)
        return;
    socket->is_dirty = false;
    DL_DELETE2(socket->server->dirty, socket, dirty_prev, dirty_next);
}

void hub_socket_send_latest(struct hub_socket *socket, enum hub_latest_kind kind,
                            const struct osy_uuid *restaurant_id, struct hub_frame *frame)
{
    if (socket->close_code)
        return;
    socket->server->queued_bytes -= hub_outbox_bytes(&socket->outbox);
    hub_outbox_put_latest(&socket->outbox, kind, restaurant_id, frame);
    socket->server->queued_bytes += hub_outbox_bytes(&socket->outbox);
    mark_dirty(socket);
}

bool hub_socket_has_room(const struct hub_socket *socket)
{
    const struct hub_config *config = socket->server->hub->config;
    return !socket->close_code && socket->outbox.count < (size_t)config->queue_messages / 2 &&
           socket->outbox.bytes < (size_t)config->queue_bytes / 2;
}

void hub_socket_drop_queue(struct hub_socket *socket)
{
    socket->server->queued_bytes -= hub_outbox_bytes(&socket->outbox);
    hub_outbox_clear(&socket->outbox);
}

void hub_socket_close(struct hub_socket *socket, uint16_t code, const char *reason, bool drop_queue)
{
    if (socket->close_code)
        return;
    socket->close_code = code;
    socket->close_reason = reason;
    if (drop_queue)
        hub_socket_drop_queue(socket);
    mark_dirty(socket);
}

void hub_socket_kill(struct hub_socket *socket)
{
    if (!socket->wsi)
        return;
    socket->is_handed_over = true;
    unmark_dirty(socket);
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    /* The list of timeouts is looked at only after an event of libwebsockets' own. */
    lws_cancel_service(socket->server->context);
}

static void count_written(struct hub_server *server, const struct hub_frame *frame, int64_t now_ms)
{
    if (!frame->is_event)
        return;
    osy_metric_inc(server->hub->metrics.events_delivered);
    osy_metric_observe(server->hub->metrics.commit_to_write_seconds,
                       (double)(now_ms - frame->committed_ms) / 1e3);
}

static struct hub_frame *take_frame(struct hub_socket *socket, int64_t now_ms)
{
    struct hub_frame *frame = hub_outbox_pop(&socket->outbox);
    socket->server->queued_bytes -= frame->length;
    count_written(socket->server, frame, now_ms);
    return frame;
}

/*
 * LWS_WRITE_HTTP sends bytes as they are also on a WebSocket, many finished frames in one call; what the
 * kernel does not take, libwebsockets keeps and sends when it can. Returns the number of bytes, 0 when
 * there was nothing, -1 when the connection is broken.
 */
static int write_some(struct hub_socket *socket, int64_t now_ms)
{
    unsigned char *gathered = socket->server->gathered;
    size_t length = 0;
    struct hub_frame *next = hub_outbox_peek(&socket->outbox);
    if (!next)
        return 0;
    if (hub_outbox_frames(&socket->outbox) == 1 ||
        next->length > WRITE_BYTES) { /* no need to copy */
        struct hub_frame *frame = take_frame(socket, now_ms);
        int written = lws_write(socket->wsi, frame->bytes, frame->length, LWS_WRITE_HTTP);
        hub_frame_unref(frame);
        return written;
    }
    while (next && length + next->length <= WRITE_BYTES) {
        struct hub_frame *frame = take_frame(socket, now_ms);
        memcpy(gathered + length, frame->bytes, frame->length);
        length += frame->length;
        hub_frame_unref(frame);
        next = hub_outbox_peek(&socket->outbox);
    }
    return lws_write(socket->wsi, gathered, length, LWS_WRITE_HTTP);
}

/* A client is slow when its connection takes no more, not when much has come up within one turn. */
static void make_room(struct hub_socket *socket)
{
    int64_t now_ms = osy_clock_wall_ms();
    int written = 1;
    hub_session_judge_queue(&socket->session);
    while (written > 0 && !lws_partial_buffered(socket->wsi))
        written = write_some(socket, now_ms);
    if (written < 0)
        hub_socket_kill(socket);
}

static bool push(struct hub_socket *socket, struct hub_frame *frame)
{
    const struct hub_config *config = socket->server->hub->config;
    return hub_outbox_push(&socket->outbox, frame, (size_t)config->queue_messages,
                           (size_t)config->queue_bytes);
}

bool hub_socket_send(struct hub_socket *socket, struct hub_frame *frame)
{
    if (socket->close_code || socket->is_handed_over)
        return true;
    if (!push(socket, frame)) {
        make_room(socket);
        if (socket->close_code) /* the right to what waited has ended */
            return true;
        if (!push(socket, frame))
            return false;
    }
    socket->server->queued_bytes += frame->length;
    mark_dirty(socket);
    return true;
}

/* Writes what is queued, as far as the connection takes it. False when it is broken. */
static bool flush(struct hub_socket *socket)
{
    int64_t now_ms = osy_clock_wall_ms();
    int written = 0;
    hub_session_judge_queue(&socket->session);
    for (int total = 0; total < TURN_BYTES; total += written) {
        if (lws_partial_buffered(socket->wsi)) {
            socket->is_asked_for = true;
            return true; /* the writable callback follows by itself */
        }
        if (hub_outbox_frames(&socket->outbox) == 0)
            hub_session_pump(&socket->session);
        written = write_some(socket, now_ms);
        if (written < 0)
            return false;
        if (written == 0)
            break;
    }
    if (hub_outbox_frames(&socket->outbox) > 0 || socket->close_code || written > 0) {
        socket->is_asked_for = true;
        lws_callback_on_writable(socket->wsi); /* go on, or close, from there */
    }
    return true;
}

static void on_before_sleep(uv_prepare_t *handle)
{
    struct hub_server *server = handle->data;
    struct hub_socket *socket;
    while ((socket = server->dirty)) {
        unmark_dirty(socket);
        if (!socket->is_handed_over && !flush(socket))
            hub_socket_kill(socket);
    }
    hub_stages_note_written(&server->hub->stages, &server->hub->metrics);
    osy_metric_set(server->hub->metrics.queue_bytes, (double)server->queued_bytes);
}

/* libwebsockets answers pings by itself and tells nobody; but it calls after each pong, and that is how a
 * client that does nothing but ping is noticed. Pings that are answered together count as one. */
static int on_writable(struct hub_socket *socket)
{
    unmark_dirty(socket);
    if (socket->is_handed_over)
        return KEEP;
    if (!socket->is_asked_for)
        hub_session_note_ping(&socket->session);
    socket->is_asked_for = false;
    if (!flush(socket))
        return CLOSE_NOW;
    bool is_flushed = hub_outbox_frames(&socket->outbox) == 0 && !lws_partial_buffered(socket->wsi);
    if (!socket->close_code || !is_flushed)
        return KEEP;
    /* With bytes still buffered libwebsockets would cut the connection without a close frame. */
    socket->is_handed_over = true;
    unmark_dirty(socket);
    if (socket->close_code == HUB_CLOSE_LOST)
        return CLOSE_NOW;
    lws_close_reason(socket->wsi, (enum lws_close_status)socket->close_code,
                     (unsigned char *)socket->close_reason, strlen(socket->close_reason));
    return CLOSE_NOW;
}

/* --- receiving ------------------------------------------------------------------------------ */

static void finish_message(struct hub_socket *socket, const char *bytes, size_t length)
{
    if (osy_utf8_complete(&socket->utf8))
        hub_session_receive(&socket->session, bytes, length);
    else
        hub_session_refuse(&socket->session, HUB_CLOSE_BAD_UTF8, "utf8");
    socket->utf8 = (struct osy_utf8){0};
    socket->fragments = 0;
    osy_buffer_deinit(&socket->message);
}

/* A piece of a message: limits first, then the bytes. */
static int on_receive(struct hub_socket *socket, const char *bytes, size_t length)
{
    struct lws *wsi = socket->wsi;
    struct hub_session *session = &socket->session;
    if (socket->close_code)
        return KEEP;
    size_t remaining = lws_remaining_packet_payload(wsi);
    bool is_message_end = lws_is_final_fragment(wsi);

    if (lws_get_reserved_bits(wsi)) { /* built without extensions, libwebsockets lets RSV1 pass */
        hub_session_refuse(session, HUB_CLOSE_PROTOCOL_ERROR, "reserved_bits");
    } else if (lws_frame_is_binary(wsi)) {
        hub_session_refuse(session, HUB_CLOSE_BINARY, "binary");
    } else if (remaining > HUB_MESSAGE_MAX_BYTES ||
               socket->message.length + length + remaining > HUB_MESSAGE_MAX_BYTES) {
        hub_session_refuse(session, HUB_CLOSE_TOO_BIG, "too_big");
    } else if (remaining == 0 && ++socket->fragments > HUB_MESSAGE_MAX_FRAGMENTS) {
        hub_session_refuse(session, HUB_CLOSE_BROKE_RULE, "fragments");
    } else if (!osy_utf8_feed(&socket->utf8, bytes, length)) {
        hub_session_refuse(session, HUB_CLOSE_BAD_UTF8, "utf8");
    } else if (is_message_end && socket->message.length == 0) {
        finish_message(socket, bytes, length);
    } else {
        osy_buffer_append(&socket->message, bytes, length);
        if (is_message_end)
            finish_message(socket, socket->message.bytes, socket->message.length);
    }
    return KEEP;
}

/* libwebsockets lets a payload of one byte and codes of 5000 and more pass (RFC 6455 section 7.4). */
static int on_peer_close(struct hub_socket *socket, const unsigned char *payload, size_t length)
{
    uint16_t code = 1005; /* "no code was there" */
    uint16_t answer = 0;
    if (length >= 2)
        code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (length == 1 || (length >= 2 && (code < 1000 || code >= 5000)))
        answer = HUB_CLOSE_PROTOCOL_ERROR;
    else if (length > 2 && !osy_utf8_valid((const char *)payload + 2, length - 2))
        answer = HUB_CLOSE_BAD_UTF8;
    socket->is_handed_over = true;
    unmark_dirty(socket);
    socket->peer_code = answer ? answer : code;
    if (!answer)
        return KEEP; /* it is echoed */
    lws_close_reason(socket->wsi, (enum lws_close_status)answer, NULL, 0);
    return CLOSE_NOW;
}

/* --- upgrades ------------------------------------------------------------------------------- */

/* NULL when the header is absent. */
static const char *copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int size)
{
    if (lws_hdr_total_length(wsi, token) == 0)
        return NULL;
    return lws_hdr_copy(wsi, out, size, token) >= 0 ? out : TOO_LONG;
}

/* The query, when it has one argument; lws_hdr_copy logs each one that it joins. */
static const char *copy_query(struct lws *wsi, char *out, int size)
{
    char second[4];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) == 0)
        return NULL;
    if (lws_hdr_copy_fragment(wsi, second, sizeof second, WSI_TOKEN_HTTP_URI_ARGS, 1) > 0)
        return TOO_LONG;
    return lws_hdr_copy_fragment(wsi, out, size, WSI_TOKEN_HTTP_URI_ARGS, 0) > 0 ? out : TOO_LONG;
}

struct request {
    int method; /* LWSHUMETH_... */
    char path[128], query[64], http_version[16], host[256], upgrade[32], connection[128], key[32],
        version[8], protocols[128], origin[512];
};

static void read_path(struct lws *wsi, struct request *request)
{
    char *uri = NULL;
    int length = 0;
    request->method = lws_http_get_uri_and_method(wsi, &uri, &length);
    if (request->method >= 0 && length >= 0 && (size_t)length < sizeof request->path)
        memcpy(request->path, uri, (size_t)length);
}

static bool check_request(struct hub_server *server, struct lws *wsi, struct request *request,
                          struct hub_target *target, struct hub_refusal *refusal)
{
    *request = (struct request){0};
    read_path(wsi, request);
#define HEADER(token, field) copy_header(wsi, token, request->field, (int)sizeof request->field)
    struct hub_upgrade upgrade = {
        .is_get = request->method == LWSHUMETH_GET,
        .path = request->path,
        .query = copy_query(wsi, request->query, (int)sizeof request->query),
        .http_version = HEADER(WSI_TOKEN_HTTP, http_version),
        .host = HEADER(WSI_TOKEN_HOST, host),
        .upgrade = HEADER(WSI_TOKEN_UPGRADE, upgrade),
        .connection = HEADER(WSI_TOKEN_CONNECTION, connection),
        .key = HEADER(WSI_TOKEN_KEY, key),
        .version = HEADER(WSI_TOKEN_VERSION, version),
        .protocols = HEADER(WSI_TOKEN_PROTOCOL, protocols),
        .origin = HEADER(WSI_TOKEN_ORIGIN, origin),
        .has_body = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 ||
                    lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0,
    };
#undef HEADER
    return hub_upgrade_check(&upgrade, server->origins, target, refusal);
}

/* Whether the hub takes one more socket now; if not, why. */
static bool has_place(const struct hub_server *server, struct hub_refusal *refusal)
{
    const struct hub *hub = server->hub;
    const char *reason = NULL;
    if (hub->phase == HUB_DRAINING)
        reason = "draining";
    else if (hub->is_blind)
        reason = "revocations_unknown";
    else if (server->socket_count >= server->descriptors.sockets)
        reason = "full";
    *refusal = (struct hub_refusal){503, reason};
    return reason == NULL;
}

/* When all come back at once, opening their sockets must not take the time of those that are open. */
static bool is_in_time(struct hub_server *server, struct hub_refusal *refusal)
{
    int64_t per_second = server->hub->config->upgrades_per_second;
    *refusal = (struct hub_refusal){503, "rate"};
    return hub_bucket_take(&server->upgrades, per_second, per_second, osy_clock_monotonic_ms());
}

/* Answers and ends the connection: keep-alive before an upgrade was a use-after-free once. */
static int answer(struct lws *wsi, struct osy_buffer *reply)
{
    (void)lws_write(wsi, (unsigned char *)reply->bytes, reply->length, LWS_WRITE_HTTP_HEADERS);
    osy_buffer_deinit(reply);
    return CLOSE_NOW;
}

static int refuse(struct hub_server *server, struct lws *wsi, const struct hub_refusal *refusal,
                  bool is_head)
{
    struct osy_buffer reply = OSY_BUFFER_INIT;
    hub_metrics_count(server->hub->metrics.upgrades_refused, refusal->reason);
    OSY_DEBUG("upgrade_refused", OSY_INT("status", refusal->status),
              OSY_STR("reason", refusal->reason));
    hub_reply_refuse(&reply, refusal, is_head);
    return answer(wsi, &reply);
}

/* Both a request for an upgrade and a plain one come here; the latter is refused in any case. */
static int on_request(struct hub_server *server, struct lws *wsi)
{
    struct request request;
    struct hub_target target;
    struct hub_refusal refusal;
    if (check_request(server, wsi, &request, &target, &refusal) && has_place(server, &refusal) &&
        is_in_time(server, &refusal))
        return KEEP;
    return refuse(server, wsi, &refusal, request.method == LWSHUMETH_HEAD);
}

static int on_established(struct hub_server *server, struct hub_socket *socket, struct lws *wsi)
{
    struct request request;
    struct hub_target target;
    struct hub_refusal refusal;
    if (!check_request(server, wsi, &request, &target, &refusal) || !has_place(server, &refusal))
        return CLOSE_NOW; /* filled up since the upgrade was confirmed */
    char authorization[OSY_JWT_MAX + 64];
    const char *value =
        copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization, (int)sizeof authorization);
    const char *token = NULL;
    if (value) {
        token = hub_bearer_token(value);
        if (!token)
            token = ""; /* there is a header, but no token in it: refused like a bad token */
    }
    socket->server = server;
    socket->wsi = wsi;
    DL_APPEND(server->sockets, socket);
    if (!server->visit_next)
        server->visit_next = socket;
    server->socket_count++;
    hub_session_open(&socket->session, server->hub, socket, &target, token);
    return KEEP;
}

static int on_closed(struct hub_socket *socket)
{
    struct hub_server *server = socket->server;
    if (!server)
        return KEEP;
    hub_session_detach(&socket->session, socket->peer_code ? socket->peer_code : HUB_CLOSE_LOST);
    unmark_dirty(socket);
    hub_socket_drop_queue(socket);
    osy_buffer_deinit(&socket->message);
    if (server->visit_next == socket)
        server->visit_next = socket->next;
    DL_DELETE(server->sockets, socket);
    server->socket_count--;
    socket->is_handed_over = true;
    socket->server = NULL;
    socket->wsi = NULL;
    return KEEP;
}

static int on_lws_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t length)
{
    struct hub_server *server = server_of(wsi);
    struct hub_socket *socket = user;
    switch (reason) {
    case LWS_CALLBACK_WSI_CREATE: server->connection_count++; return KEEP;
    case LWS_CALLBACK_WSI_DESTROY: server->connection_count--; return KEEP;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_FILTER_HTTP_CONNECTION: return on_request(server, wsi);
    case LWS_CALLBACK_ESTABLISHED: return on_established(server, socket, wsi);
    case LWS_CALLBACK_RECEIVE: return on_receive(socket, in, length);
    case LWS_CALLBACK_RECEIVE_PONG: hub_session_hear(&socket->session); return KEEP;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(socket, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE: return on_writable(socket);
    case LWS_CALLBACK_CLOSED: return on_closed(socket);
    case LWS_CALLBACK_RAW_ADOPT: /* CONNECT asks for a tunnel */
    case LWS_CALLBACK_RAW_RX: return CLOSE_NOW;
    default: return KEEP;
    }
}

static int on_admin_request(struct hub_server *server, struct lws *wsi)
{
    struct request request = {0};
    struct osy_buffer reply = OSY_BUFFER_INIT;
    read_path(wsi, &request);
    bool is_head = request.method == LWSHUMETH_HEAD;
    hub_admin_answer(server->hub, request.path, is_head || request.method == LWSHUMETH_GET, is_head,
                     &reply);
    return answer(wsi, &reply);
}

static int on_admin_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t length)
{
    (void)user, (void)in, (void)length;
    struct hub_server *server = server_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_WSI_CREATE: server->admin_connection_count++; return KEEP;
    case LWS_CALLBACK_WSI_DESTROY: server->admin_connection_count--; return KEEP;
    case LWS_CALLBACK_FILTER_HTTP_CONNECTION: return on_admin_request(server, wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX: return CLOSE_NOW;
    default: return KEEP;
    }
}

/* --- the server ----------------------------------------------------------------------------- */

static const struct lws_protocols socket_protocols[] = {
    {.name = HUB_SUBPROTOCOL,
     .callback = on_lws_event,
     .per_session_data_size = sizeof(struct hub_socket),
     .rx_buffer_size = RX_BUFFER_BYTES,
     .tx_packet_size = TX_PACKET_BYTES},
    LWS_PROTOCOL_LIST_TERM,
};

static const struct lws_protocols admin_protocols[] = {
    {.name = "admin", .callback = on_admin_event, .tx_packet_size = TX_PACKET_BYTES},
    LWS_PROTOCOL_LIST_TERM,
};

/* Peers can provoke these lines: a few a second are enough to see that something is wrong. */
static void on_lws_line(int level, const char *line)
{
    static int64_t second;
    static int lines;
    int64_t now_s = osy_clock_monotonic_ms() / 1000;
    if (now_s != second) {
        second = now_s;
        lines = 0;
    }
    if (lines++ >= LWS_LINES_PER_SECOND)
        return;
    char text[200];
    size_t length = strcspn(line, "\n");
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1),
             line);
    if (level == LLL_ERR)
        OSY_WARN("lws", OSY_STR("line", text));
    else
        OSY_DEBUG("lws", OSY_STR("line", text));
}

/*
 * A policy of libwebsockets' own would keep a sorted list: 200 us for each of ten thousand sockets. Static,
 * because it keeps the pointer.
 */
static const lws_retry_bo_t no_policy;

/* port: one of those that mean "none", as hub/listener.h accepts. Each host needs its own, because by it, and by
 * the Host header only among those that share it, libwebsockets chooses the host of a request. */
static struct lws_vhost *make_vhost(struct hub_server *server, const char *name, int port,
                                    const struct lws_protocols *protocols, struct osy_error *err)
{
    struct lws_vhost *vhost =
        lws_create_vhost(server->context, &(struct lws_context_creation_info){
                                              .port = port,
                                              .protocols = protocols,
                                              .vhost_name = name,
                                              .retry_and_idle_policy = &no_policy,
                                          });
    if (!vhost)
        osy_error_set(err, OSY_ERR_IO, "cannot create the libwebsockets host '%s'", name);
    return vhost;
}

/* libwebsockets' table of connections ends at the limit that we began with, also when it was raised since. */
static void on_connection(void *context, int descriptor)
{
    struct hub_server *server = context;
    if (server->connection_count >= server->descriptors.connections ||
        (size_t)descriptor >= server->descriptors.limit || hub_descriptors_are_short(descriptor)) {
        hub_metrics_count(server->hub->metrics.upgrades_refused, "descriptors");
        hub_listener_turn_away(descriptor);
        return;
    }
    (void)lws_adopt_socket_vhost(server->sockets_vhost, descriptor); /* closes it when it cannot */
}

static void on_admin_connection(void *context, int descriptor)
{
    struct hub_server *server = context;
    if (server->admin_connection_count >= HUB_DESCRIPTORS_ADMIN ||
        (size_t)descriptor >= server->descriptors.limit)
        hub_listener_turn_away(descriptor);
    else
        (void)lws_adopt_socket_vhost(server->admin_vhost, descriptor);
}

/* The origin of a URL is what precedes its path. */
static char *join_origins(const struct hub_config *config)
{
    struct osy_buffer origins = OSY_BUFFER_INIT;
    const char *scheme_end = strstr(config->public_url, "://");
    size_t length = scheme_end ? (size_t)(scheme_end - config->public_url) + 3 : 0;
    length += strcspn(config->public_url + length, "/");
    osy_buffer_append(&origins, config->public_url, length);
    osy_buffer_char(&origins, ',');
    osy_buffer_text(&origins, config->allowed_origins);
    return osy_buffer_take(&origins, NULL);
}

static bool make_context(struct hub_server *server, struct osy_error *err)
{
    void *loops[] = {server->hub->loop};
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_line);
    server->context = lws_create_context(&(struct lws_context_creation_info){
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .foreign_loops = loops,
        .user = server,
        .max_http_header_data = HEADER_BYTES,
        .timeout_secs = HANDSHAKE_S,
        .timeout_secs_ah_idle = HANDSHAKE_S,
        .fd_limit_per_thread = (unsigned)server->descriptors.limit,
        .retry_and_idle_policy = &no_policy,
    });
    if (!server->context)
        return osy_error_set(err, OSY_ERR_IO, "cannot create the libwebsockets context");
    server->admin_vhost = make_vhost(server, "admin", CONTEXT_PORT_NO_LISTEN, admin_protocols, err);
    server->sockets_vhost =
        make_vhost(server, "sockets", CONTEXT_PORT_NO_LISTEN_SERVER, socket_protocols, err);
    return server->admin_vhost && server->sockets_vhost;
}

static bool claim_descriptors(struct hub_server *server, struct osy_error *err)
{
    size_t wanted = (size_t)server->hub->config->sockets_max;
    if (!hub_descriptors_claim(wanted, &server->descriptors, err))
        return false;
    if (server->descriptors.sockets < wanted)
        OSY_WARN("sockets_limited_by_open_files", OSY_INT("open_files", server->descriptors.limit),
                 OSY_INT("sockets", server->descriptors.sockets), OSY_INT("wanted", wanted));
    return true;
}

static bool open_listeners(struct hub_server *server, struct osy_error *err)
{
    const struct hub_config *config = server->hub->config;
    uv_loop_t *loop = server->hub->loop;
    return hub_listener_open(&server->admin_listener, loop, config->admin_listen,
                             on_admin_connection, server, err) &&
           hub_listener_open(&server->sockets_listener, loop, config->listen, on_connection, server,
                             err);
}

bool hub_server_create(struct hub *hub, struct osy_error *err)
{
    struct hub_server *server = osy_alloc(sizeof *server);
    hub->server = server;
    server->hub = hub;
    server->origins = join_origins(hub->config);
    hub_bucket_init(&server->upgrades, hub->config->upgrades_per_second, osy_clock_monotonic_ms());
    uv_prepare_init(hub->loop, &server->before_sleep);
    server->before_sleep.data = server;
    uv_prepare_start(&server->before_sleep, on_before_sleep);
    return claim_descriptors(server, err) && make_context(server, err) &&
           open_listeners(server, err);
}

void hub_server_destroy(struct hub_server *server)
{
    if (!server)
        return;
    uv_close((uv_handle_t *)&server->before_sleep, NULL);
    hub_listener_close(&server->admin_listener);
    hub_listener_close(&server->sockets_listener);
    if (server->context)
        lws_context_destroy(server->context);
}

void hub_server_free(struct hub_server *server)
{
    if (!server)
        return;
    if (server->context)
        lws_context_destroy(
            server->context); /* on a foreign loop the end is left to a second call */
    free(server->origins);
    free(server);
}

size_t hub_server_socket_count(const struct hub_server *server)
{
    return server->socket_count;
}

uint16_t hub_server_port(const struct hub_server *server)
{
    return server->sockets_listener.port;
}

uint16_t hub_server_admin_port(const struct hub_server *server)
{
    return server->admin_listener.port;
}

void hub_server_visit_from_start(struct hub_server *server)
{
    server->visit_next = server->sockets;
}

void hub_server_visit(struct hub_server *server, size_t count, hub_server_visit_fn visit)
{
    while (count > 0 && server->visit_next) {
        struct hub_socket *socket = server->visit_next;
        server->visit_next = socket->next;
        if (socket->close_code)
            continue;
        visit(&socket->session);
        count--;
    }
}
