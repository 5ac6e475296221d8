#include "api/escalation/public_address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct network {
    uint8_t bytes[16];
    unsigned bits;
};

/* What is not for everybody (IANA's registry of special addresses), a row each. */
static const struct network closed_ipv4[] = {
    {{0}, 8},             /* "this" network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* carrier-grade NAT */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, cloud metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

/* Of IPv6 only global unicast is for everybody: all that embeds IPv4 (mapped, NAT64), loopback, unique local,
 * link-local and multicast lie outside of it. */
static const struct network open_ipv6 = {{0x20}, 3};
static const struct network closed_ipv6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, among them Teredo and ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: any IPv4 address */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static bool holds(const struct network *network, const uint8_t *address)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->bytes, address, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || ((network->bytes[whole] ^ address[whole]) & mask) == 0;
}

static bool any_holds(const struct network *networks, size_t count, const uint8_t *address)
{
    for (size_t i = 0; i < count; i++) {
        if (holds(&networks[i], address))
            return true;
    }
    return false;
}

bool api_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof ipv4);
        return !any_holds(closed_ipv4, sizeof closed_ipv4 / sizeof closed_ipv4[0],
                          (const uint8_t *)&ipv4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address, sizeof ipv6);
        return holds(&open_ipv6, ipv6.sin6_addr.s6_addr) &&
               !any_holds(closed_ipv6, sizeof closed_ipv6 / sizeof closed_ipv6[0],
                          ipv6.sin6_addr.s6_addr);
    }
    return false;
}
