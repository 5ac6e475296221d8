#include "api/restaurants/timekeeper.h"

#include <stdlib.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/db/scope.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/pg.h"

enum { RESPITE_INTERVAL_MS = 500, PLAN_INTERVAL_MS = 60 * 1000, CHUNK = 100 };

struct api_timekeeper {
    struct osy_pg *pg;              /* owned, */
    struct api_task_thread *thread; /* as is this */
};

/* A statement that does all of it for some restaurants at a time, a row for each. */
static bool run_chunk(struct api_timekeeper *timekeeper, const char *sql, bool *more,
                      struct osy_error *err)
{
    const struct api_db_scope scope = {.actor_role = "system"};
    PGresult *rows = api_db_query(timekeeper->pg, &scope, sql, 0, NULL, err);
    if (!rows)
        return false;
    *more = PQntuples(rows) >= CHUNK;
    PQclear(rows);
    return true;
}

static bool end_respites(void *context, bool *more, struct osy_error *err)
{
    return run_chunk(context, sql_end_respites, more, err);
}

static bool plan_ahead(void *context, bool *more, struct osy_error *err)
{
    return run_chunk(context, sql_plan_openings, more, err);
}

struct api_timekeeper *api_timekeeper_start(const struct api_config *config, struct osy_error *err)
{
    static const struct api_task tasks[] = {
        {"end_respites", RESPITE_INTERVAL_MS, end_respites},
        {"plan_ahead", PLAN_INTERVAL_MS, plan_ahead},
        {0},
    };
    struct api_timekeeper *timekeeper = osy_alloc(sizeof *timekeeper);
    timekeeper->pg = osy_pg_create(&(struct osy_pg_options){
        .url = config->database_url, .application_name = "ordersync-timekeeper"});
    timekeeper->thread = api_task_thread_start(tasks, timekeeper, err);
    if (timekeeper->thread)
        return timekeeper;
    osy_pg_destroy(timekeeper->pg);
    free(timekeeper);
    return NULL;
}

void api_timekeeper_stop(struct api_timekeeper *timekeeper)
{
    if (!timekeeper)
        return;
    api_task_thread_stop(timekeeper->thread);
    osy_pg_destroy(timekeeper->pg);
    free(timekeeper);
}
