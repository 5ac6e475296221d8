/* Tracking tokens: one that is accepted is the very text that we sign for its ids. */
#include <stdlib.h>
#include <string.h>

#include "shared/tracking_token.h"
#include "tests/unit/shared/key_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct osy_keyring *keyring_of_k1(void)
{
    static struct osy_keyring *keyring; /* for the life of the process */
    struct key_folder folder;

    if (keyring)
        return keyring;
    key_folder_make(&folder);
    key_folder_write(&folder, "tracking-k1.key",
                     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_TRACKING, NULL);
    key_folder_remove(&folder);
    if (!keyring)
        abort();
    return keyring;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct osy_tracking tracking;
    char again[OSY_TRACKING_TOKEN_BYTES];

    if (!osy_tracking_verify(keyring_of_k1(), (const char *)bytes, length, 0, &tracking, NULL))
        return 0;
    osy_tracking_sign(keyring_of_k1(), &tracking.restaurant_id, &tracking.order_id, again);
    if (strlen(again) != length || memcmp(again, bytes, length) != 0)
        __builtin_trap();
    return 0;
}
