#include "shared/clock.h"

#include <time.h>

#include "shared/bug.h"

#define YEAR_0000_MS INT64_C(-62167219200000)
#define YEAR_9999_MS INT64_C(253402300799999) /* its last millisecond */

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t osy_clock_wall_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t osy_clock_monotonic_ms(void)
{
    bool is_wall = OSY_BUG("timers_on_wall_clock", "timers run by a clock that can leap");
    return read_clock_ms(is_wall ? CLOCK_REALTIME : CLOCK_MONOTONIC);
}

uint64_t osy_clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void put_digits(char *at, int count, int value)
{
    while (count-- > 0) {
        at[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void osy_time_format(int64_t wall_ms, char text[OSY_TIME_TEXT_BYTES])
{
    static const char pattern[OSY_TIME_TEXT_BYTES] = "0000-00-00T00:00:00.000Z";
    struct tm tm;
    time_t seconds;
    int ms;

    if (wall_ms < YEAR_0000_MS)
        wall_ms = YEAR_0000_MS;
    if (wall_ms > YEAR_9999_MS)
        wall_ms = YEAR_9999_MS;
    ms = (int)((wall_ms % 1000 + 1000) % 1000); /* the fraction counts upwards before 1970 too */
    seconds = (time_t)((wall_ms - ms) / 1000);
    gmtime_r(&seconds, &tm);
    for (size_t i = 0; i < sizeof pattern; i++)
        text[i] = pattern[i];
    put_digits(text, 4, tm.tm_year + 1900);
    put_digits(text + 5, 2, tm.tm_mon + 1);
    put_digits(text + 8, 2, tm.tm_mday);
    put_digits(text + 11, 2, tm.tm_hour);
    put_digits(text + 14, 2, tm.tm_min);
    put_digits(text + 17, 2, tm.tm_sec);
    put_digits(text + 20, 3, ms);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(const char *at, int count, int least, int most, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(at[i]))
            return false;
        *value = *value * 10 + (at[i] - '0');
    }
    return *value >= least && *value <= most;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

#define MS_PER_DAY       INT64_C(86400000)
#define DAYS_BEFORE_1970 865566 /* from the end of February of the year -400 */

/*
 * Days from 1970-01-01, which timegm would count at ten times the price, taking locks. A year begins in March here:
 * so its leap day is its last, and the lengths of its months are those of a line with a slope of 153 / 5.
 */
static int64_t days_before(int year, int month, int day)
{
    int years = year + 400 - (month <= 2); /* since March of the year -400: never negative */
    int months = month + (month <= 2 ? 9 : -3);
    int days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day;

    return (int64_t)days - DAYS_BEFORE_1970;
}

/* "1" to "9 digits" and the Z. Digits behind the third are read and forgotten. */
static bool take_fraction(const char *at, size_t length, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (length < 2 || length > 10 || at[length - 1] != 'Z')
        return false;
    for (size_t i = 0; i < length - 1; i++, scale /= 10) {
        if (!is_digit(at[i]))
            return false;
        *ms += (at[i] - '0') * scale;
    }
    return true;
}

bool osy_time_parse(const char *text, size_t length, int64_t *wall_ms)
{
    int year, month, day, hour, minute, second, ms;

    if (length < sizeof "2026-01-31T12:00:00.1Z" - 1 || text[4] != '-' || text[7] != '-' ||
        text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.')
        return false;
    if (!take_digits(text, 4, 0, 9999, &year) || !take_digits(text + 5, 2, 1, 12, &month) ||
        !take_digits(text + 8, 2, 1, days_of_month(year, month), &day) ||
        !take_digits(text + 11, 2, 0, 23, &hour) || !take_digits(text + 14, 2, 0, 59, &minute) ||
        !take_digits(text + 17, 2, 0, 59, &second) || !take_fraction(text + 20, length - 20, &ms))
        return false;
    *wall_ms = days_before(year, month, day) * MS_PER_DAY +
               ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
    return true;
}
