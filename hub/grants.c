#include "hub/grants.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "shared/alloc.h"
#include "shared/tracking_token.h"

enum { HASH_BYTES = 32 };

/* An access token that was verified. Trimmed: most tokens name one restaurant, not 64. */
struct entry {
    uint8_t hash[HASH_BYTES];
    enum osy_role role;
    struct osy_credential credential;
    int64_t expires_at_s;
    size_t restaurant_count;
    UT_hash_handle hh;
    struct osy_uuid restaurants[];
};

struct hub_grants {
    const struct osy_keyring *keyring;         /* borrowed */
    const struct osy_revocations *revocations; /* borrowed */
    size_t max_entries;
    struct entry *entries; /* owned; in order of use, the oldest first */
};

struct hub_grants *hub_grants_create(const struct osy_keyring *keyring,
                                     const struct osy_revocations *revocations, size_t max_entries)
{
    struct hub_grants *grants = osy_alloc(sizeof *grants);
    grants->keyring = keyring;
    grants->revocations = revocations;
    grants->max_entries = max_entries;
    return grants;
}

static void remove_entry(struct hub_grants *grants, struct entry *entry)
{
    HASH_DEL(grants->entries, entry);
    free(entry);
}

void hub_grants_clear(struct hub_grants *grants)
{
    while (grants->entries)
        remove_entry(grants, grants->entries);
}

void hub_grants_destroy(struct hub_grants *grants)
{
    if (!grants)
        return;
    hub_grants_clear(grants);
    free(grants);
}

size_t hub_grants_count(const struct hub_grants *grants)
{
    return HASH_COUNT(grants->entries);
}

static struct entry *find_entry(struct hub_grants *grants, const uint8_t *hash)
{
    struct entry *entry;
    HASH_FIND(hh, grants->entries, hash, HASH_BYTES, entry);
    if (entry) { /* to the end of the order: most recently used */
        HASH_DEL(grants->entries, entry);
        HASH_ADD(hh, grants->entries, hash, HASH_BYTES, entry);
    }
    return entry;
}

static struct entry *add_entry(struct hub_grants *grants, const uint8_t *hash,
                               const struct osy_claims *claims)
{
    if (HASH_COUNT(grants->entries) >= grants->max_entries)
        remove_entry(grants, grants->entries);
    size_t list_bytes = claims->restaurant_count * sizeof claims->restaurants[0];
    struct entry *entry = osy_alloc(sizeof *entry + list_bytes);
    memcpy(entry->hash, hash, HASH_BYTES);
    entry->role = claims->role;
    entry->credential =
        (struct osy_credential){claims->subject, claims->session_id, claims->issued_at_s};
    entry->expires_at_s = claims->expires_at_s;
    entry->restaurant_count = claims->restaurant_count;
    memcpy(entry->restaurants, claims->restaurants, list_bytes);
    HASH_ADD(hh, grants->entries, hash, HASH_BYTES, entry);
    return entry;
}

static bool covers(const struct entry *entry, const struct osy_uuid *restaurant_id)
{
    if (entry->role == OSY_ROLE_ADMIN)
        return true;
    if (entry->role != OSY_ROLE_STAFF && entry->role != OSY_ROLE_OWNER)
        return false;
    for (size_t i = 0; i < entry->restaurant_count; i++) {
        if (osy_uuid_equal(&entry->restaurants[i], restaurant_id))
            return true;
    }
    return false;
}

/* A dashboard chooses later, and again: it takes the list along. */
static enum hub_grant_verdict grant_dashboard(const struct entry *entry, struct hub_grant *grant)
{
    if (entry->role == OSY_ROLE_ADMIN)
        return HUB_GRANT_OK;
    if (entry->role != OSY_ROLE_STAFF && entry->role != OSY_ROLE_OWNER)
        return HUB_GRANT_FORBIDDEN;
    size_t count = entry->restaurant_count;
    grant->restaurants = osy_alloc_array(count, sizeof grant->restaurants[0]);
    grant->restaurant_count = count;
    memcpy(grant->restaurants, entry->restaurants, count * sizeof grant->restaurants[0]);
    return HUB_GRANT_OK;
}

static enum hub_grant_verdict check_access_token(struct hub_grants *grants, const char *token,
                                                 size_t length, const struct hub_target *target,
                                                 int64_t now_s, struct hub_grant *grant)
{
    uint8_t hash[HASH_BYTES];
    if (EVP_Digest(token, length, hash, NULL, EVP_sha256(), NULL) != 1)
        return HUB_GRANT_UNAUTHENTICATED;
    struct entry *entry = find_entry(grants, hash);
    if (entry && entry->expires_at_s <= now_s) {
        remove_entry(grants, entry);
        return HUB_GRANT_UNAUTHENTICATED;
    }
    if (!entry) {
        struct osy_claims claims = {0};
        if (!osy_jwt_verify(grants->keyring, token, length, now_s, &claims, NULL))
            return HUB_GRANT_UNAUTHENTICATED;
        entry = add_entry(grants, hash, &claims);
    }
    *grant = (struct hub_grant){
        .role = entry->role, .credential = entry->credential, .expires_at_s = entry->expires_at_s};
    if (osy_revocations_cover(grants->revocations, &entry->credential))
        return HUB_GRANT_REVOKED;
    if (target->is_dashboard)
        return grant_dashboard(entry, grant);
    if (entry->role == OSY_ROLE_CUSTOMER)
        return target->kind == OSY_POSITION_ORDER ? HUB_GRANT_OK : HUB_GRANT_FORBIDDEN;
    return covers(entry, &target->restaurant_id) ? HUB_GRANT_OK : HUB_GRANT_FORBIDDEN;
}

static enum hub_grant_verdict check_tracking_token(struct hub_grants *grants, const char *token,
                                                   size_t length, const struct hub_target *target,
                                                   int64_t now_s, struct hub_grant *grant)
{
    struct osy_tracking tracking;
    if (!osy_tracking_verify(grants->keyring, token, length, now_s, &tracking, NULL))
        return HUB_GRANT_UNAUTHENTICATED;
    *grant = (struct hub_grant){.expires_at_s = tracking.expires_at_s};
    bool same = target->kind == OSY_POSITION_ORDER &&
                osy_uuid_equal(&tracking.order_id, &target->order_id) &&
                osy_uuid_equal(&tracking.restaurant_id, &target->restaurant_id);
    return same ? HUB_GRANT_OK : HUB_GRANT_FORBIDDEN;
}

enum hub_grant_verdict hub_grants_check(struct hub_grants *grants, const char *token, size_t length,
                                        const struct hub_target *target, int64_t now_s,
                                        struct hub_grant *grant)
{
    static const char prefix[] = OSY_TRACKING_PREFIX;
    if (length == 0 || length > OSY_JWT_MAX)
        return HUB_GRANT_UNAUTHENTICATED;
    if (length > sizeof prefix - 1 && memcmp(token, prefix, sizeof prefix - 1) == 0)
        return check_tracking_token(grants, token, length, target, now_s, grant);
    return check_access_token(grants, token, length, target, now_s, grant);
}
