/*
 * The revocations that still matter, in memory. Revoking a user ends the tokens that were issued up to that
 * second; revoking a session ends every token that names it (`sid`). No token lives longer than
 * OSY_JWT_LIFE_MAX_S, so a revocation of that age has nothing left to end, and is forgotten.
 * One thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/uuid.h"

enum osy_revocation_kind { OSY_REVOCATION_USER = 0, OSY_REVOCATION_SESSION };
enum { OSY_REVOCATION_KINDS = 2 };

struct osy_revocation {
    enum osy_revocation_kind kind;
    struct osy_uuid id;
    int64_t revoked_at_s; /* wall time */
};

/* What a token says of itself. */
struct osy_credential {
    struct osy_uuid subject;    /* nil: a token that nobody can revoke */
    struct osy_uuid session_id; /* nil: none */
    int64_t issued_at_s;
};

const char *osy_revocation_kind_name(enum osy_revocation_kind kind); /* "user" */
bool osy_revocation_kind_parse(const char *text, size_t length, enum osy_revocation_kind *kind);
/* Whether this revocation, were it known, would end that token. */
bool osy_revocation_covers(const struct osy_revocation *revocation,
                           const struct osy_credential *credential);

/* The message of the Redis channel: `user <uuid> <unix seconds>` or `session <uuid> <unix seconds>`. */
#define OSY_REVOCATION_CHANNEL    "os:revoked"
#define OSY_REVOCATION_TEXT_BYTES 72
void osy_revocation_format(const struct osy_revocation *revocation,
                           char text[OSY_REVOCATION_TEXT_BYTES]);
bool osy_revocation_parse(const char *text, size_t length, struct osy_revocation *revocation);

struct osy_revocations;

struct osy_revocations *osy_revocations_create(void);
void osy_revocations_destroy(struct osy_revocations *revocations); /* NULL is fine */
/* True: it ends tokens that were good until now. False: it is known, or a later one is. */
bool osy_revocations_add(struct osy_revocations *revocations,
                         const struct osy_revocation *revocation);
bool osy_revocations_cover(const struct osy_revocations *revocations,
                           const struct osy_credential *credential);
/* Forgets what has nothing left to end. */
void osy_revocations_forget(struct osy_revocations *revocations, int64_t now_s);
size_t osy_revocations_count(const struct osy_revocations *revocations);
