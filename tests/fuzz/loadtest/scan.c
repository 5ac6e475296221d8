/*
 * The generator's fast way to read must be as strict as its slow one. Space behind a text changes nothing but
 * that it is too long for the fast way.
 */
#include <string.h>

#include "loadtest/message.h"
#include "loadtest/receipt.h"
#include "loadtest/scan.h"
#include "shared/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void demand(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void compare_messages(const char *text, size_t length, const struct osy_buffer *padded)
{
    struct load_message fast, slow;
    struct osy_error fast_err = {0}, slow_err = {0};
    bool fast_ok = load_message_parse(text, length, &fast, &fast_err);
    bool slow_ok = load_message_parse(padded->bytes, padded->length, &slow, &slow_err);
    demand(fast_ok == slow_ok);
    if (!fast_ok)
        return;
    demand(fast.type == slow.type && strcmp(fast.position, slow.position) == 0 &&
           fast.names_stream == slow.names_stream && osy_uuid_equal(&fast.stream, &slow.stream) &&
           osy_uuid_equal(&fast.restaurant, &slow.restaurant) &&
           osy_uuid_equal(&fast.order_id, &slow.order_id) && fast.version == slow.version &&
           fast.time_ms == slow.time_ms && fast.delay_ms == slow.delay_ms &&
           fast.age_ms == slow.age_ms && strcmp(fast.code, slow.code) == 0);
}

static void compare_receipts(const char *text, size_t length, const struct osy_buffer *padded)
{
    struct load_receipt fast, slow;
    load_receipt_read(&fast, text, length);
    load_receipt_read(&slow, padded->bytes, padded->length);
    demand(fast.version == slow.version && osy_uuid_equal(&fast.order_id, &slow.order_id) &&
           strcmp(fast.token, slow.token) == 0 && strcmp(fast.position, slow.position) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static char spaces[LOAD_SCAN_BYTES_MAX + 1];
    const char *text = (const char *)bytes;
    struct osy_buffer padded = OSY_BUFFER_INIT;
    memset(spaces, ' ', sizeof(spaces));
    osy_buffer_append(&padded, text, length);
    osy_buffer_append(&padded, spaces, sizeof(spaces));
    compare_messages(text, length, &padded);
    compare_receipts(text, length, &padded);
    osy_buffer_deinit(&padded);
    return 0;
}
