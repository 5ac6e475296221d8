#include "api/background/task_thread.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/log.h"

struct scheduled_task {
    struct api_task task;
    int64_t due_ms; /* monotonic */
    bool failing;
};

struct api_task_thread {
    struct scheduled_task *tasks; /* owned */
    size_t count;
    void *context; /* borrowed */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;
};

static void run_task(struct api_task_thread *thread, struct scheduled_task *scheduled)
{
    const struct api_task *task = &scheduled->task;
    struct osy_error err = {0};
    bool more = false;
    bool ok = !OSY_FAILPOINT_ERROR("work.before_task", "a task of the worker runs", &err) &&
              task->run(thread->context, &more, &err);
    if (!ok && !scheduled->failing)
        OSY_WARN("background_task_failing", OSY_STR("task", task->name), OSY_ERR(&err));
    if (ok && scheduled->failing)
        OSY_INFO("background_task_recovered", OSY_STR("task", task->name));
    scheduled->failing = !ok;
    scheduled->due_ms = osy_clock_monotonic_ms() + (ok && more ? 0 : task->interval_ms);
}

/* Sleeps until the next task is due or the end has come. Returns whether to go on. */
static bool wait_for_task(struct api_task_thread *thread)
{
    int64_t due_ms = thread->tasks[0].due_ms;
    for (size_t i = 1; i < thread->count; i++) {
        if (thread->tasks[i].due_ms < due_ms)
            due_ms = thread->tasks[i].due_ms;
    }
    struct timespec until = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
    int timed_out = 0;
    pthread_mutex_lock(&thread->mutex);
    while (!thread->stopping && timed_out == 0)
        timed_out = pthread_cond_timedwait(&thread->wake, &thread->mutex, &until);
    bool go_on = !thread->stopping;
    pthread_mutex_unlock(&thread->mutex);
    return go_on;
}

static void *run_thread(void *context)
{
    struct api_task_thread *thread = context;
    while (wait_for_task(thread)) {
        int64_t now_ms = osy_clock_monotonic_ms();
        for (size_t i = 0; i < thread->count; i++) {
            if (thread->tasks[i].due_ms <= now_ms)
                run_task(thread, &thread->tasks[i]);
        }
    }
    return NULL;
}

static void init_wake(struct api_task_thread *thread)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void free_thread(struct api_task_thread *thread)
{
    pthread_cond_destroy(&thread->wake);
    pthread_mutex_destroy(&thread->mutex);
    free(thread->tasks);
    free(thread);
}

struct api_task_thread *api_task_thread_start(const struct api_task *tasks, void *context,
                                              struct osy_error *err)
{
    struct api_task_thread *thread = osy_alloc(sizeof *thread);
    int64_t now_ms = osy_clock_monotonic_ms();
    while (tasks[thread->count].run)
        thread->count++;
    thread->tasks = osy_alloc(thread->count * sizeof *thread->tasks);
    for (size_t i = 0; i < thread->count; i++)
        thread->tasks[i] = (struct scheduled_task){.task = tasks[i], .due_ms = now_ms};
    thread->context = context;
    init_wake(thread);
    if (pthread_create(&thread->thread, NULL, run_thread, thread) == 0)
        return thread;
    osy_error_set(err, OSY_ERR_IO, "cannot start the thread of the task '%s'", tasks[0].name);
    free_thread(thread);
    return NULL;
}

void api_task_thread_stop(struct api_task_thread *thread)
{
    if (!thread)
        return;
    pthread_mutex_lock(&thread->mutex);
    thread->stopping = true;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->thread, NULL);
    free_thread(thread);
}
