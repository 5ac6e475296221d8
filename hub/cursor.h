/*
 * A cursor: how far a topic has come in its restaurant's stream, and what to do with the next event.
 * Pure logic. Loss, duplicates, reordering, a Redis restart, silent death of the subscription and a database
 * that was restored all come down to these four verdicts; whoever holds the cursor does the fetching.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/event.h"
#include "shared/uuid.h"

struct hub_cursor {
    uint64_t last;             /* number of the last delivered event; 0: none yet */
    struct osy_uuid last_id;   /* its random id; nil while last is 0 */
    uint64_t target;           /* greatest number known to exist; never below last */
    struct osy_uuid target_id; /* nil when unknown */
};

enum hub_verdict {
    HUB_VERDICT_DELIVER = 0, /* it is the next one */
    HUB_VERDICT_DROP,        /* it was delivered before */
    HUB_VERDICT_GAP,         /* something before it is missing: hold it and repair */
    HUB_VERDICT_FORK, /* it does not name the last delivered event as the one before it: of two histories one
                         is not (or no longer) true, and PostgreSQL knows which */
};

enum hub_verdict hub_cursor_judge(const struct hub_cursor *cursor,
                                  const struct osy_envelope *event);
/* number must be last + 1. */
void hub_cursor_advance(struct hub_cursor *cursor, uint64_t number, const struct osy_uuid *id);
/* Event number exists (its id may be NULL: unknown). */
void hub_cursor_expect(struct hub_cursor *cursor, uint64_t number, const struct osy_uuid *id);
bool hub_cursor_is_behind(const struct hub_cursor *cursor); /* events up to target are missing */
/* What was expected does not exist after all. */
void hub_cursor_give_up(struct hub_cursor *cursor);
