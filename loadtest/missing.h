/*
 * What has not arrived where it should have: asked for while the run settles, and told at its end. Looks at the
 * ledger and at every client of the generator; nothing here waits or sends.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct load_run;

/* Events that are still missing somewhere, as a number of deliveries. */
uint64_t load_missing_count(const struct load_run *run);
/* Writes a few of them on the desk, for a search to begin with. */
void load_missing_note(const struct load_run *run);
/* How many of those who watch the restaurant are not where the server says that its stream ends; NULL: it did not
 * say. */
uint64_t load_missing_behind(const struct load_run *run, size_t restaurant, const char *position);
