/*
 * The database of a test: DATABASE_URL, an empty server that with_postgres makes. Every function ends the
 * test when it cannot do its work.
 */
#pragma once
#include <libpq-fe.h>
#include <stddef.h>

struct osy_pg;
struct osy_uuid;

const char *database_url(void); /* ends the program when there is none */
/* The same as one of the roles of 0020_row_security.sql; until the next call. */
const char *database_url_as(const char *role);
int database_migrate(void **state); /* a group's set-up */
PGresult *database_query(struct osy_pg *pg, const char *sql, int count, const char *const *values);
/* A restaurant with one menu of count items at 1000 each, of uncounted stock. Fills in the ids. */
void database_add_restaurant(struct osy_pg *pg, struct osy_uuid *restaurant_id,
                             struct osy_uuid *items, size_t count);
