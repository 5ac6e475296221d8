#include "api/auth/login_guard.h"

#include <stdlib.h>
#include <string.h>

#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/http/networks.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

static void digest_address(const struct osy_keyring *keyring, const char *client,
                           uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    uint8_t address[API_ADDRESS_BYTES] = {0}; /* all that have none are one */
    if (api_address_parse(client, address))
        api_address_to_subscriber(address);
    osy_blind_index(keyring, "login_attempts.address", address, sizeof address, digest);
}

static bool read_attempt(const PGresult *row, struct api_login_attempt *attempt,
                         struct osy_error *err)
{
    attempt->wait_s = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
    attempt->is_known = !PQgetisnull(row, 0, 1);
    return !attempt->is_known ||
           osy_uuid_parse(PQgetvalue(row, 0, 1), (size_t)PQgetlength(row, 0, 1),
                          &attempt->user_id) ||
           osy_error_set(err, OSY_ERR_INVALID, "a user's id is no UUID");
}

bool api_login_guard_enter(struct osy_pg *pg, const struct osy_keyring *keyring,
                           const struct api_db_scope *scope, const char *email,
                           struct api_login_attempt *attempt, struct osy_error *err)
{
    struct osy_buffer account = OSY_BUFFER_INIT, address = OSY_BUFFER_INIT, index = OSY_BUFFER_INIT;
    uint8_t digest[OSY_BLIND_INDEX_BYTES];
    *attempt = (struct api_login_attempt){0};
    osy_blind_index(keyring, "login_attempts.account", email, strlen(email), attempt->account);
    digest_address(keyring, scope->address, attempt->address);
    api_email_index(keyring, email, digest);
    api_db_bytea_append(&account, attempt->account, sizeof attempt->account);
    api_db_bytea_append(&address, attempt->address, sizeof attempt->address);
    api_db_bytea_append(&index, digest, sizeof digest);
    PGresult *row =
        api_db_query(pg, scope, sql_count_attempt, 3,
                     (const char *const[]){account.bytes, address.bytes, index.bytes}, err);
    bool ok = row && read_attempt(row, attempt, err);
    PQclear(row);
    osy_buffer_deinit(&account);
    osy_buffer_deinit(&address);
    osy_buffer_deinit(&index);
    return ok;
}

static bool give_back(struct osy_pg *pg, const struct api_db_scope *scope,
                      const struct api_login_attempt *attempt, bool forget, struct osy_error *err)
{
    struct osy_buffer account = OSY_BUFFER_INIT, address = OSY_BUFFER_INIT;
    api_db_bytea_append(&account, attempt->account, sizeof attempt->account);
    api_db_bytea_append(&address, attempt->address, sizeof attempt->address);
    PGresult *result =
        api_db_query(pg, scope, sql_return_attempt, 3,
                     (const char *const[]){account.bytes, address.bytes, forget ? "t" : "f"}, err);
    bool ok = result != NULL;
    PQclear(result);
    osy_buffer_deinit(&account);
    osy_buffer_deinit(&address);
    return ok;
}

bool api_login_guard_forgive(struct osy_pg *pg, const struct api_db_scope *scope,
                             const struct api_login_attempt *attempt, struct osy_error *err)
{
    return give_back(pg, scope, attempt, true, err);
}

bool api_login_guard_return(struct osy_pg *pg, const struct api_db_scope *scope,
                            const struct api_login_attempt *attempt, struct osy_error *err)
{
    return give_back(pg, scope, attempt, false, err);
}
