#include "shared/key_watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/alloc.h"

enum { RETRY_FIRST_MS = OSY_KEY_WATCH_INTERVAL_MS, RETRY_MOST_MS = 60000 };

struct osy_key_watch {
    uv_timer_t timer;
    uv_work_t work;
    struct osy_keyring *keyring; /* borrowed */
    osy_keys_changed_fn on_changed;
    void *context;
    bool is_working; /* the thread pool has the work */
    bool is_closing, is_closed;
    struct osy_error told;          /* the last failure; none: the last read went well */
    uint64_t pause_ms, retry_at_ms; /* after a failure */

    /* the work's, and between two of them the loop's */
    bool is_due;            /* to be read, changed or not */
    struct stat seen;       /* the folder, before it was last read; all zero: not yet */
    bool was_read;          /* this time, */
    bool is_ok, is_changed; /* and so it went */
    struct osy_error err;
};

static void free_when_done(struct osy_key_watch *watch)
{
    if (watch->is_closed && !watch->is_working)
        free(watch);
}

/* ---- on the thread pool ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* It is looked at before it is read: what changes meanwhile is another change, and found the next time. */
static void look(uv_work_t *work)
{
    struct osy_key_watch *watch = work->data;
    struct stat now = {0}; /* a folder that is gone is an error when it is read */
    (void)stat(osy_keyring_folder(watch->keyring), &now);
    watch->was_read = watch->is_due || !is_same(&now, &watch->seen);
    if (!watch->was_read)
        return;
    watch->is_ok = osy_keyring_reload(watch->keyring, &watch->is_changed, &watch->err);
    watch->seen = now;
}

/* ---- on the loop ---- */

/* A broken file can be mended, and a key service come back, without any change of the folder. */
static void plan_retry(struct osy_key_watch *watch)
{
    watch->is_due = false;
    if (watch->is_ok) {
        watch->pause_ms = RETRY_FIRST_MS;
        return;
    }
    watch->retry_at_ms = uv_now(watch->timer.loop) + watch->pause_ms;
    watch->pause_ms = watch->pause_ms * 2 < RETRY_MOST_MS ? watch->pause_ms * 2 : RETRY_MOST_MS;
}

/* A failure that lasts is told once. */
static void tell(struct osy_key_watch *watch)
{
    bool is_new_failure = !watch->is_ok && strcmp(watch->told.message, watch->err.message) != 0;
    watch->told = watch->is_ok ? (struct osy_error){0} : watch->err;
    if (is_new_failure || (watch->is_ok && watch->is_changed))
        watch->on_changed(watch->context, watch->is_ok ? NULL : &watch->err);
}

static void on_looked(uv_work_t *work, int status)
{
    struct osy_key_watch *watch = work->data;
    watch->is_working = false;
    if (watch->is_closing) {
        free_when_done(watch);
    } else if (status == 0 && watch->was_read) {
        plan_retry(watch);
        tell(watch);
    }
}

static void on_interval(uv_timer_t *timer)
{
    struct osy_key_watch *watch = timer->data;
    if (watch->is_working)
        return;
    if (!watch->is_ok && uv_now(timer->loop) >= watch->retry_at_ms)
        watch->is_due = true;
    watch->is_working = uv_queue_work(timer->loop, &watch->work, look, on_looked) == 0;
}

struct osy_key_watch *osy_key_watch_create(uv_loop_t *loop, struct osy_keyring *keyring,
                                           osy_keys_changed_fn on_changed, void *context)
{
    struct osy_key_watch *watch = osy_alloc(sizeof *watch);
    watch->keyring = keyring;
    watch->on_changed = on_changed;
    watch->context = context;
    watch->work.data = watch;
    watch->pause_ms = RETRY_FIRST_MS; /* is_ok is false: the first look reads */
    uv_timer_init(loop, &watch->timer);
    watch->timer.data = watch;
    uv_timer_start(&watch->timer, on_interval, 0, OSY_KEY_WATCH_INTERVAL_MS);
    return watch;
}

static void on_closed(uv_handle_t *handle)
{
    struct osy_key_watch *watch = handle->data;
    watch->is_closed = true;
    free_when_done(watch);
}

void osy_key_watch_destroy(struct osy_key_watch *watch)
{
    if (!watch)
        return;
    watch->is_closing = true;
    uv_close((uv_handle_t *)&watch->timer, on_closed);
}
