#include "loadtest/socket.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/frame.h"
#include "loadtest/http_reader.h"
#include "shared/alloc.h"
#include "shared/random.h"

#define READ_BYTES   65536
#define SUBPROTOCOL  "ordersync.v1"
#define CLOSE_NORMAL 1000

/*
 *   CONNECTING --TCP--> UPGRADING --101--> OPEN --close frame, either way--> ENDING --> CLOSED
 *   Any of them may go to CLOSED at once (failure, abort); CLOSED frees itself once libuv lets go.
 * ENDING has said everything and only waits for the peer's FIN.
 */
enum socket_state {
    SOCKET_CONNECTING = 0,
    SOCKET_UPGRADING,
    SOCKET_OPEN,
    SOCKET_ENDING,
    SOCKET_CLOSED,
};

struct load_socket {
    uv_tcp_t tcp;
    uv_connect_t connect;
    enum socket_state state;
    const struct load_endpoint *endpoint;      /* borrowed */
    const struct load_socket_handler *handler; /* borrowed; NULL once the owner has let go */
    void *context;                             /* borrowed */
    struct load_http_reader *upgrade;          /* owned; NULL once the socket is open */
    char *request;                             /* owned; the same */
    char accept[29];                           /* what the server has to answer */
    uint64_t heard_ms;
    struct load_frame_reader frames;
    struct load_socket *previous, *next; /* in the list of all that are not CLOSED */
};

static struct load_socket *all_sockets;
static char read_buffer[READ_BYTES]; /* one for all sockets: libuv reads and hands over at once */

static void set_state(struct load_socket *socket, enum socket_state state)
{
    assert(state > socket->state);
    socket->state = state;
}

static void on_closed(uv_handle_t *handle)
{
    struct load_socket *socket = handle->data;
    load_http_reader_destroy(socket->upgrade);
    load_frame_reader_deinit(&socket->frames);
    free(socket->request);
    free(socket);
}

static void close_handle(struct load_socket *socket)
{
    if (socket->state == SOCKET_CLOSED)
        return;
    set_state(socket, SOCKET_CLOSED);
    if (socket->previous)
        socket->previous->next = socket->next;
    else
        all_sockets = socket->next;
    if (socket->next)
        socket->next->previous = socket->previous;
    uv_close((uv_handle_t *)&socket->tcp, on_closed);
}

/* Tells the owner, once. */
static void report_close(struct load_socket *socket, int code, const char *detail,
                         uint32_t retry_after_s)
{
    const struct load_socket_handler *handler = socket->handler;
    socket->handler = NULL;
    if (handler)
        handler->on_close(socket->context, code, detail, retry_after_s);
}

static void fail(struct load_socket *socket, const char *detail)
{
    int code = socket->state < SOCKET_OPEN ? LOAD_CLOSE_FAILED : LOAD_CLOSE_ABNORMAL;
    close_handle(socket);
    report_close(socket, code, detail, 0);
}

struct write {
    uv_write_t request;
    struct osy_buffer bytes;
};

static void on_written(uv_write_t *request, int status)
{
    struct write *write = request->data;
    (void)status; /* a broken connection is reported by the read side */
    osy_buffer_deinit(&write->bytes);
    free(write);
}

/* Takes the bytes. Nearly every message goes out at once; the rest waits on the heap. */
static void write_bytes(struct load_socket *socket, struct osy_buffer *bytes)
{
    uv_buf_t out = uv_buf_init(bytes->bytes, (unsigned)bytes->length);
    int sent = uv_try_write((uv_stream_t *)&socket->tcp, &out, 1);
    if (sent == (int)bytes->length) {
        osy_buffer_deinit(bytes);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    struct write *write = osy_alloc(sizeof(*write));
    write->bytes = *bytes;
    write->request.data = write;
    out = uv_buf_init(write->bytes.bytes + done, (unsigned)(write->bytes.length - done));
    if (uv_write(&write->request, (uv_stream_t *)&socket->tcp, &out, 1, on_written)) {
        osy_buffer_deinit(&write->bytes);
        free(write);
    }
}

static void write_frame(struct load_socket *socket, enum load_opcode opcode, const void *payload,
                        size_t length)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    load_frame_append(&out, opcode, payload, length);
    write_bytes(socket, &out);
}

static void write_close(struct load_socket *socket, unsigned code)
{
    const unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};
    write_frame(socket, LOAD_OPCODE_CLOSE, payload, sizeof(payload));
    set_state(socket, SOCKET_ENDING);
}

static void on_close_frame(struct load_socket *socket, const char *bytes, size_t length)
{
    const unsigned char *in = (const unsigned char *)bytes;
    int code = length >= 2 ? in[0] << 8 | in[1] : 1005;
    char reason[128] = "";
    if (length > 2)
        memcpy(reason, bytes + 2, length - 2); /* a control frame has at most 125 bytes */
    write_close(socket, length >= 2 ? (unsigned)code : CLOSE_NORMAL);
    report_close(socket, code, reason, 0);
}

static bool on_message(void *context, enum load_opcode opcode, const char *bytes, size_t length)
{
    struct load_socket *socket = context;
    switch (opcode) {
    case LOAD_OPCODE_TEXT:
        if (socket->handler)
            socket->handler->on_text(socket->context, bytes, length);
        break;
    case LOAD_OPCODE_PING: write_frame(socket, LOAD_OPCODE_PONG, bytes, length); break;
    case LOAD_OPCODE_CLOSE: on_close_frame(socket, bytes, length); break;
    case LOAD_OPCODE_BINARY:
        write_close(socket, 1003);
        report_close(socket, LOAD_CLOSE_ABNORMAL, "the server sent a binary message", 0);
        break;
    case LOAD_OPCODE_CONTINUATION:
    case LOAD_OPCODE_PONG: break;
    }
    return socket->state == SOCKET_OPEN;
}

static void feed_frames(struct load_socket *socket, const char *bytes, size_t length)
{
    struct osy_error err = {0};
    if (load_frame_reader_feed(&socket->frames, bytes, length, on_message, socket, &err))
        return;
    write_close(socket, socket->frames.close_code);
    report_close(socket, LOAD_CLOSE_ABNORMAL, err.message, 0);
}

static void on_upgrade_reply(struct load_socket *socket, const struct load_http_reply *reply)
{
    if (reply->status != 101) {
        close_handle(socket);
        report_close(socket, reply->status, "the upgrade was refused", reply->retry_after_s);
        return;
    }
    if (strcmp(reply->websocket_accept, socket->accept) != 0) {
        fail(socket, "wrong Sec-WebSocket-Accept");
        return;
    }
    load_http_reader_destroy(socket->upgrade);
    socket->upgrade = NULL;
    set_state(socket, SOCKET_OPEN);
    socket->handler->on_open(socket->context);
}

static void feed_upgrade(struct load_socket *socket, const char *bytes, size_t length)
{
    const struct load_http_reply *reply;
    struct osy_error err = {0};
    size_t used;
    if (!load_http_reader_feed(socket->upgrade, bytes, length, &used, &reply, &err)) {
        fail(socket, err.message);
        return;
    }
    if (reply)
        on_upgrade_reply(socket, reply);
    if (socket->state == SOCKET_OPEN && used < length)
        feed_frames(socket, bytes + used, length - used);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct load_socket *socket = stream->data;
    socket->heard_ms = uv_now(stream->loop);
    if (length < 0)
        fail(socket, uv_strerror((int)length));
    else if (length > 0 && socket->state == SOCKET_UPGRADING)
        feed_upgrade(socket, buffer->base, (size_t)length);
    else if (length > 0 && socket->state == SOCKET_OPEN)
        feed_frames(socket, buffer->base, (size_t)length);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct load_socket *socket = request->handle->data;
    if (socket->state == SOCKET_CLOSED)
        return;
    if (!status)
        status = uv_read_start((uv_stream_t *)&socket->tcp, on_alloc, on_read);
    if (status) {
        fail(socket, uv_strerror(status));
        return;
    }
    set_state(socket, SOCKET_UPGRADING);
    struct osy_buffer bytes = OSY_BUFFER_INIT;
    osy_buffer_text(&bytes, socket->request);
    free(socket->request);
    socket->request = NULL;
    write_bytes(socket, &bytes);
}

/* The Sec-WebSocket-Key that we send, and the answer to it (RFC 6455 section 4.2.2, step 5.4). */
static void make_key(char key[25], char accept[29])
{
    unsigned char nonce[16], digest[EVP_MAX_MD_SIZE];
    char text[64];
    unsigned digest_length;
    osy_random_bytes(nonce, sizeof(nonce));
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
    int length = snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    EVP_Digest(text, (size_t)length, digest, &digest_length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)digest_length);
}

static char *make_request(struct load_socket *socket, const char *path, const char *bearer)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    char key[25];
    make_key(key, socket->accept);
    osy_buffer_printf(&out,
                      "GET %s%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n"
                      "Authorization: Bearer %s\r\n\r\n",
                      socket->endpoint->prefix, path, socket->endpoint->authority, key, SUBPROTOCOL,
                      bearer);
    return osy_buffer_take(&out, NULL);
}

/* Connecting could not even begin. The owner hears of it from the loop, as of every failure. */
static void on_stillborn(uv_handle_t *handle)
{
    struct load_socket *socket = handle->data;
    report_close(socket, LOAD_CLOSE_FAILED, "cannot create a socket", 0);
    on_closed(handle);
}

struct load_socket *load_socket_open(uv_loop_t *loop, const struct load_endpoint *endpoint,
                                     size_t slot, const char *path, const char *bearer,
                                     const struct load_socket_handler *handler, void *context)
{
    struct load_socket *socket = osy_alloc(sizeof(*socket));
    socket->endpoint = endpoint;
    socket->handler = handler;
    socket->context = context;
    socket->upgrade = load_http_reader_create();
    socket->request = make_request(socket, path, bearer);
    socket->tcp.data = socket;
    socket->heard_ms = uv_now(loop);
    load_frame_reader_init(&socket->frames);
    if (load_endpoint_connect(endpoint, loop, &socket->tcp, &socket->connect, slot, on_connect)) {
        set_state(socket, SOCKET_CLOSED);
        uv_close((uv_handle_t *)&socket->tcp, on_stillborn);
        return socket;
    }
    socket->next = all_sockets;
    if (all_sockets)
        all_sockets->previous = socket;
    all_sockets = socket;
    return socket;
}

void load_socket_send(struct load_socket *socket, const char *text, size_t length)
{
    if (socket->state == SOCKET_OPEN)
        write_frame(socket, LOAD_OPCODE_TEXT, text, length);
}

void load_socket_close(struct load_socket *socket)
{
    socket->handler = NULL;
    if (socket->state == SOCKET_OPEN)
        write_close(socket, CLOSE_NORMAL);
    else if (socket->state != SOCKET_ENDING)
        close_handle(socket);
}

void load_socket_abort(struct load_socket *socket)
{
    socket->handler = NULL;
    close_handle(socket);
}

void load_socket_abort_all(void)
{
    while (all_sockets)
        load_socket_abort(all_sockets);
}

void load_socket_pause(struct load_socket *socket)
{
    uv_read_stop((uv_stream_t *)&socket->tcp);
}

void load_socket_unpause(struct load_socket *socket)
{
    uv_read_start((uv_stream_t *)&socket->tcp, on_alloc, on_read);
}

enum load_peer load_socket_peer(const struct load_socket *socket)
{
    int fd = -1;
    return uv_fileno((const uv_handle_t *)&socket->tcp, &fd) ? LOAD_PEER_GONE : load_peer_ask(fd);
}

uint64_t load_socket_heard_ms(const struct load_socket *socket)
{
    return socket->heard_ms;
}
