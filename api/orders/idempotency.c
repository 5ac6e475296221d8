#include "api/orders/idempotency.h"

#include <string.h>

#include "api/http/idempotency_key.h"
#include "api/orders/status.h"

_Static_assert(API_ORDER_HASH_BYTES == OSY_SHA256_BYTES, "the hashes are those of the header");

bool api_order_idempotency_read(const struct api_request *request,
                                struct api_order_command *command, struct osy_error *err)
{
    struct api_idempotency_key key;
    if (!api_idempotency_key_read(request, command->step ? command->step->name : "", &key, err))
        return false;
    command->has_key = key.is_given;
    if (!key.is_given)
        return true;
    memcpy(command->key_hash, key.key_hash, sizeof command->key_hash);
    memcpy(command->body_hash, key.body_hash, sizeof command->body_hash);
    return true;
}
