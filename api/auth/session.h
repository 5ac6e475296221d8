/*
 * A session: somebody is signed in on one device. It lives by its refresh tokens, which follow each other:
 *
 *   osr1.<base64url of session id and user id>.<base64url of 32 secret bytes>
 *
 * PostgreSQL has the SHA-256 of the last one. Whoever shows it gets the next, and it is spent. A spent one that is shown
 * again was stolen, by this caller or from this caller: the session ends, for both. The one exception: for 10 s the token
 * before the last gives the same successor once more, because a reply can get lost. For that the successor's secret
 * derives from its predecessor's under the index key, so that neither the database nor an old token alone leads to it.
 *
 * A session ends 30 days after it was last refreshed, a year after it began, or when somebody ends it; then its access
 * tokens are revoked (shared/revocations.h). Redis has what os:session:<id> says: the digest of the last token, or that
 * the session has ended, so that clients that go on asking do so at no cost; without Redis PostgreSQL is asked.
 * Worker threads.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/jwt.h"
#include "shared/keys.h"
#include "shared/uuid.h"

struct api_db_scope;
struct api_revocation;
struct api_worker;
struct osy_pg;
struct osy_redis_blocking_shards;

#define API_SESSION_IDLE_S \
    OSY_JWT_LIFE_MAX_S /* so long its revocation is remembered: it cannot be refreshed behind that */
#define API_SESSIONS_OF_USER    20  /* the one that was seen longest ago gives way */
#define API_SESSION_DEVICE_MAX  100 /* characters */
#define API_SESSION_TOKEN_BYTES 96

struct api_session {
    struct osy_uuid id, user_id;
    char token[API_SESSION_TOKEN_BYTES]; /* the refresh token; wipe it */
};

/* Reads a refresh token: id, user_id and token are what it says. OSY_ERR_DENIED: it cannot be one of ours. */
OSY_MUST_CHECK bool api_session_parse(const char *text, struct api_session *session,
                                      struct osy_error *err);
/* A new one of session->user_id, in the caller's transaction and scope; fills id and token. device may be NULL. */
OSY_MUST_CHECK bool api_session_begin(struct osy_pg *pg, const struct osy_keyring *keyring,
                                      struct api_session *session, const char *device,
                                      const char *address, struct osy_error *err);

enum api_session_refreshed {
    API_SESSION_REFRESHED = 0,
    API_SESSION_OVER,   /* ended, expired or never there */
    API_SESSION_REUSED, /* a spent token: end the session */
};
/* Exchanges the token for its successor, in the caller's transaction and scope. */
OSY_MUST_CHECK bool api_session_refresh(struct osy_pg *pg, const struct osy_keyring *keyring,
                                        struct api_session *session, const char *address,
                                        enum api_session_refreshed *outcome, struct osy_error *err);

/* Which of a user's sessions. */
struct api_session_choice {
    const struct osy_uuid *user_id;
    const struct osy_uuid *only;   /* NULL: any */
    const struct osy_uuid *except; /* NULL: none */
    unsigned keep;                 /* the last so many stay */
};
#define API_SESSIONS_ENDED_MAX 64
struct api_sessions_ended {
    size_t count;
    struct osy_uuid ids[API_SESSIONS_ENDED_MAX];
    int64_t at_s[API_SESSIONS_ENDED_MAX];
};
/* Ends sessions with their access tokens and puts each on record, in the caller's transaction and scope. why: "logout", ...
 * Afterwards tell the others with api_session_announce, once the transaction is committed. */
OSY_MUST_CHECK bool api_session_end(struct osy_pg *pg, const struct osy_keyring *keyring,
                                    const struct api_session_choice *choice, const char *why,
                                    struct api_sessions_ended *ended, struct osy_error *err);
/*
 * Records a revocation (revocation.h) in the caller's transaction, and sees to it that nobody refreshes what was revoked:
 * of a user all sessions end; of a session, whose user nobody needs to know, lock_session.sql looks for the revocation.
 * Leaves the transaction in the scope of whom it concerns.
 */
OSY_MUST_CHECK bool api_session_revoke(struct osy_pg *pg, const struct osy_keyring *keyring,
                                       const struct api_db_scope *actor,
                                       struct api_revocation *revocation,
                                       struct api_sessions_ended *ended, struct osy_error *err);
/* Tells hubs, APIs and Redis. Without Redis they find it in PostgreSQL, in seconds. */
void api_session_announce(struct osy_redis_blocking_shards *redis,
                          const struct api_sessions_ended *ended);
/* Notes the present token in Redis. */
void api_session_note(struct osy_redis_blocking_shards *redis, const struct api_session *session);
/* Whether Redis knows that the session is over. False when it does not know, or is not there. */
bool api_session_is_noted_over(struct osy_redis_blocking_shards *redis,
                               const struct osy_uuid *session_id);
