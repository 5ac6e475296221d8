#include "api/privacy/account.h"

#include <stdlib.h>
#include <string.h>

#include "embedded/api_core.h"
#include "shared/pg.h"

/* Columns of erase_account.sql. */
enum { ERASED_WAS_THERE = 0, ERASED_REVOKED_AT, ERASED_IS_NEEDED };

static bool is_true(const PGresult *row, int column)
{
    return strcmp(PQgetvalue(row, 0, column), "t") == 0;
}

/* A statement of its own, before: who has waited here sees that the other owner is gone. */
static bool lock_restaurants(struct osy_pg *pg, const char *user_id, struct osy_error *err)
{
    PGresult *rows =
        osy_pg_query(pg, sql_lock_owned_restaurants, 1, (const char *const[]){user_id}, err);
    PQclear(rows);
    return rows != NULL;
}

bool api_account_erase(struct osy_pg *pg, const char *user_id, struct api_account_end *end,
                       struct osy_error *err)
{
    if (!lock_restaurants(pg, user_id, err))
        return false;
    PGresult *row = osy_pg_query(pg, sql_erase_account, 1, (const char *const[]){user_id}, err);
    if (!row)
        return false;
    *end = (struct api_account_end){
        .was_there = is_true(row, ERASED_WAS_THERE),
        .is_last_owner = is_true(row, ERASED_IS_NEEDED),
        .revoked_at_s = strtoll(PQgetvalue(row, 0, ERASED_REVOKED_AT), NULL, 10),
    };
    PQclear(row);
    return true;
}
