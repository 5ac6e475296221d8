#include "shared/key_watch.h"

#include <stdlib.h>

#include "shared/alloc.h"

enum { RETRY_FIRST_MS = 5000, RETRY_MOST_MS = 60000 };

struct osy_key_watch {
    uv_fs_poll_t poll;
    uv_timer_t retry;
    uv_work_t work;
    struct osy_keyring *keyring; /* borrowed */
    osy_keys_changed_fn on_changed;
    void *context;
    bool is_reading;   /* the thread pool has the work */
    bool is_stale;     /* the folder has changed since it began to read */
    uint64_t retry_ms; /* the next pause */
    bool is_closing;
    int open_handles;
    bool is_read, is_changed; /* what the work found */
    struct osy_error err;
};

static void free_when_done(struct osy_key_watch *watch)
{
    if (watch->open_handles == 0 && !watch->is_reading)
        free(watch);
}

static void read_folder(uv_work_t *work)
{
    struct osy_key_watch *watch = work->data;
    watch->is_read = osy_keyring_reload(watch->keyring, &watch->is_changed, &watch->err);
}

static void start_reading(struct osy_key_watch *watch);

static void on_retry(uv_timer_t *timer)
{
    start_reading(timer->data);
}

/* A folder that cannot be read today, or a key service that is away, may be there in a moment; a file that is broken will
 * change the folder when it is replaced. */
static void retry_later(struct osy_key_watch *watch)
{
    if (watch->is_read || watch->err.code == OSY_ERR_INVALID) {
        watch->retry_ms = RETRY_FIRST_MS;
        return;
    }
    uv_timer_start(&watch->retry, on_retry, watch->retry_ms, 0);
    watch->retry_ms = watch->retry_ms * 2 < RETRY_MOST_MS ? watch->retry_ms * 2 : RETRY_MOST_MS;
}

static void on_read(uv_work_t *work, int status)
{
    struct osy_key_watch *watch = work->data;
    watch->is_reading = false;
    if (watch->is_closing) {
        free_when_done(watch);
        return;
    }
    if (status == 0 && (!watch->is_read || watch->is_changed))
        watch->on_changed(watch->context, watch->is_read ? NULL : &watch->err);
    if (watch->is_stale)
        start_reading(watch);
    else
        retry_later(watch);
}

static void start_reading(struct osy_key_watch *watch)
{
    uv_timer_stop(&watch->retry);
    watch->is_stale = false;
    watch->is_reading = uv_queue_work(watch->poll.loop, &watch->work, read_folder, on_read) == 0;
}

static void on_folder_changed(uv_fs_poll_t *poll, int status, const uv_stat_t *before,
                              const uv_stat_t *after)
{
    struct osy_key_watch *watch = poll->data;
    (void)before;
    (void)after;
    (void)status; /* a folder that is gone is an error when it is read */
    if (watch->is_reading)
        watch->is_stale = true;
    else
        start_reading(watch);
}

struct osy_key_watch *osy_key_watch_create(uv_loop_t *loop, struct osy_keyring *keyring,
                                           osy_keys_changed_fn on_changed, void *context)
{
    struct osy_key_watch *watch = osy_alloc(sizeof *watch);
    watch->keyring = keyring;
    watch->on_changed = on_changed;
    watch->context = context;
    watch->work.data = watch;
    watch->retry_ms = RETRY_FIRST_MS;
    watch->open_handles = 2;
    uv_timer_init(loop, &watch->retry);
    watch->retry.data = watch;
    uv_fs_poll_init(loop, &watch->poll);
    watch->poll.data = watch;
    uv_fs_poll_start(&watch->poll, on_folder_changed, osy_keyring_folder(keyring),
                     OSY_KEY_WATCH_INTERVAL_MS);
    return watch;
}

static void on_closed(uv_handle_t *handle)
{
    struct osy_key_watch *watch = handle->data;
    watch->open_handles--;
    free_when_done(watch);
}

void osy_key_watch_destroy(struct osy_key_watch *watch)
{
    if (!watch)
        return;
    watch->is_closing = true;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
    uv_close((uv_handle_t *)&watch->retry, on_closed);
}
