/* Time: wall time for what people and other machines see, monotonic time for every timeout. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSY_TIME_TEXT_BYTES 25 /* "2026-01-31T12:00:00.123Z" and its NUL */

int64_t osy_clock_wall_ms(void);      /* since 1970, UTC */
int64_t osy_clock_monotonic_ms(void); /* since some fixed point */
uint64_t osy_clock_monotonic_ns(void);
/* RFC 3339 with milliseconds, UTC. Years 0000 to 9999; others are clamped. */
void osy_time_format(int64_t wall_ms, char text[OSY_TIME_TEXT_BYTES]);
/* Accepts exactly the form above (any number of fraction digits from 1 to 9, `Z` only). */
bool osy_time_parse(const char *text, size_t length, int64_t *wall_ms);
