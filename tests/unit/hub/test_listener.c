/* A real listener on a loopback port: what a connection has from it. */
#include "hub/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

struct accepted {
    struct hub_listener *listener;
    int descriptor;
};

static void on_accept(void *context, int descriptor)
{
    struct accepted *accepted = context;
    accepted->descriptor = descriptor;
    hub_listener_close(accepted->listener);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    return descriptor;
}

static int option(int descriptor, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(descriptor, level, name, &value, &size), 0);
    return value;
}

static void a_connection_inherits_the_options_of_its_listener(void **state)
{
    struct hub_listener listener = {0};
    struct accepted accepted = {&listener, -1};
    struct osy_error err = {0};
    uv_loop_t loop;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_true(hub_listener_open(&listener, &loop, "127.0.0.1:0", on_accept, &accepted, &err));
    int caller = connect_to(listener.port);
    uv_run(&loop, UV_RUN_DEFAULT);

    assert_int_not_equal(option(accepted.descriptor, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(option(accepted.descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
    /* The kernel doubles what it is asked for, and without being asked grants more than that. */
    assert_int_equal(option(accepted.descriptor, SOL_SOCKET, SO_SNDBUF), 2 * 65536);

    close(accepted.descriptor);
    close(caller);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_inherits_the_options_of_its_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
