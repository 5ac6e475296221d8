/*
 * Deadlines: a timing wheel for many coarse timeouts, so that a connection costs no timer of its own.
 * Setting, moving and clearing is O(1); expiry is noticed up to one tick late. Time is passed in, and no
 * clock is read here.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define API_DEADLINES_TICK_MS 250
#define API_DEADLINES_SLOTS   512 /* 128 s; a later one stays in its slot for another round */

struct api_deadline { /* embed it; zeroed but for fn and owner means not set */
    void (*fn)(void *owner);
    void *owner;
    struct api_deadline *next, **link;
    int64_t due_ms;
};

struct api_deadlines {
    struct api_deadline *slots[API_DEADLINES_SLOTS];
    int64_t tick; /* the last one that was swept */
};

void api_deadlines_init(struct api_deadlines *deadlines, int64_t now_ms);
void api_deadlines_set(struct api_deadlines *deadlines, struct api_deadline *deadline,
                       int64_t due_ms); /* moves one that is set; due_ms is not in the past */
void api_deadline_clear(struct api_deadline *deadline); /* also when it is not set */
/* Clears each one that is due and calls its fn, which may set and clear any deadline. */
void api_deadlines_sweep(struct api_deadlines *deadlines, int64_t now_ms);
