/*
 * Bearers: the open sessions by whose token they live, so that a revocation costs by the sockets that it
 * closes and not by those that there are. A session is found by its token's subject and, when the token has
 * one, by its login session. Loop thread only.
 */
#pragma once
#include "shared/revocations.h"

struct hub_bearer;
struct hub_bearers;
struct hub_session;

/* In each session: zeroed while it is in no list. */
struct hub_bearer_link {
    struct hub_bearer *bearer; /* borrowed */
    struct hub_session *session;
    struct hub_bearer_link *prev, *next;
};

struct hub_bearer_links {
    struct hub_bearer_link by_kind[OSY_REVOCATION_KINDS];
};

struct hub_bearers *hub_bearers_create(void);
void hub_bearers_destroy(
    struct hub_bearers *bearers); /* no session is in it any more; NULL is fine */
/* links is the session's own; it lives by credential from now on, in place of one before. */
void hub_bearers_add(struct hub_bearers *bearers, struct hub_bearer_links *links,
                     struct hub_session *session, const struct osy_credential *credential);
void hub_bearers_remove(struct hub_bearers *bearers,
                        struct hub_bearer_links *links); /* repeatable */

/* Closes every session whose token this ends; returns how many. */
size_t hub_bearers_revoke(struct hub_bearers *bearers, const struct osy_revocation *revocation);
