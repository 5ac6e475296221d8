/* Tokens: what it costs to know who asks. */
#include <stdlib.h>
#include <string.h>

#include "api/auth/authenticator.h"
#include "shared/alloc.h"
#include "shared/jwt.h"
#include "shared/metrics.h"
#include "shared/revocations.h"
#include "shared/tracking_token.h"
#include "tests/bench/parts/part.h"

enum { NOW_S = 1769860800, CACHE_ENTRIES = 1024 };

struct bearer {
    const struct osy_keyring *keyring;
    char *token; /* owned, as is what follows */
    size_t length;
    struct osy_revocations *revocations;
    struct osy_metrics *metrics;
    struct api_authenticator *authenticator;
    char tracking[OSY_TRACKING_TOKEN_BYTES];
};

static void *begin_bearer(const struct osy_keyring *keyring)
{
    struct bearer *bearer = osy_alloc(sizeof *bearer);
    struct osy_claims claims = {.role = OSY_ROLE_STAFF,
                                .issued_at_s = NOW_S,
                                .expires_at_s = NOW_S + 3600,
                                .restaurant_count = 1};
    claims.subject = osy_uuid_v7();
    claims.token_id = osy_uuid_v4();
    claims.restaurants[0] = osy_uuid_v7();
    bearer->keyring = keyring;
    bearer->token = osy_jwt_sign(keyring, &claims, NULL);
    bench_check(bearer->token != NULL, "signing a token");
    bearer->length = strlen(bearer->token);
    bearer->revocations = osy_revocations_create();
    bearer->metrics = osy_metrics_create();
    bearer->authenticator =
        api_authenticator_create(keyring, bearer->revocations, CACHE_ENTRIES, bearer->metrics);
    osy_tracking_sign(keyring, &claims.restaurants[0], &claims.subject, bearer->tracking);
    return bearer;
}

static void end_bearer(void *state)
{
    struct bearer *bearer = state;
    api_authenticator_destroy(bearer->authenticator);
    osy_metrics_destroy(bearer->metrics);
    osy_revocations_destroy(bearer->revocations);
    free(bearer->token);
    free(bearer);
}

static void verify_cold(void *state, size_t times)
{
    struct bearer *bearer = state;
    struct osy_claims claims;
    while (times-- > 0)
        bench_check(
            osy_jwt_verify(bearer->keyring, bearer->token, bearer->length, NOW_S, &claims, NULL),
            "verifying a token");
}

static void verify_cached(void *state, size_t times)
{
    struct bearer *bearer = state;
    while (times-- > 0) {
        struct api_principal *principal =
            api_authenticate(bearer->authenticator, bearer->token, bearer->length, NOW_S, NULL);
        bench_check(principal != NULL, "authenticating");
        api_principal_unref(principal);
    }
}

static void verify_tracking(void *state, size_t times)
{
    struct bearer *bearer = state;
    struct osy_tracking tracking;
    size_t length = strlen(bearer->tracking);
    while (times-- > 0)
        bench_check(
            osy_tracking_verify(bearer->keyring, bearer->tracking, length, NOW_S, &tracking, NULL),
            "verifying a tracking token");
}

const struct bench_part bench_token_parts[] = {
    {"jwt.verify_cold", begin_bearer, verify_cold, end_bearer},
    {"jwt.verify_cached", begin_bearer, verify_cached, end_bearer},
    {"tracking.verify", begin_bearer, verify_tracking, end_bearer},
    {0},
};
