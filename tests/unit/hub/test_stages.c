#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/event.h"
#include "hub/stages.h"
#include "shared/clock.h"

static void an_event_counts_once_when_its_turn_has_written(void **state)
{
    struct hub_stages stages = {.count = 0};
    struct hub_metrics metrics;
    struct hub_event event = {.envelope.time_ms = osy_clock_wall_ms()};
    (void)state;
    hub_metrics_init(&metrics);
    hub_stages_note_received(&stages, &metrics, &event);
    hub_stages_note_received(&stages, &metrics, &event);
    assert_true(osy_metric_value(metrics.commit_to_receive_seconds) == 2);
    assert_true(osy_metric_value(metrics.receive_to_write_seconds) == 0);
    hub_stages_note_written(&stages, &metrics);
    hub_stages_note_written(&stages, &metrics);
    assert_true(osy_metric_value(metrics.receive_to_write_seconds) == 2);
    hub_metrics_deinit(&metrics);
}

static void a_turn_with_too_many_events_measures_the_first(void **state)
{
    struct hub_stages stages = {.count = 0};
    struct hub_metrics metrics;
    struct hub_event event = {.envelope.time_ms = osy_clock_wall_ms()};
    (void)state;
    hub_metrics_init(&metrics);
    for (int i = 0; i < HUB_STAGES_EVENTS + 5; i++)
        hub_stages_note_received(&stages, &metrics, &event);
    hub_stages_note_written(&stages, &metrics);
    assert_true(osy_metric_value(metrics.commit_to_receive_seconds) == HUB_STAGES_EVENTS + 5);
    assert_true(osy_metric_value(metrics.receive_to_write_seconds) == HUB_STAGES_EVENTS);
    hub_metrics_deinit(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_counts_once_when_its_turn_has_written),
        cmocka_unit_test(a_turn_with_too_many_events_measures_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
