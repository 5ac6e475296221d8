#include "hub/stages.h"

#include "hub/event.h"
#include "shared/clock.h"

void hub_stages_note_received(struct hub_stages *stages, struct hub_metrics *metrics,
                              const struct hub_event *event)
{
    int64_t age_ms = osy_clock_wall_ms() - event->envelope.time_ms;
    osy_metric_observe(metrics->commit_to_receive_seconds, (double)age_ms / 1e3);
    if (stages->count < HUB_STAGES_EVENTS)
        stages->received_ns[stages->count++] = osy_clock_monotonic_ns();
}

void hub_stages_note_written(struct hub_stages *stages, struct hub_metrics *metrics)
{
    if (stages->count == 0)
        return;
    uint64_t now_ns = osy_clock_monotonic_ns();
    for (size_t i = 0; i < stages->count; i++)
        osy_metric_observe(metrics->receive_to_write_seconds,
                           (double)(now_ns - stages->received_ns[i]) / 1e9);
    stages->count = 0;
}
