/*
 * How long an event is under way to the hub and inside of it. Each event that Redis delivers is noted when it
 * comes; what came in a turn of the loop is written at the turn's end, and that is when the turn's events
 * count as written. So it costs two looks at the clock for each event, whatever the number of its sockets.
 * A socket that has fallen behind gets its events later than this tells. Loop thread only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "hub/metrics.h"

#define HUB_STAGES_EVENTS 4096 /* that are noted in one turn; those beyond it are not measured */

struct hub_event;

struct hub_stages {
    uint64_t received_ns[HUB_STAGES_EVENTS]; /* of this turn's events */
    size_t count;
};

void hub_stages_note_received(struct hub_stages *stages, struct hub_metrics *metrics,
                              const struct hub_event *event);
/* Everything that this turn had to write has been written. */
void hub_stages_note_written(struct hub_stages *stages, struct hub_metrics *metrics);
