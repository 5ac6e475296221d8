#include "api/http/proxies.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

#define FORWARDED_HOPS_MAX 16

/* IPv4 is kept as the IPv6 address that maps it (RFC 4291 section 2.5.5.2). */
struct network {
    uint8_t address[16];
    unsigned prefix_bits;
};

struct api_proxies {
    size_t count;
    struct network *networks; /* owned */
};

static bool parse_address(const char *text, uint8_t address[16], unsigned *family_bits)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (inet_pton(AF_INET, text, address + 12) == 1) {
        memcpy(address, mapped, sizeof mapped);
        *family_bits = 32;
        return true;
    }
    *family_bits = 128;
    return inet_pton(AF_INET6, text, address) == 1;
}

static bool parse_network(char *text, struct network *network)
{
    char *slash = strchr(text, '/');
    unsigned family_bits, bits;
    char *end;

    if (slash)
        *slash = '\0';
    if (!parse_address(text, network->address, &family_bits))
        return false;
    bits = family_bits;
    if (slash) {
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        bits = (unsigned)strtoul(slash + 1, &end, 10);
        if (*end || bits > family_bits)
            return false;
    }
    network->prefix_bits = bits + (128 - family_bits);
    return true;
}

struct api_proxies *api_proxies_create(const char *list, struct osy_error *err)
{
    struct api_proxies *proxies = osy_alloc(sizeof *proxies);
    char *copy = osy_strdup(list), *rest = copy;

    for (char *item = strtok_r(copy, ", ", &rest); item; item = strtok_r(NULL, ", ", &rest)) {
        struct network network;
        if (!parse_network(item, &network)) {
            osy_error_set(err, OSY_ERR_INVALID, "'%s' is neither an address nor a network", item);
            free(copy);
            api_proxies_destroy(proxies);
            return NULL;
        }
        proxies->networks =
            osy_realloc_array(proxies->networks, proxies->count + 1, sizeof *proxies->networks);
        proxies->networks[proxies->count++] = network;
    }
    free(copy);
    return proxies;
}

void api_proxies_destroy(struct api_proxies *proxies)
{
    if (!proxies)
        return;
    free(proxies->networks);
    free(proxies);
}

static bool contains(const struct network *network, const uint8_t address[16])
{
    unsigned bytes = network->prefix_bits / 8, bits = network->prefix_bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> bits);
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    return bits == 0 || ((network->address[bytes] ^ address[bytes]) & mask) == 0;
}

static bool is_trusted(const struct api_proxies *proxies, const char *text)
{
    uint8_t address[16];
    unsigned family_bits;

    if (!proxies || !parse_address(text, address, &family_bits))
        return false;
    for (size_t i = 0; i < proxies->count; i++) {
        if (contains(&proxies->networks[i], address))
            return true;
    }
    return false;
}

/* The last element of list[0..*length), trimmed; *length becomes what is before it. False: none that is
 * an address. */
static bool take_last(const char *list, size_t *length, char out[API_ADDRESS_TEXT_BYTES])
{
    size_t end = *length, start;
    uint8_t address[16];
    unsigned family_bits;

    while (end > 0 && (list[end - 1] == ' ' || list[end - 1] == '\t'))
        end--;
    start = end;
    while (start > 0 && list[start - 1] != ',')
        start--;
    *length = start > 0 ? start - 1 : 0;
    while (start < end && (list[start] == ' ' || list[start] == '\t'))
        start++;
    if (start == end || end - start >= API_ADDRESS_TEXT_BYTES)
        return false;
    memcpy(out, list + start, end - start);
    out[end - start] = '\0';
    return parse_address(out, address, &family_bits);
}

void api_proxies_client(const struct api_proxies *proxies, const char *peer, const char *forwarded,
                        char client[API_ADDRESS_TEXT_BYTES])
{
    size_t length = forwarded ? strlen(forwarded) : 0;
    char hop[API_ADDRESS_TEXT_BYTES];

    snprintf(client, API_ADDRESS_TEXT_BYTES, "%s", peer);
    for (int hops = 0; hops < FORWARDED_HOPS_MAX && length > 0; hops++) {
        if (!is_trusted(proxies, client) || !take_last(forwarded, &length, hop))
            return;
        memcpy(client, hop, sizeof hop);
    }
}
