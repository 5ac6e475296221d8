#include "tests/bench/fanout/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/buffer.h"
#include "shared/redis_common.h"

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

uint64_t bench_number(const char *name, const char *text, uint64_t least, uint64_t most)
{
    char *end = NULL;
    uint64_t number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number < least || number > most)
        bench_fail("--%s must be a number from %llu to %llu", name, (unsigned long long)least,
                   (unsigned long long)most);
    return number;
}

static int connect_blocking(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        bench_fail("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return descriptor;
}

static int unblock(int descriptor)
{
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0)
        bench_fail("O_NONBLOCK: %s", strerror(errno));
    return descriptor;
}

int bench_connect(uint16_t port)
{
    return unblock(connect_blocking(port));
}

static void log_in(int descriptor, const struct osy_redis_url *url)
{
    const char *argv[OSY_REDIS_AUTH_ARGUMENTS];
    struct osy_buffer command = OSY_BUFFER_INIT;
    char reply[64] = "";
    int argc = osy_redis_url_auth(url, argv);
    if (argc == 0)
        return;
    osy_buffer_printf(&command, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++)
        osy_buffer_printf(&command, "$%zu\r\n%s\r\n", strlen(argv[i]), argv[i]);
    if (send(descriptor, command.bytes, command.length, MSG_NOSIGNAL) < 0 ||
        recv(descriptor, reply, sizeof reply - 1, 0) <= 0 || reply[0] != '+')
        bench_fail("Redis refuses the password");
    osy_buffer_deinit(&command);
}

int bench_connect_redis(const char *text)
{
    struct osy_redis_url url = {0};
    struct osy_error err = {0};
    if (!osy_redis_url_parse(text, &url, &err))
        bench_fail("ORDERSYNC_REDIS_URL: %s", err.message);
    if (!url.host || strcmp(url.host, "127.0.0.1") != 0)
        bench_fail("ORDERSYNC_REDIS_URL must name 127.0.0.1");
    int descriptor = connect_blocking(url.port);
    log_in(descriptor, &url);
    osy_redis_url_deinit(&url);
    return unblock(descriptor);
}
