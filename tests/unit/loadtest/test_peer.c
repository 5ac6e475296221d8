/* Asks the kernel about connections of the loopback, both of whose ends are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/peer.h"

struct pair {
    int listener, client, server;
};

static int set_up(void **state)
{
    static struct pair pair;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    pair.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(pair.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(pair.listener, 1), 0);
    assert_int_equal(getsockname(pair.listener, (struct sockaddr *)&address, &length), 0);
    pair.client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair.client, (struct sockaddr *)&address, sizeof(address)), 0);
    pair.server = accept(pair.listener, NULL, NULL);
    assert_true(pair.server >= 0);
    *state = &pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    close(pair->listener);
    close(pair->client);
    if (pair->server >= 0)
        close(pair->server);
    return 0;
}

static void close_server(struct pair *pair)
{
    close(pair->server);
    pair->server = -1;
}

static void a_held_end_is_seen(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(load_peer_ask(pair->client), LOAD_PEER_HELD);
    assert_int_equal(load_peer_ask(pair->server), LOAD_PEER_HELD);
}

static void a_closed_end_is_gone(void **state)
{
    struct pair *pair = *state;
    close_server(pair);
    assert_int_equal(load_peer_ask(pair->client), LOAD_PEER_GONE);
}

static void a_closed_end_is_gone_although_nobody_reads_what_it_sent(void **state)
{
    struct pair *pair = *state;
    char bytes[65536] = {0};
    while (send(pair->server, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(load_peer_ask(pair->client), LOAD_PEER_HELD);
    close_server(pair);
    assert_int_equal(load_peer_ask(pair->client), LOAD_PEER_GONE);
}

static void what_is_no_connection_is_unknown(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(load_peer_ask(ends[0]), LOAD_PEER_UNKNOWN);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_held_end_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_end_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_end_is_gone_although_nobody_reads_what_it_sent,
                                        set_up, tear_down),
        cmocka_unit_test(what_is_no_connection_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
