/*
 * The HTTP server with its service and worker pool, over loopback sockets. The server runs on a thread of
 * its own; the tests are blocking clients. They wait for what must come, with a safety limit that only a
 * broken server reaches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/context.h"
#include "api/http/request.h"
#include "api/http/server.h"
#include "api/http/service.h"
#include "api/http/workers.h"
#include "shared/metrics.h"

#define SAFETY_S    30
#define LARGE_BYTES (900u * 1024)

/* ---- the server ---- */

static struct fixture {
    uv_loop_t loop;
    uv_async_t call;
    pthread_t thread;
    struct api_context context;
    struct api_service *service;
    struct api_server *server;
    uint16_t port;
    void (*called)(void); /* runs on the loop, then posts done */
    sem_t done, drained;
    sem_t working, may_finish; /* of handle_work */
    struct api_request *later; /* loop: held by handle_later */
    sem_t held;
} it;

static void reply_text(struct api_request *request, const char *text)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, text);
    api_reply_bytes(request, 200, "text/plain", &body);
}

static void handle_echo(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    size_t length;
    const char *bytes = api_request_body(request, &length);
    (void)context;
    osy_buffer_char(&body, '[');
    osy_buffer_append(&body, bytes, length);
    osy_buffer_char(&body, ']');
    api_reply_bytes(request, 200, "text/plain", &body);
}

static void handle_param(struct api_context *context, struct api_request *request)
{
    (void)context;
    reply_text(request, api_request_param(request, "name"));
}

static void handle_client(struct api_context *context, struct api_request *request)
{
    (void)context;
    reply_text(request, api_request_client(request));
}

static void handle_large(struct api_context *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    (void)context;
    for (size_t i = 0; i < LARGE_BYTES / 16; i++)
        osy_buffer_text(&body, "0123456789abcdef");
    api_reply_bytes(request, 200, "text/plain", &body);
}

static void handle_later(struct api_context *context, struct api_request *request)
{
    (void)context;
    it.later = request;
    sem_post(&it.held);
}

static void handle_work(struct api_worker *worker, struct api_request *request)
{
    assert_ptr_equal(worker->context, &it.context);
    sem_post(&it.working);
    sem_wait(&it.may_finish);
    reply_text(request, "worked");
}

static const struct api_route routes[] = {
    {"GET", "/echo", API_PUBLIC, .on_loop = handle_echo},
    {"POST", "/echo", API_PUBLIC, .on_loop = handle_echo},
    {"GET", "/params/:name", API_PUBLIC, .on_loop = handle_param},
    {"GET", "/client", API_PUBLIC, .on_loop = handle_client},
    {"GET", "/large", API_PUBLIC, .on_loop = handle_large},
    {"GET", "/later", API_PUBLIC, .on_loop = handle_later},
    {"GET", "/work", API_PUBLIC, .on_worker = handle_work},
    {"GET", "/private", API_PERM_ORDER_READ, .on_loop = handle_echo},
    {0},
};
static const struct api_route *const tables[] = {routes, NULL};

static void on_call(uv_async_t *async)
{
    (void)async;
    it.called();
    sem_post(&it.done);
}

static void *run_loop(void *argument)
{
    (void)argument;
    uv_run(&it.loop, UV_RUN_DEFAULT);
    return NULL;
}

static void wait_for(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SAFETY_S;
    while (sem_timedwait(semaphore, &until) != 0)
        assert_int_equal(errno, EINTR);
}

static void on_loop(void (*function)(void))
{
    it.called = function;
    uv_async_send(&it.call);
    wait_for(&it.done);
}

static int start(uint32_t timeout_ms)
{
    struct api_server_options options = {
        .listen = "127.0.0.1:0",
        .limits = {.header_bytes = 16384,
                   .url_bytes = 4096,
                   .body_bytes = 65536,
                   .pipeline_max = 8,
                   .connections_max = 8,
                   .header_ms = timeout_ms,
                   .body_ms = timeout_ms,
                   .idle_ms = timeout_ms,
                   .write_ms = timeout_ms},
        .on_request = api_service_on_request,
    };
    memset(&it, 0, sizeof it);
    sem_init(&it.done, 0, 0);
    sem_init(&it.drained, 0, 0);
    sem_init(&it.working, 0, 0);
    sem_init(&it.may_finish, 0, 0);
    sem_init(&it.held, 0, 0);
    uv_loop_init(&it.loop);
    uv_async_init(&it.loop, &it.call, on_call);
    it.context.metrics = options.metrics = osy_metrics_create();
    it.context.workers[API_POOL_WORKERS] = api_workers_create(
        &it.loop,
        &(struct api_workers_options){.name = "test",
                                      .threads = 1,
                                      .queue_max = 1,
                                      .database_url = "postgresql://127.0.0.1:1/none",
                                      .context = &it.context},
        NULL);
    assert_non_null(it.context.workers[API_POOL_WORKERS]);
    it.service = api_service_create(
        &(struct api_service_options){.tables = tables,
                                      .context = &it.context,
                                      .workers = {it.context.workers[API_POOL_WORKERS]},
                                      .metrics = it.context.metrics});
    options.context = it.service;
    it.server = api_server_create(&it.loop, &options, NULL);
    assert_non_null(it.server);
    it.port = api_server_port(it.server);
    return pthread_create(&it.thread, NULL, run_loop, NULL);
}

/* No timeout comes into a test's way, however slow the machine. */
static int start_patient(void **state)
{
    (void)state;
    return start(SAFETY_S * 1000);
}

static int start_impatient(void **state)
{
    (void)state;
    return start(300);
}

static void close_all(void)
{
    api_server_destroy(it.server);
    api_workers_destroy(it.context.workers[API_POOL_WORKERS]);
    uv_close((uv_handle_t *)&it.call, NULL);
}

static int stop(void **state)
{
    (void)state;
    on_loop(close_all);
    pthread_join(it.thread, NULL);
    assert_int_equal(uv_loop_close(&it.loop), 0);
    api_service_destroy(it.service);
    osy_metrics_destroy(it.context.metrics);
    return 0;
}

/* ---- clients ---- */

static int try_connect(void)
{
    const struct timeval safety = {.tv_sec = SAFETY_S};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(it.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &safety, sizeof safety);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &safety, sizeof safety);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_client(void)
{
    int fd = try_connect();
    assert_true(fd >= 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t length = strlen(text);
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

/*
 * As recv. It may be interrupted without any signal: libuv 1.45 and later work with io_uring, whose
 * completions wake up every thread of the process.
 */
static ssize_t receive(int fd, void *bytes, size_t size)
{
    return TEMP_FAILURE_RETRY(recv(fd, bytes, size, 0));
}

/* Reads to the end of the stream; freed by the caller. */
static char *read_all(int fd)
{
    struct osy_buffer all = OSY_BUFFER_INIT;
    char piece[65536];
    ssize_t count;
    while ((count = receive(fd, piece, sizeof piece)) > 0)
        osy_buffer_append(&all, piece, (size_t)count);
    assert_int_equal(count, 0); /* an end, not a reset and not the safety limit */
    close(fd);
    return osy_buffer_take(&all, NULL);
}

/* Reads until text came; what came behind it is lost. */
static void read_until(int fd, const char *text)
{
    struct osy_buffer all = OSY_BUFFER_INIT;
    char byte;
    osy_buffer_reserve(&all, 1);
    while (!strstr(all.bytes, text)) {
        assert_int_equal(receive(fd, &byte, 1), 1);
        osy_buffer_char(&all, byte);
    }
    osy_buffer_deinit(&all);
}

static void assert_has(const char *reply, const char *text)
{
    if (!strstr(reply, text))
        fail_msg("'%s' is not in: %.2000s", text, reply);
}

/* Sends one request with `Connection: close` and demands that the reply has text. */
static void assert_reply(const char *head, const char *body, const char *text)
{
    int fd = connect_client();
    struct osy_buffer request = OSY_BUFFER_INIT;
    char *reply;
    osy_buffer_printf(&request, "%s\r\nHost: test\r\nConnection: close\r\n%s", head, body);
    send_text(fd, request.bytes);
    reply = read_all(fd);
    assert_has(reply, text);
    free(reply);
    osy_buffer_deinit(&request);
}

/* ---- the tests ---- */

static void service_answers_each_kind_of_request(void **state)
{
    (void)state;
    assert_reply("GET /echo HTTP/1.1", "\r\n", "HTTP/1.1 200 OK\r\n");
    assert_reply("HEAD /echo HTTP/1.1", "\r\n", "Content-Length: 2\r\n");
    assert_reply("GET /params/%ED%95%9C%2F HTTP/1.1", "\r\n", "\r\n\r\n\xed\x95\x9c/");
    assert_reply("GET /params/%FF HTTP/1.1", "\r\n", "\"code\":\"INVALID_REQUEST\"");
    assert_reply("GET /none HTTP/1.1", "\r\n", "\"code\":\"NOT_FOUND\"");
    assert_reply("PUT /echo HTTP/1.1", "\r\n", "Allow: GET, HEAD, POST\r\n");
    assert_reply("PUT /echo HTTP/1.1", "\r\n", "\"code\":\"METHOD_NOT_ALLOWED\"");
    assert_reply("GET /private HTTP/1.1", "\r\n", "WWW-Authenticate: Bearer\r\n");
    assert_reply("GET /private HTTP/1.1", "\r\n", "\"code\":\"UNAUTHENTICATED\"");
    assert_reply("GET /client HTTP/1.1", "X-Forwarded-For: 203.0.113.9\r\n\r\n",
                 "\r\n\r\n127.0.0.1");
    assert_reply("GET /echo HTTP/1.1", "X-Request-Id: my_id-1\r\n\r\n",
                 "X-Request-Id: my_id-1\r\n");
    assert_reply("POST /echo HTTP/1.1", "Content-Length: 2\r\n\r\n{}",
                 "\"code\":\"UNSUPPORTED_MEDIA_TYPE\"");
    assert_reply("POST /echo HTTP/1.1",
                 "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
                 "\r\n\r\n[{}]");
    assert_reply("POST /echo HTTP/1.1", "\r\n", "\r\n\r\n[]");
}

static void forged_request_id_is_replaced(void **state)
{
    int fd = connect_client();
    char *reply;
    (void)state;
    send_text(fd,
              "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: a b\r\n\r\n");
    reply = read_all(fd);
    assert_null(strstr(reply, "a b"));
    assert_has(reply, "X-Request-Id: ");
    free(reply);
}

static void pipelined_requests_are_answered_in_order_across_threads(void **state)
{
    int fd = connect_client();
    char *reply;
    (void)state;
    sem_post(&it.may_finish);
    send_text(fd, "GET /work HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /params/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    reply = read_all(fd);
    assert_true(strstr(reply, "worked") && strstr(reply, "[]") && strstr(reply, "last"));
    assert_true(strstr(reply, "worked") < strstr(reply, "[]"));
    assert_true(strstr(reply, "[]") < strstr(reply, "last"));
    free(reply);
}

static void full_worker_queue_answers_503(void **state)
{
    int working = connect_client(), waiting = connect_client(), refused = connect_client();
    (void)state;
    send_text(working, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&it.working);
    send_text(waiting,
              "GET /work HTTP/1.1\r\nHost: x\r\n\r\nGET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    send_text(refused, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(refused, "Retry-After: 1\r\n");
    read_until(refused, "\"code\":\"OVERLOADED\"");
    sem_post(&it.may_finish);
    sem_post(&it.may_finish);
    read_until(working, "worked");
    read_until(waiting, "worked");
    read_until(waiting, "\"code\":\"OVERLOADED\"");
    close(working);
    close(waiting);
    close(refused);
}

static void reply_later(void)
{
    reply_text(it.later, "later");
}

static void later_reply_reaches_its_client(void **state)
{
    int fd = connect_client();
    (void)state;
    send_text(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&it.held);
    on_loop(reply_later);
    read_until(fd, "later");
    close(fd);
}

static struct {
    size_t wanted;
    bool reached;
} connections;

static void look_at_connections(void)
{
    connections.reached = api_server_connections(it.server) == connections.wanted;
}

/* Asks the loop again and again; the safety limit is ctest's. */
static void wait_for_connections(size_t count)
{
    connections.wanted = count;
    do {
        on_loop(look_at_connections);
    } while (!connections.reached);
}

static void reset_connection(int fd)
{
    const struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void client_that_leaves_early_disturbs_nobody(void **state)
{
    int later = connect_client(), work = connect_client();
    (void)state;
    send_text(later, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    send_text(work, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&it.held);
    wait_for(&it.working);
    reset_connection(later);
    reset_connection(work);
    wait_for_connections(0);
    on_loop(reply_later);
    sem_post(&it.may_finish);
    assert_reply("GET /echo HTTP/1.1", "\r\n", "HTTP/1.1 200 OK\r\n");
}

static void slow_and_silent_clients_are_let_go(void **state)
{
    int silent = connect_client(), slow_head = connect_client(), slow_body = connect_client();
    int idle = connect_client();
    char *reply;
    (void)state;
    send_text(slow_head, "GET /echo HTTP/1.1\r\nHost:");
    send_text(slow_body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    send_text(idle, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    reply = read_all(silent);
    assert_string_equal(reply, "");
    free(reply);
    reply = read_all(slow_head);
    assert_has(reply, "HTTP/1.1 408 ");
    free(reply);
    reply = read_all(slow_body);
    assert_has(reply, "HTTP/1.1 408 ");
    free(reply);
    reply = read_all(idle);
    assert_has(reply, "HTTP/1.1 200 ");
    free(reply);
}

static void client_that_never_reads_is_cut_off(void **state)
{
    const int receive_bytes = 65536;
    int fd = connect_client();
    char byte;
    (void)state;
    /* Fixed: the kernel would let it grow until all eight replies fit. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes),
                     0);
    for (int i = 0; i < 8; i++)
        send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    /* Seen from the server: a client whose window is shut may not take the reset for one of its own. */
    assert_int_equal(receive(fd, &byte, 1), 1);
    wait_for_connections(0);
    close(fd);
}

static void slow_reader_gets_everything(void **state)
{
    int fd = connect_client();
    size_t total = 0;
    char piece[16384];
    ssize_t count;
    (void)state;
    for (int i = 0; i < 7; i++)
        send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    while ((count = receive(fd, piece, sizeof piece)) > 0)
        total += (size_t)count;
    assert_int_equal(count, 0);
    assert_true(total > 8 * LARGE_BYTES && total < 8 * LARGE_BYTES + 8 * 1024);
    close(fd);
}

static void refused_body_does_not_cost_the_client_its_reply(void **state)
{
    int fd = connect_client();
    char piece[65536];
    char *reply;
    (void)state;
    memset(piece, 'x', sizeof piece);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n");
    for (int i = 0; i < 16; i++) /* it did not wait for the answer */
        if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) < 0)
            break;
    shutdown(fd, SHUT_WR);
    reply = read_all(fd);
    assert_has(reply, "HTTP/1.1 413 ");
    assert_has(reply, "\"code\":\"BODY_TOO_LARGE\"");
    free(reply);
}

static void connections_over_the_limit_are_told(void **state)
{
    int held[8], refused;
    char *reply;
    (void)state;
    for (int i = 0; i < 8; i++) {
        held[i] = connect_client();
        send_text(held[i], "GET /echo HTTP/1.1\r\nHost: x\r\n");
    }
    wait_for_connections(8);
    refused = connect_client();
    send_text(refused, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    reply = read_all(refused);
    assert_has(reply, "HTTP/1.1 503 ");
    assert_has(reply, "Retry-After: 1\r\n");
    free(reply);
    for (int i = 0; i < 8; i++)
        close(held[i]);
    wait_for_connections(0);
    assert_reply("GET /echo HTTP/1.1", "\r\n", "HTTP/1.1 200 OK\r\n");
}

static void on_drained(void *context)
{
    (void)context;
    sem_post(&it.drained);
}

static void drain(void)
{
    api_server_drain(it.server, on_drained, NULL);
}

static void draining_finishes_what_is_in_flight_and_takes_nothing_new(void **state)
{
    int busy = connect_client(), idle = connect_client();
    char *reply;
    (void)state;
    send_text(idle, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(idle, "[]");
    send_text(busy, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&it.working);
    on_loop(drain);
    assert_int_equal(try_connect(), -1);
    reply = read_all(idle);
    assert_string_equal(reply, "");
    free(reply);
    sem_post(&it.may_finish);
    reply = read_all(busy);
    assert_has(reply, "worked");
    assert_has(reply, "Connection: close\r\n");
    free(reply);
    wait_for(&it.drained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(service_answers_each_kind_of_request, start_patient, stop),
        cmocka_unit_test_setup_teardown(forged_request_id_is_replaced, start_patient, stop),
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order_across_threads,
                                        start_patient, stop),
        cmocka_unit_test_setup_teardown(full_worker_queue_answers_503, start_patient, stop),
        cmocka_unit_test_setup_teardown(later_reply_reaches_its_client, start_patient, stop),
        cmocka_unit_test_setup_teardown(client_that_leaves_early_disturbs_nobody, start_patient,
                                        stop),
        cmocka_unit_test_setup_teardown(slow_and_silent_clients_are_let_go, start_impatient, stop),
        cmocka_unit_test_setup_teardown(client_that_never_reads_is_cut_off, start_impatient, stop),
        cmocka_unit_test_setup_teardown(slow_reader_gets_everything, start_patient, stop),
        cmocka_unit_test_setup_teardown(refused_body_does_not_cost_the_client_its_reply,
                                        start_patient, stop),
        cmocka_unit_test_setup_teardown(connections_over_the_limit_are_told, start_patient, stop),
        cmocka_unit_test_setup_teardown(draining_finishes_what_is_in_flight_and_takes_nothing_new,
                                        start_patient, stop),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
