/*
 * Migrations: the numbered SQL files of api/db/migrations, embedded in the program, each applied once, in
 * order, in a transaction of its own. An advisory lock lets one process at a time do it. What was applied is
 * recorded with its SHA-256, and a file that was edited or has gone since is refused by name.
 */
#pragma once
#include <stddef.h>

#include "shared/error.h"

struct osy_pg;

enum api_migration_state { API_MIGRATION_APPLIED = 0, API_MIGRATION_PENDING };

/* Called for each migration, in order: after it was applied, or found to be so. */
typedef void (*api_migration_fn)(void *context, const char *name, enum api_migration_state state);

/* Brings the schema up to date. *applied: how many were new. OSY_ERR_CONFLICT: an edited or missing file,
 * or a schema newer than this program. */
OSY_MUST_CHECK bool api_migrate(struct osy_pg *pg, api_migration_fn on_migration, void *context,
                                size_t *applied, struct osy_error *err);
/* Changes nothing. *pending: how many migrations wait. */
OSY_MUST_CHECK bool api_migrate_status(struct osy_pg *pg, api_migration_fn on_migration,
                                       void *context, size_t *pending, struct osy_error *err);
