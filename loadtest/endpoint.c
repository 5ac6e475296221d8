#include "loadtest/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

/* Linux has 28,232 ephemeral ports, but connect() takes every second one first: once most of that half are in use, each
 * socket has it look through thousands. */
#define SLOTS_PER_SOURCE 5000u

static bool resolve(struct load_endpoint *endpoint, const char *host, const char *port,
                    struct osy_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code)
        return osy_error_set(err, OSY_ERR_IO, "cannot resolve %s: %s", host, gai_strerror(code));
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* host[:port] or [v6][:port], taken apart in place. */
static void split_authority(char *authority, char **host, char **port)
{
    *host = authority;
    char *behind = authority;
    if (*authority == '[' && strchr(authority, ']')) {
        *host = authority + 1;
        behind = strchr(authority, ']');
        *behind++ = '\0';
    }
    char *colon = strrchr(behind, ':');
    *port = colon ? colon + 1 : NULL;
    if (colon)
        *colon = '\0';
}

bool load_endpoint_parse(struct load_endpoint *endpoint, const char *scheme, const char *url,
                         struct osy_error *err)
{
    size_t scheme_length = strlen(scheme);
    if (strncmp(url, scheme, scheme_length) != 0 || strncmp(url + scheme_length, "://", 3) != 0)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must begin with %s://", url, scheme);
    const char *rest = url + scheme_length + 3;
    size_t authority_length = strcspn(rest, "/?#");
    const char *path = rest + authority_length;
    size_t path_length = strlen(path);
    while (path_length > 0 && path[path_length - 1] == '/')
        path_length--;
    if (authority_length == 0 || authority_length >= sizeof(endpoint->authority) ||
        path_length >= sizeof(endpoint->prefix))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' is not a URL that we can use", url);
    *endpoint = (struct load_endpoint){0};
    memcpy(endpoint->authority, rest, authority_length);
    memcpy(endpoint->prefix, path, path_length);

    char parts[sizeof(endpoint->authority)];
    memcpy(parts, endpoint->authority, sizeof(parts));
    char *host, *port;
    split_authority(parts, &host, &port);
    return resolve(endpoint, host, port ? port : "80", err);
}

static bool is_loopback(const struct load_endpoint *endpoint)
{
    return endpoint->address.any.sa_family == AF_INET &&
           ntohl(endpoint->address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* 127.0.0.(1 + slot / 5,000). The port is chosen at connect, so one port serves many destinations. */
static int bind_source(uv_tcp_t *tcp, size_t slot)
{
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(slot / SLOTS_PER_SOURCE % 250)),
    };
    int fd = -1, on = 1;
    int code = uv_fileno((const uv_handle_t *)tcp, &fd);
    if (code)
        return code;
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)))
        return uv_translate_sys_error(errno);
    return uv_tcp_bind(tcp, (const struct sockaddr *)&source, 0);
}

int load_endpoint_connect(const struct load_endpoint *endpoint, uv_loop_t *loop, uv_tcp_t *tcp,
                          uv_connect_t *request, size_t slot, uv_connect_cb on_connect)
{
    int code = uv_tcp_init_ex(loop, tcp, endpoint->address.any.sa_family);
    if (code) { /* out of descriptors: leave a handle that can be closed */
        uv_tcp_init(loop, tcp);
        return code;
    }
    uv_tcp_nodelay(tcp, 1);
    int receive_bytes = endpoint->receive_bytes;
    if (receive_bytes > 0)
        uv_recv_buffer_size((uv_handle_t *)tcp, &receive_bytes);
    if (is_loopback(endpoint) && slot >= SLOTS_PER_SOURCE)
        code = bind_source(tcp, slot);
    return code ? code : uv_tcp_connect(request, tcp, &endpoint->address.any, on_connect);
}
