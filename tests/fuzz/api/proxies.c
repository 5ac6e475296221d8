/* X-Forwarded-For of any content: what comes out is always a text that fits, and an address. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/proxies.h"
#include "shared/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct api_networks *proxies = api_networks_create("10.0.0.0/8, ::1, 127.0.0.1", NULL);
    struct api_networks *fuzzed;
    char client[API_ADDRESS_TEXT_BYTES], *header = osy_strndup((const char *)bytes, length);
    uint8_t address[16];

    api_proxies_client(proxies, "10.1.2.3", header, client);
    if (inet_pton(AF_INET, client, address) != 1 && inet_pton(AF_INET6, client, address) != 1)
        abort();
    fuzzed = api_networks_create(header, NULL);
    if (fuzzed)
        api_proxies_client(fuzzed, "10.1.2.3", header, client);
    api_networks_destroy(fuzzed);
    api_networks_destroy(proxies);
    free(header);
    return 0;
}
