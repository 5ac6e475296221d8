#include "api/auth/revocation.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/audit/values.h"
#include "embedded/api_core.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

/* Columns of record_revocation.sql. */
enum { REVOKED_AT_S = 0, REVOKED_AT, REVOKED_OLD, REVOKED_NEW, REVOKED_ACTION };

static bool record(struct osy_pg *pg, const struct osy_keyring *keyring, const PGresult *row,
                   const struct osy_uuid *id, struct osy_error *err)
{
    bool is_first = PQgetisnull(row, 0, REVOKED_OLD);
    const struct api_audit_change change = {.action = PQgetvalue(row, 0, REVOKED_ACTION),
                                            .subject_id = id,
                                            .old_json =
                                                is_first ? NULL : PQgetvalue(row, 0, REVOKED_OLD),
                                            .new_json = PQgetvalue(row, 0, REVOKED_NEW)};
    return api_audit_record(pg, keyring, &change, err);
}

bool api_revocation_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                           struct api_revocation *revocation, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&revocation->what.id, id);
    const char *const values[] = {osy_revocation_kind_name(revocation->what.kind), id,
                                  revocation->reason};
    PGresult *row = osy_pg_query(pg, sql_record_revocation, 3, values, err);
    bool ok = row && record(pg, keyring, row, &revocation->what.id, err);
    if (ok) {
        revocation->what.revoked_at_s = strtoll(PQgetvalue(row, 0, REVOKED_AT_S), NULL, 10);
        snprintf(revocation->revoked_at, sizeof revocation->revoked_at, "%s",
                 PQgetvalue(row, 0, REVOKED_AT));
    }
    PQclear(row);
    return ok;
}

bool api_revocation_announce(struct osy_redis_blocking_shards *redis,
                             const struct api_revocation *revocation, struct osy_error *err)
{
    char text[OSY_REVOCATION_TEXT_BYTES];
    const struct osy_uuid nobody = {{0}}; /* revocations are no restaurant's */
    const char *const publish[] = {"PUBLISH", OSY_REVOCATION_CHANNEL, text};
    osy_revocation_format(&revocation->what, text);
    return osy_redis_blocking_shards_command(redis, &nobody, 3, publish, NULL, NULL, NULL, err);
}
