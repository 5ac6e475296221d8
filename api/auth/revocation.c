#include "api/auth/revocation.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/db/scope.h"
#include "embedded/api_core.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

bool api_revocation_record(struct osy_pg *pg, const struct api_db_scope *scope,
                           struct api_revocation *revocation, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES], actor_id[OSY_UUID_TEXT_BYTES], audit_id[OSY_UUID_TEXT_BYTES];
    const struct osy_uuid audit = osy_uuid_v7();
    osy_uuid_format(&revocation->what.id, id);
    osy_uuid_format(&audit, audit_id);
    if (revocation->actor_id)
        osy_uuid_format(revocation->actor_id, actor_id);
    const char *const values[] = {
        osy_revocation_kind_name(revocation->what.kind),
        id,
        revocation->reason,
        revocation->actor_role,
        revocation->actor_id ? actor_id : NULL,
        audit_id,
        revocation->trace_id,
    };
    PGresult *result = api_db_query(pg, scope, sql_record_revocation, 7, values, err);
    if (!result)
        return false;
    revocation->what.revoked_at_s = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    snprintf(revocation->revoked_at, sizeof revocation->revoked_at, "%s", PQgetvalue(result, 0, 1));
    PQclear(result);
    return true;
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
