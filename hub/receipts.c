#include "hub/receipts.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "shared/alloc.h"

/* Without padding: its bytes are hashed. */
struct key {
    struct hub_device device;
    bool is_displayed;
};

struct entry {
    struct key key;
    struct hub_receipt receipt;
    UT_hash_handle hh;
};

struct hub_receipts {
    struct entry *entries; /* a hash by key, in the order of coming; owned */
    size_t most;
};

struct hub_receipts *hub_receipts_create(size_t most)
{
    struct hub_receipts *receipts = osy_alloc(sizeof *receipts);
    receipts->most = most;
    return receipts;
}

static void forget(struct hub_receipts *receipts, struct entry *entry)
{
    HASH_DEL(receipts->entries, entry);
    free(entry);
}

void hub_receipts_destroy(struct hub_receipts *receipts)
{
    if (!receipts)
        return;
    while (receipts->entries)
        forget(receipts, receipts->entries);
    free(receipts);
}

/* Of two acks up to the same event the first one counts. */
static bool is_further(const struct hub_receipt *receipt, const struct hub_receipt *than)
{
    if (receipt->upto.number != than->upto.number)
        return receipt->upto.number > than->upto.number;
    return receipt->at_ms < than->at_ms;
}

static void cut(struct hub_receipt *receipt)
{
    uint64_t upto = receipt->upto.number;
    if (upto > HUB_RECEIPT_EVENTS_MAX && receipt->after < upto - HUB_RECEIPT_EVENTS_MAX)
        receipt->after = upto - HUB_RECEIPT_EVENTS_MAX;
}

static void merge(struct hub_receipt *kept, const struct hub_receipt *other)
{
    if (is_further(other, kept)) {
        kept->upto = other->upto;
        kept->at_ms = other->at_ms;
    }
    if (other->after < kept->after)
        kept->after = other->after;
    kept->is_first = kept->is_first || other->is_first;
    cut(kept);
}

bool hub_receipts_add(struct hub_receipts *receipts, const struct hub_receipt *receipt)
{
    struct key key = {.device = receipt->device, .is_displayed = receipt->is_displayed};
    struct entry *entry;
    _Static_assert(sizeof key == sizeof key.device + sizeof key.is_displayed, "padding");
    HASH_FIND(hh, receipts->entries, &key, sizeof key, entry);
    if (entry) {
        merge(&entry->receipt, receipt);
        return true;
    }
    if (HASH_COUNT(receipts->entries) >= receipts->most)
        return false;
    entry = osy_alloc(sizeof *entry);
    entry->key = key;
    entry->receipt = *receipt;
    cut(&entry->receipt);
    HASH_ADD(hh, receipts->entries, key, sizeof entry->key, entry);
    return true;
}

size_t hub_receipts_take(struct hub_receipts *receipts, struct hub_receipt *out, size_t most)
{
    size_t count = 0;
    while (receipts->entries && count < most) {
        out[count++] = receipts->entries->receipt;
        forget(receipts, receipts->entries);
    }
    return count;
}

size_t hub_receipts_count(const struct hub_receipts *receipts)
{
    return HASH_COUNT(receipts->entries);
}
