#include "api/auth/second_factor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/db/bytea.h"
#include "embedded/api_core.h"
#include "shared/clock.h"
#include "shared/pg.h"

void api_recovery_code_digest(const struct osy_keyring *keyring, const char *code,
                              uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    osy_blind_index(keyring, "recovery_codes.code", code, strlen(code), digest);
}

/* Whether the statement, of two parameters, touched a row. */
static bool use_up(struct osy_pg *pg, const char *sql, const struct osy_uuid *user_id,
                   const char *value, enum api_second_factor *outcome, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(user_id, id);
    PGresult *rows = osy_pg_query(pg, sql, 2, (const char *const[]){id, value}, err);
    if (rows)
        *outcome = PQntuples(rows) == 1 ? API_SECOND_FACTOR_GOOD : API_SECOND_FACTOR_WRONG;
    PQclear(rows);
    return rows != NULL;
}

static bool use_totp(struct osy_pg *pg, const struct api_user *user, const char *totp,
                     enum api_second_factor *outcome, struct osy_error *err)
{
    char step[24];
    int64_t found = api_totp_find_step(user->totp_secret, totp, osy_clock_wall_ms() / 1000);
    *outcome = API_SECOND_FACTOR_WRONG;
    if (found == 0)
        return true;
    snprintf(step, sizeof step, "%" PRId64, found);
    return use_up(pg, sql_use_totp_step, &user->id, step, outcome, err);
}

static bool use_recovery_code(struct osy_pg *pg, const struct osy_keyring *keyring,
                              const struct api_user *user, const char *typed,
                              enum api_second_factor *outcome, struct osy_error *err)
{
    char code[API_RECOVERY_CODE_BYTES];
    uint8_t digest[OSY_BLIND_INDEX_BYTES];
    struct osy_buffer literal = OSY_BUFFER_INIT;
    *outcome = API_SECOND_FACTOR_WRONG;
    if (!api_recovery_code_parse(typed, code))
        return true;
    api_recovery_code_digest(keyring, code, digest);
    api_db_bytea_append(&literal, digest, sizeof digest);
    bool ok = use_up(pg, sql_use_recovery_code, &user->id, literal.bytes, outcome, err);
    osy_buffer_deinit(&literal);
    return ok;
}

bool api_second_factor_use(struct osy_pg *pg, const struct osy_keyring *keyring,
                           const struct api_user *user, const char *totp, const char *recovery_code,
                           enum api_second_factor *outcome, struct osy_error *err)
{
    *outcome = API_SECOND_FACTOR_GOOD;
    if (!user->uses_totp)
        return true;
    if (totp)
        return use_totp(pg, user, totp, outcome, err);
    if (recovery_code)
        return use_recovery_code(pg, keyring, user, recovery_code, outcome, err);
    *outcome = API_SECOND_FACTOR_MISSING;
    return true;
}
