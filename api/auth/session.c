#include "api/auth/session.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/auth/revocation.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "embedded/api_core.h"
#include "shared/base64url.h"
#include "shared/blind_index.h"
#include "shared/column_cipher.h"
#include "shared/digest.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/random.h"
#include "shared/redis_blocking_shards.h"

#define PREFIX        "osr1."
#define SECRET_BYTES  32
#define SECRET_LENGTH OSY_BASE64URL_LENGTH(SECRET_BYTES)
#define IDS_BYTES     (2 * OSY_UUID_BYTES)
#define IDS_LENGTH    OSY_BASE64URL_LENGTH(IDS_BYTES)
#define KEY_BYTES     64
#define OVER          "over" /* what Redis says of a session that has ended */

_Static_assert(sizeof PREFIX - 1 + IDS_LENGTH + 1 + SECRET_LENGTH < API_SESSION_TOKEN_BYTES,
               "a token fits");

/* ---- tokens ---- */

static void write_token(struct api_session *session, const uint8_t secret[SECRET_BYTES])
{
    uint8_t ids[IDS_BYTES];
    char *at = session->token + sizeof PREFIX - 1;
    memcpy(ids, session->id.bytes, OSY_UUID_BYTES);
    memcpy(ids + OSY_UUID_BYTES, session->user_id.bytes, OSY_UUID_BYTES);
    memcpy(session->token, PREFIX, sizeof PREFIX - 1);
    osy_base64url_encode(ids, sizeof ids, at);
    at[IDS_LENGTH] = '.';
    osy_base64url_encode(secret, SECRET_BYTES, at + IDS_LENGTH + 1);
}

static const char *secret_of(const struct api_session *session)
{
    return session->token + sizeof PREFIX - 1 + IDS_LENGTH + 1;
}

bool api_session_parse(const char *text, struct api_session *session, struct osy_error *err)
{
    uint8_t ids[IDS_BYTES], secret[SECRET_BYTES];
    size_t length = 0;
    const char *at = text + sizeof PREFIX - 1;
    bool ok = strlen(text) == sizeof PREFIX - 1 + IDS_LENGTH + 1 + SECRET_LENGTH &&
              memcmp(text, PREFIX, sizeof PREFIX - 1) == 0 && at[IDS_LENGTH] == '.' &&
              osy_base64url_decode(at, IDS_LENGTH, ids, &length) &&
              osy_base64url_decode(at + IDS_LENGTH + 1, SECRET_LENGTH, secret, &length);
    if (!ok)
        return osy_error_set(err, OSY_ERR_DENIED, "it is no refresh token");
    memcpy(session->id.bytes, ids, OSY_UUID_BYTES);
    memcpy(session->user_id.bytes, ids + OSY_UUID_BYTES, OSY_UUID_BYTES);
    memcpy(session->token, text, strlen(text) + 1);
    OPENSSL_cleanse(secret, sizeof secret);
    return true;
}

static void digest_token(const struct api_session *session, uint8_t digest[OSY_SHA256_BYTES])
{
    osy_sha256(&(struct osy_piece){session->token, strlen(session->token)}, 1, digest);
}

/* The token that follows session's, in its place. */
static void advance(const struct osy_keyring *keyring, struct api_session *session)
{
    uint8_t secret[OSY_BLIND_INDEX_BYTES];
    _Static_assert(OSY_BLIND_INDEX_BYTES == SECRET_BYTES, "a digest is as long as a secret");
    osy_blind_index(keyring, "sessions.successor", secret_of(session), SECRET_LENGTH, secret);
    write_token(session, secret);
    OPENSSL_cleanse(secret, sizeof secret);
}

/* ---- in PostgreSQL ---- */

static bool encrypt(const struct osy_keyring *keyring, const char *column,
                    const struct osy_uuid *session_id, const char *text, struct osy_buffer *literal,
                    struct osy_error *err)
{
    const struct osy_column place = {.table = "sessions", .column = column, .row_id = *session_id};
    struct osy_buffer stored = OSY_BUFFER_INIT;
    bool ok = osy_column_encrypt(keyring, &place, text, strlen(text), &stored, err);
    api_db_bytea_append(literal, stored.bytes, stored.length);
    osy_buffer_deinit(&stored);
    return ok;
}

static void append_hash(struct osy_buffer *literal, const struct api_session *session)
{
    uint8_t digest[OSY_SHA256_BYTES];
    digest_token(session, digest);
    api_db_bytea_append(literal, digest, sizeof digest);
}

/* A statement that gives no rows that matter. */
static bool run(struct osy_pg *pg, const char *sql, int count, const char *const *values,
                struct osy_error *err)
{
    PGresult *result = osy_pg_query(pg, sql, count, values, err);
    bool ok = result != NULL;
    PQclear(result);
    return ok;
}

bool api_session_begin(struct osy_pg *pg, const struct osy_keyring *keyring,
                       struct api_session *session, const char *device, const char *address,
                       struct osy_error *err)
{
    struct osy_buffer hash = OSY_BUFFER_INIT, stored_device = OSY_BUFFER_INIT,
                      stored_address = OSY_BUFFER_INIT;
    uint8_t secret[SECRET_BYTES];
    char id[OSY_UUID_TEXT_BYTES], user_id[OSY_UUID_TEXT_BYTES], life_s[12];
    session->id = osy_uuid_v7();
    osy_random_bytes(secret, sizeof secret);
    write_token(session, secret);
    OPENSSL_cleanse(secret, sizeof secret);
    bool ok = encrypt(keyring, "address", &session->id, address, &stored_address, err) &&
              (!device || encrypt(keyring, "device", &session->id, device, &stored_device, err));
    append_hash(&hash, session);
    osy_uuid_format(&session->id, id);
    osy_uuid_format(&session->user_id, user_id);
    snprintf(life_s, sizeof life_s, "%d", API_SESSION_IDLE_S);
    ok = ok && run(pg, sql_insert_session, 6,
                   (const char *const[]){id, user_id, hash.bytes, stored_device.bytes,
                                         stored_address.bytes, life_s},
                   err);
    osy_buffer_deinit(&hash);
    osy_buffer_deinit(&stored_device);
    osy_buffer_deinit(&stored_address);
    return ok;
}

static bool rotate(struct osy_pg *pg, const struct osy_keyring *keyring,
                   struct api_session *session, const char *address, struct osy_error *err)
{
    struct osy_buffer old_hash = OSY_BUFFER_INIT, new_hash = OSY_BUFFER_INIT,
                      stored_address = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES], life_s[12];
    append_hash(&old_hash, session);
    advance(keyring, session);
    append_hash(&new_hash, session);
    osy_uuid_format(&session->id, id);
    snprintf(life_s, sizeof life_s, "%d", API_SESSION_IDLE_S);
    bool ok =
        encrypt(keyring, "address", &session->id, address, &stored_address, err) &&
        run(pg, sql_rotate_session, 5,
            (const char *const[]){id, old_hash.bytes, new_hash.bytes, stored_address.bytes, life_s},
            err);
    osy_buffer_deinit(&old_hash);
    osy_buffer_deinit(&new_hash);
    osy_buffer_deinit(&stored_address);
    return ok;
}

static bool decide(struct osy_pg *pg, const struct osy_keyring *keyring, const PGresult *row,
                   struct api_session *session, const char *address,
                   enum api_session_refreshed *outcome, struct osy_error *err)
{
    const char *token_is = PQntuples(row) == 1 ? PQgetvalue(row, 0, 0) : "foreign";
    bool is_before = strcmp(token_is, "before") == 0, is_last = strcmp(token_is, "last") == 0;
    *outcome = is_before || is_last             ? API_SESSION_REFRESHED
               : strcmp(token_is, "spent") == 0 ? API_SESSION_REUSED
                                                : API_SESSION_OVER;
    if (is_before) /* its successor is the session's last token */
        advance(keyring, session);
    return !is_last || rotate(pg, keyring, session, address, err);
}

bool api_session_refresh(struct osy_pg *pg, const struct osy_keyring *keyring,
                         struct api_session *session, const char *address,
                         enum api_session_refreshed *outcome, struct osy_error *err)
{
    struct osy_buffer hash = OSY_BUFFER_INIT;
    char id[OSY_UUID_TEXT_BYTES], user_id[OSY_UUID_TEXT_BYTES];
    append_hash(&hash, session);
    osy_uuid_format(&session->id, id);
    osy_uuid_format(&session->user_id, user_id);
    PGresult *row =
        osy_pg_query(pg, sql_lock_session, 3, (const char *const[]){id, user_id, hash.bytes}, err);
    bool ok = row && decide(pg, keyring, row, session, address, outcome, err);
    PQclear(row);
    osy_buffer_deinit(&hash);
    return ok;
}

static const char *format(const struct osy_uuid *id, char text[OSY_UUID_TEXT_BYTES])
{
    if (!id)
        return NULL;
    osy_uuid_format(id, text);
    return text;
}

/* Columns of end_sessions.sql. */
enum { ENDED_ID = 0, ENDED_AT_S, ENDED_OLD, ENDED_NEW };

static bool read_ended(const PGresult *rows, int row, struct api_sessions_ended *ended,
                       struct osy_uuid *id, struct osy_error *err)
{
    if (!osy_uuid_parse(PQgetvalue(rows, row, ENDED_ID), (size_t)PQgetlength(rows, row, ENDED_ID),
                        id))
        return osy_error_set(err, OSY_ERR_INVALID, "a session's id is no UUID");
    if (ended->count < API_SESSIONS_ENDED_MAX) {
        ended->ids[ended->count] = *id;
        ended->at_s[ended->count++] = strtoll(PQgetvalue(rows, row, ENDED_AT_S), NULL, 10);
    }
    return true;
}

static bool record_ended(struct osy_pg *pg, const struct osy_keyring *keyring, const PGresult *rows,
                         int row, const struct osy_uuid *id, struct osy_error *err)
{
    const struct api_audit_change change = {.action = "session.ended",
                                            .subject_id = id,
                                            .old_json = PQgetvalue(rows, row, ENDED_OLD),
                                            .new_json = PQgetvalue(rows, row, ENDED_NEW)};
    return api_audit_record(pg, keyring, &change, err);
}

bool api_session_end(struct osy_pg *pg, const struct osy_keyring *keyring,
                     const struct api_session_choice *choice, const char *why,
                     struct api_sessions_ended *ended, struct osy_error *err)
{
    char user_id[OSY_UUID_TEXT_BYTES], only[OSY_UUID_TEXT_BYTES], except[OSY_UUID_TEXT_BYTES];
    char keep[12];
    struct osy_uuid id;
    ended->count = 0;
    snprintf(keep, sizeof keep, "%u", choice->keep);
    PGresult *rows = osy_pg_query(pg, sql_end_sessions, 5,
                                  (const char *const[]){format(choice->user_id, user_id),
                                                        format(choice->only, only),
                                                        format(choice->except, except), keep, why},
                                  err);
    bool ok = rows != NULL;
    for (int row = 0; ok && row < PQntuples(rows); row++)
        ok = read_ended(rows, row, ended, &id, err) &&
             record_ended(pg, keyring, rows, row, &id, err);
    PQclear(rows);
    return ok;
}

bool api_session_revoke(struct osy_pg *pg, const struct osy_keyring *keyring,
                        const struct api_db_scope *actor, struct api_revocation *revocation,
                        struct api_sessions_ended *ended, struct osy_error *err)
{
    const struct api_session_choice all = {.user_id = &revocation->what.id};
    struct api_db_scope scope = *actor;
    ended->count = 0;
    if (revocation->what.kind == OSY_REVOCATION_SESSION)
        return api_revocation_record(pg, keyring, revocation, err);
    scope.user_id = &revocation->what.id; /* whose sessions they are */
    return api_db_enter(pg, &scope, err) &&
           api_session_end(pg, keyring, &all, "revoked", ended, err) &&
           api_revocation_record(pg, keyring, revocation, err);
}

/* ---- in Redis ---- */

static const struct osy_uuid nobody = {{0}}; /* sessions are no restaurant's */

static void name_key(const struct osy_uuid *session_id, char key[KEY_BYTES])
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(session_id, id);
    snprintf(key, KEY_BYTES, "os:session:%s", id);
}

/* What Redis does not learn is found in PostgreSQL. */
static void set_note(struct osy_redis_blocking_shards *redis, const struct osy_uuid *session_id,
                     const char *value)
{
    char key[KEY_BYTES], life_s[12];
    struct osy_error err = {0};
    name_key(session_id, key);
    snprintf(life_s, sizeof life_s, "%d", API_SESSION_IDLE_S);
    const char *const command[] = {"SET", key, value, "EX", life_s};
    if (!osy_redis_blocking_shards_command(redis, &nobody, 5, command, NULL, NULL, NULL, &err))
        OSY_WARN("session_not_noted", OSY_ERR(&err));
}

void api_session_note(struct osy_redis_blocking_shards *redis, const struct api_session *session)
{
    uint8_t digest[OSY_SHA256_BYTES];
    char text[OSY_BASE64URL_LENGTH(OSY_SHA256_BYTES) + 1];
    digest_token(session, digest);
    osy_base64url_encode(digest, sizeof digest, text);
    set_note(redis, &session->id, text);
}

void api_session_announce(struct osy_redis_blocking_shards *redis,
                          const struct api_sessions_ended *ended)
{
    for (size_t i = 0; i < ended->count; i++) {
        struct osy_error err = {0};
        const struct api_revocation revocation = {
            .what = {OSY_REVOCATION_SESSION, ended->ids[i], ended->at_s[i]}};
        set_note(redis, &ended->ids[i], OVER);
        if (!api_revocation_announce(redis, &revocation, &err))
            OSY_WARN("revocation_not_announced", OSY_ERR(&err)); /* it is found in PostgreSQL */
    }
}

static void on_note(void *context, const struct osy_redis_reply *reply, const struct osy_error *err)
{
    (void)err;
    *(bool *)context = reply && reply->type == OSY_REDIS_STRING && reply->length == strlen(OVER) &&
                       memcmp(reply->text, OVER, reply->length) == 0;
}

bool api_session_is_noted_over(struct osy_redis_blocking_shards *redis,
                               const struct osy_uuid *session_id)
{
    char key[KEY_BYTES];
    bool is_over = false;
    name_key(session_id, key);
    const char *const command[] = {"GET", key};
    return osy_redis_blocking_shards_command(redis, &nobody, 2, command, NULL, on_note, &is_over,
                                             NULL) &&
           is_over;
}
