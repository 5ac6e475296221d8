/* Error replies of a cluster's nodes: a redirection has a slot that exists and an address. */
#include <string.h>

#include "shared/redis_slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct osy_redis_address from = {"127.0.0.1", 6379};
    const char *text = (const char *)bytes;
    struct osy_redis_redirection redirection;

    if (osy_redis_slot_of_key(text, length) >= OSY_REDIS_SLOT_COUNT)
        __builtin_trap();
    if (!osy_redis_redirection_parse(text, length, &from, &redirection))
        return 0;
    if (redirection.slot >= OSY_REDIS_SLOT_COUNT || redirection.address.port == 0 ||
        redirection.address.host[0] == '\0' ||
        !memchr(redirection.address.host, '\0', sizeof redirection.address.host))
        __builtin_trap();
    return 0;
}
