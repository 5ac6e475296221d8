/* Opening hours and moments as requests name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/moment.h"
#include "api/restaurants/opening.h"
#include "shared/clock.h"
#include "shared/json.h"

enum { MINUTE_MS = 60 * 1000 };

/* "" when the hours are good, else what is said about them. */
static const char *complaint_about(const char *text)
{
    static struct osy_error err;
    struct api_opening opening;
    err = (struct osy_error){0};
    json_t *root = osy_json_parse(text, strlen(text), JSON_OBJECT, &err);
    bool ok = root && api_opening_read(root, &opening, &err);
    json_decref(root);
    return ok ? "" : err.message;
}

static void good_hours_are_taken(void **state)
{
    static const char *const good[] = {
        "{\"time_zone\":\"Asia/Seoul\",\"weekly\":null}",
        "{\"time_zone\":\"Asia/Seoul\",\"weekly\":{}}",
        "{\"time_zone\":\"UTC\",\"weekly\":{\"monday\":[{\"opens\":\"00:00\",\"closes\":\"24:00\"}]}}",
        ("{\"time_zone\":\"UTC\",\"weekly\":{\"monday\":[{\"opens\":\"10:00\",\"closes\":\"12:00\"},"
         "{\"opens\":\"12:00\",\"closes\":\"10:00\"}]}}"),
        "{\"time_zone\":\"UTC\",\"weekly\":{},\"exceptions\":[{\"date\":\"2028-02-29\",\"ranges\":[]}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_string_equal(complaint_about(good[i]), "");
}

static void bad_hours_are_refused_by_name(void **state)
{
    static const struct {
        const char *text, *field;
    } bad[] = {
        {"{\"time_zone\":\"UTC\"}", "'weekly'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{\"tuesday\":[{\"opens\":\"1\",\"closes\":\"12:00\"}]}}",
         "'weekly.tuesday[0].opens'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{\"tuesday\":[{\"opens\":\"10:00\",\"closes\":\"24:01\"}]}}",
         "'weekly.tuesday[0].closes'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{\"tuesday\":[{\"opens\":\"20:00\",\"closes\":\"04:00\"},"
         "{\"opens\":\"22:00\",\"closes\":\"23:00\"}]}}",
         "'weekly.tuesday[1]'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{},\"exceptions\":[{\"date\":\"2100-02-29\",\"ranges\":[]}]}",
         "'exceptions[0].date'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{},\"exceptions\":[{\"date\":\"2027-1-001\",\"ranges\":[]}]}",
         "'exceptions[0].date'"},
        {"{\"time_zone\":\"UTC\",\"weekly\":{},\"exceptions\":[{\"date\":\"2027-00-10\",\"ranges\":[]}]}",
         "'exceptions[0].date'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(strstr(complaint_about(bad[i].text), bad[i].field));
}

static void a_reason_is_kept_without_the_space_around_it(void **state)
{
    static const char text[] = "{\"time_zone\":\"UTC\",\"weekly\":{},\"exceptions\":[{\"date\":"
                               "\"2026-12-25\",\"ranges\":[],\"reason\":\"  Christmas \"}]}";
    struct osy_error err = {0};
    struct api_opening opening;
    (void)state;
    json_t *root = osy_json_parse(text, strlen(text), JSON_OBJECT, &err);
    assert_true(api_opening_read(root, &opening, &err));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(opening.exceptions, 0), "reason")),
        "Christmas");
    json_decref(root);
}

static void a_moment_is_named_by_minutes_or_as_a_time(void **state)
{
    struct api_moment moment = {"minutes", "until", 60, 0, NULL};
    struct osy_error err = {0};
    char text[OSY_TIME_TEXT_BYTES];
    int64_t wall_ms = 1, now_ms = osy_clock_wall_ms();
    (void)state;
    assert_true(api_moment_read(&moment, &wall_ms, &err));
    assert_int_equal(wall_ms, 0);

    moment.minutes = 10;
    assert_true(api_moment_read(&moment, &wall_ms, &err));
    assert_in_range(wall_ms, now_ms + 10 * MINUTE_MS, now_ms + 11 * MINUTE_MS);

    osy_time_format(now_ms + 30 * MINUTE_MS, text);
    moment.time = text;
    assert_false(api_moment_read(&moment, &wall_ms, &err));
    assert_non_null(strstr(err.message, "'until'"));
    moment.minutes = 0;
    assert_true(api_moment_read(&moment, &wall_ms, &err));
    assert_int_equal(wall_ms, now_ms + 30 * MINUTE_MS);
}

static void a_moment_that_is_over_or_too_far_away_is_refused(void **state)
{
    static const int minutes[] = {-2, 90};
    char text[OSY_TIME_TEXT_BYTES];
    struct api_moment moment = {"minutes", "until", 60, 0, text};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct osy_error err = {0};
        int64_t wall_ms;
        osy_time_format(osy_clock_wall_ms() + minutes[i] * MINUTE_MS, text);
        assert_false(api_moment_read(&moment, &wall_ms, &err));
        assert_non_null(strstr(err.message, "'until'"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_hours_are_taken),
        cmocka_unit_test(bad_hours_are_refused_by_name),
        cmocka_unit_test(a_reason_is_kept_without_the_space_around_it),
        cmocka_unit_test(a_moment_is_named_by_minutes_or_as_a_time),
        cmocka_unit_test(a_moment_that_is_over_or_too_far_away_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
