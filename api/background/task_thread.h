/*
 * A task thread: a thread that runs its tasks one after the other, each at its interval, until it is
 * stopped. A failure is logged when it begins and when it ends, not at every try.
 * The waits use the monotonic clock: a leap of the wall clock must not hold back a task.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

/* A row of the owner's table; the table ends with a zeroed row. */
struct api_task {
    const char *name; /* static; in the log */
    int64_t interval_ms;
    /* On the thread; may block. *more: there is more to do at once, after the other tasks had their turn. */
    bool (*run)(void *context, bool *more, struct osy_error *err);
};

struct api_task_thread;

/* Copies tasks; context, which is given to them, is borrowed. NULL with OSY_ERR_IO without a thread. */
struct api_task_thread *api_task_thread_start(const struct api_task *tasks, void *context,
                                              struct osy_error *err);
/* Waits for the task under way, then ends the thread. NULL is fine. */
void api_task_thread_stop(struct api_task_thread *thread);
