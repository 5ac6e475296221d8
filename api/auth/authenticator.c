#include "api/auth/authenticator.h"

#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/digest.h"
#include "shared/jwt.h"
#include "shared/metrics.h"
#include "shared/revocations.h"
#include "shared/tracking_token.h"

#define WAYS 4

struct entry {
    uint8_t digest[OSY_SHA256_BYTES];
    struct api_principal *principal; /* counted; NULL: free */
    uint64_t used_at;                /* the authenticator's clock */
};

struct api_authenticator {
    const struct osy_keyring *keyring;
    const struct osy_revocations *revocations;
    struct entry *entries; /* owned; set_count * WAYS */
    size_t set_count;      /* a power of two */
    uint64_t clock;        /* counts look-ups */
    struct osy_metric *hits, *verified, *refused;
};

struct api_authenticator *api_authenticator_create(const struct osy_keyring *keyring,
                                                   const struct osy_revocations *revocations,
                                                   size_t entries, struct osy_metrics *metrics)
{
    struct api_authenticator *authenticator = osy_alloc(sizeof *authenticator);
    struct osy_metric_family *family =
        osy_metrics_counter_family(metrics, "auth_tokens_total", "Tokens shown.", "result");

    authenticator->keyring = keyring;
    authenticator->revocations = revocations;
    authenticator->set_count = 1;
    while (authenticator->set_count * WAYS < entries)
        authenticator->set_count *= 2;
    authenticator->entries =
        osy_alloc_array(authenticator->set_count * WAYS, sizeof *authenticator->entries);
    authenticator->hits = osy_metric_with(family, (const char *const[]){"cached"});
    authenticator->verified = osy_metric_with(family, (const char *const[]){"verified"});
    authenticator->refused = osy_metric_with(family, (const char *const[]){"refused"});
    return authenticator;
}

void api_authenticator_forget(struct api_authenticator *authenticator)
{
    for (size_t i = 0; i < authenticator->set_count * WAYS; i++) {
        api_principal_unref(authenticator->entries[i].principal);
        authenticator->entries[i].principal = NULL;
    }
}

void api_authenticator_destroy(struct api_authenticator *authenticator)
{
    if (!authenticator)
        return;
    api_authenticator_forget(authenticator);
    free(authenticator->entries);
    free(authenticator);
}

static struct entry *find_set(struct api_authenticator *authenticator,
                              const uint8_t digest[OSY_SHA256_BYTES])
{
    uint64_t index;
    memcpy(&index, digest, sizeof index); /* any 8 bytes of a SHA-256 are as good as a hash */
    return &authenticator->entries[(index & (authenticator->set_count - 1)) * WAYS];
}

static struct api_principal *find_cached(struct api_authenticator *authenticator, struct entry *set,
                                         const uint8_t digest[OSY_SHA256_BYTES], int64_t now_s)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *entry = &set[i];
        if (!entry->principal || memcmp(entry->digest, digest, OSY_SHA256_BYTES) != 0)
            continue;
        if (entry->principal->expires_at_s > now_s) {
            entry->used_at = ++authenticator->clock;
            return api_principal_ref(entry->principal);
        }
        api_principal_unref(entry->principal);
        entry->principal = NULL;
    }
    return NULL;
}

static void remember(struct api_authenticator *authenticator, struct entry *set,
                     const uint8_t digest[OSY_SHA256_BYTES], struct api_principal *principal)
{
    struct entry *victim = &set[0];
    for (size_t i = 0; i < WAYS && victim->principal; i++) {
        if (!set[i].principal || set[i].used_at < victim->used_at)
            victim = &set[i];
    }
    api_principal_unref(victim->principal);
    memcpy(victim->digest, digest, OSY_SHA256_BYTES);
    victim->principal = api_principal_ref(principal);
    victim->used_at = ++authenticator->clock;
}

static struct api_principal *verify_user(struct api_authenticator *authenticator, const char *token,
                                         size_t length, int64_t now_s, struct osy_error *err)
{
    uint8_t digest[OSY_SHA256_BYTES];
    struct api_principal *principal;
    struct entry *set;

    if (length > OSY_JWT_MAX) {
        osy_error_set(err, OSY_ERR_DENIED, "the token is too long");
        return NULL;
    }
    osy_sha256(&(struct osy_piece){token, length}, 1, digest);
    set = find_set(authenticator, digest);
    principal = find_cached(authenticator, set, digest, now_s);
    if (principal) {
        osy_metric_inc(authenticator->hits);
        return principal;
    }
    principal = osy_alloc(sizeof *principal);
    principal->references = 1;
    principal->kind = API_PRINCIPAL_USER;
    if (!osy_jwt_verify(authenticator->keyring, token, length, now_s, &principal->claims, err)) {
        api_principal_unref(principal);
        return NULL;
    }
    principal->expires_at_s = principal->claims.expires_at_s;
    osy_metric_inc(authenticator->verified);
    remember(authenticator, set, digest, principal);
    return principal;
}

/* Asked with every request: a remembered token may have been revoked since. */
static struct api_principal *authenticate_user(struct api_authenticator *authenticator,
                                               const char *token, size_t length, int64_t now_s,
                                               struct osy_error *err)
{
    struct api_principal *principal = verify_user(authenticator, token, length, now_s, err);
    if (!principal)
        return NULL;
    const struct osy_claims *claims = &principal->claims;
    const struct osy_credential credential = {claims->subject, claims->session_id,
                                              claims->issued_at_s};
    if (!osy_revocations_cover(authenticator->revocations, &credential))
        return principal;
    osy_error_set(err, OSY_ERR_DENIED, "the access token was revoked");
    api_principal_unref(principal);
    return NULL;
}

static struct api_principal *authenticate_guest(struct api_authenticator *authenticator,
                                                const char *token, size_t length, int64_t now_s,
                                                struct osy_error *err)
{
    struct api_principal *principal = osy_alloc(sizeof *principal);

    principal->references = 1;
    principal->kind = API_PRINCIPAL_GUEST;
    if (!osy_tracking_verify(authenticator->keyring, token, length, now_s, &principal->tracking,
                             err)) {
        api_principal_unref(principal);
        return NULL;
    }
    principal->expires_at_s = principal->tracking.expires_at_s;
    osy_metric_inc(authenticator->verified);
    return principal;
}

struct api_principal *api_authenticate(struct api_authenticator *authenticator, const char *token,
                                       size_t length, int64_t now_s, struct osy_error *err)
{
    bool is_tracking = length >= strlen(OSY_TRACKING_PREFIX) &&
                       memcmp(token, OSY_TRACKING_PREFIX, strlen(OSY_TRACKING_PREFIX)) == 0;
    struct api_principal *principal =
        is_tracking ? authenticate_guest(authenticator, token, length, now_s, err)
                    : authenticate_user(authenticator, token, length, now_s, err);
    if (!principal)
        osy_metric_inc(authenticator->refused);
    return principal;
}
