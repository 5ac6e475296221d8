#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/clock.h"

static void known_times_are_formatted(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {482196050520, "1985-04-12T23:20:50.520Z"}, /* RFC 3339 section 5.8 */
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1769860800123, "2026-01-31T12:00:00.123Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char text[OSY_TIME_TEXT_BYTES];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        osy_time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_true(osy_time_parse(text, strlen(text), &back));
        if (cases[i].ms != INT64_MIN && cases[i].ms != INT64_MAX)
            assert_int_equal(back, cases[i].ms);
    }
}

static void fractions_of_any_length_are_read_to_the_millisecond(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00.5Z", 500},          {"1970-01-01T00:00:00.05Z", 50},
        {"1970-01-01T00:00:00.1239Z", 123},       {"1970-01-01T00:00:00.000999999Z", 0},
        {"1970-01-01T00:00:01.123456789Z", 1123},
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(osy_time_parse(cases[i].text, strlen(cases[i].text), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567890Z",
        "2026-01-31T12:00:00.123",
        "2026-01-31T12:00:00.123z",
        "2026-01-31t12:00:00.123Z",
        "2026-01-31 12:00:00.123Z",
        "2026-01-31T12:00:00,123Z",
        "2026-01-31T12:00:00.123+00:00",
        "2026-01-31T12:00:00.123ZZ",
        "2026-13-01T12:00:00.123Z",
        "2026-00-01T12:00:00.123Z",
        "2026-02-29T12:00:00.123Z",
        "1900-02-29T12:00:00.123Z",
        "2026-04-31T12:00:00.123Z",
        "2026-01-00T12:00:00.123Z",
        "2026-01-31T24:00:00.000Z",
        "2026-01-31T12:60:00.000Z",
        "1990-12-31T23:59:60.000Z",
        "+026-01-31T12:00:00.123Z",
        "2026-01-31T12:00:00.12-Z",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(osy_time_parse(texts[i], strlen(texts[i]), &ms));
}

static void the_monotonic_clock_does_not_descend(void **state)
{
    uint64_t before_ns = osy_clock_monotonic_ns();
    int64_t before_ms = osy_clock_monotonic_ms();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = osy_clock_monotonic_ns();

        assert_true(now_ns >= before_ns);
        before_ns = now_ns;
    }
    assert_true(osy_clock_monotonic_ms() >= before_ms);
    assert_true(osy_clock_wall_ms() > 1700000000000);
}

/* timegm counts them otherwise. */
static void every_day_of_ten_thousand_years_is_read_as_timegm_counts_it(void **state)
{
    struct tm tm = {.tm_year = 0 - 1900, .tm_mday = 1, .tm_hour = 23, .tm_min = 58, .tm_sec = 57};
    char text[OSY_TIME_TEXT_BYTES];

    (void)state;
    for (int64_t s = timegm(&tm); tm.tm_year + 1900 <= 9999; s += 86400) {
        int64_t parsed_ms = 0;

        osy_time_format(s * 1000 + 123, text);
        assert_true(osy_time_parse(text, strlen(text), &parsed_ms));
        assert_int_equal(parsed_ms, s * 1000 + 123);
        time_t next = (time_t)s + 86400;
        gmtime_r(&next, &tm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_are_formatted),
        cmocka_unit_test(fractions_of_any_length_are_read_to_the_millisecond),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(the_monotonic_clock_does_not_descend),
        cmocka_unit_test(every_day_of_ten_thousand_years_is_read_as_timegm_counts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
