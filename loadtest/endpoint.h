/*
 * Where the edge is: the address behind EDGE_URL or WS_URL, resolved once at the start, because the
 * resolver blocks. One local address has about 28,000 ports towards one server, so connections to
 * the loopback go out from 127.0.0.1, .2, .3 ... by the caller's slot number.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "shared/error.h"

struct load_endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    char authority[256]; /* host[:port], for the Host header */
    char prefix[256];    /* the path in the URL, without a slash at its end */
    int receive_bytes;   /* of each connection's buffer in the kernel; 0: as the system likes */
};

/* scheme: "http" or "ws"; others, TLS among them, are OSY_ERR_INVALID. Blocks while it resolves. */
OSY_MUST_CHECK bool load_endpoint_parse(struct load_endpoint *endpoint, const char *scheme,
                                        const char *url, struct osy_error *err);
/*
 * Initialises tcp and begins to connect. slot is any number that spreads: the n-th socket of its kind.
 * 0, or a libuv error; tcp is then initialised and has to be closed in any case.
 */
int load_endpoint_connect(const struct load_endpoint *endpoint, uv_loop_t *loop, uv_tcp_t *tcp,
                          uv_connect_t *request, size_t slot, uv_connect_cb on_connect);
