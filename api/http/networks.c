#include "api/http/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

struct network {
    uint8_t address[API_ADDRESS_BYTES];
    unsigned prefix_bits;
};

struct api_networks {
    size_t count;
    struct network *networks; /* owned */
};

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool parse_address(const char *text, uint8_t address[API_ADDRESS_BYTES],
                          unsigned *family_bits)
{
    if (inet_pton(AF_INET, text, address + sizeof mapped) == 1) {
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

struct api_networks *api_networks_create(const char *list, struct osy_error *err)
{
    struct api_networks *networks = osy_alloc(sizeof *networks);
    char *copy = osy_strdup(list), *rest = copy;

    for (char *item = strtok_r(copy, ", ", &rest); item; item = strtok_r(NULL, ", ", &rest)) {
        struct network network;
        if (!parse_network(item, &network)) {
            osy_error_set(err, OSY_ERR_INVALID, "'%s' is neither an address nor a network", item);
            free(copy);
            api_networks_destroy(networks);
            return NULL;
        }
        networks->networks =
            osy_realloc_array(networks->networks, networks->count + 1, sizeof *networks->networks);
        networks->networks[networks->count++] = network;
    }
    free(copy);
    return networks;
}

void api_networks_destroy(struct api_networks *networks)
{
    if (!networks)
        return;
    free(networks->networks);
    free(networks);
}

static bool contains(const struct network *network, const uint8_t address[API_ADDRESS_BYTES])
{
    unsigned bytes = network->prefix_bits / 8, bits = network->prefix_bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> bits);
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    return bits == 0 || ((network->address[bytes] ^ address[bytes]) & mask) == 0;
}

bool api_networks_contain(const struct api_networks *networks,
                          const uint8_t address[API_ADDRESS_BYTES])
{
    for (size_t i = 0; networks && i < networks->count; i++) {
        if (contains(&networks->networks[i], address))
            return true;
    }
    return false;
}

bool api_address_parse(const char *text, uint8_t address[API_ADDRESS_BYTES])
{
    unsigned family_bits;
    return parse_address(text, address, &family_bits);
}

void api_address_to_subscriber(uint8_t address[API_ADDRESS_BYTES])
{
    if (memcmp(address, mapped, sizeof mapped) != 0)
        memset(address + 8, 0, 8);
}
