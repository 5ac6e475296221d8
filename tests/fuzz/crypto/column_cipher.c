/* Stored columns: whatever the database returns is either one of our values or refused without a
 * trace. */
#include <stdlib.h>
#include <string.h>

#include "shared/column_cipher.h"
#include "tests/unit/shared/key_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct osy_keyring *keyring_of_k1(void)
{
    static struct osy_keyring *keyring; /* for the life of the process */
    struct key_folder folder;

    if (keyring)
        return keyring;
    key_folder_make(&folder);
    key_folder_write(&folder, "data-k1.key",
                     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_DATA, NULL);
    key_folder_remove(&folder);
    if (!keyring)
        abort();
    return keyring;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct osy_column place = {.table = "orders", .column = "customer_name"};
    struct osy_buffer out = OSY_BUFFER_INIT;

    memset(place.row_id.bytes, 0x11, sizeof place.row_id.bytes);
    osy_buffer_text(&out, "before");
    if (!osy_column_decrypt(keyring_of_k1(), &place, bytes, length, &out, NULL) &&
        (out.length != 6 || strcmp(out.bytes, "before") != 0))
        __builtin_trap();
    osy_buffer_deinit(&out);
    return 0;
}
