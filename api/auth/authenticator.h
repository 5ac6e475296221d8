/*
 * The authenticator: a bearer token becomes a principal. Verifying RS256 costs 40 us, so tokens that were
 * good are remembered, keyed by their SHA-256 (the token itself is not kept): a bounded cache of sets of
 * four, in which the least recently used of a set gives way. An entry ends with its token's `exp`, and is
 * worth nothing once it was revoked.
 * Tracking tokens cost 2 us and are not remembered. Loop thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "api/auth/principal.h"

struct api_authenticator;
struct osy_keyring;
struct osy_metrics;
struct osy_revocations;

/* keyring and revocations are borrowed. entries: how many tokens are remembered, rounded up to a power of
 * two. */
struct api_authenticator *api_authenticator_create(const struct osy_keyring *keyring,
                                                   const struct osy_revocations *revocations,
                                                   size_t entries, struct osy_metrics *metrics);
void api_authenticator_destroy(struct api_authenticator *authenticator); /* NULL is fine */
/* Forgets all tokens: the keys have changed, and what one of them signed may be worth nothing now. */
void api_authenticator_forget(struct api_authenticator *authenticator);
/* A counted principal that the caller gives back with api_principal_unref; NULL: OSY_ERR_DENIED. */
struct api_principal *api_authenticate(struct api_authenticator *authenticator, const char *token,
                                       size_t length, int64_t now_s, struct osy_error *err);
