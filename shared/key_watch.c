#include "shared/key_watch.h"

#include <stdlib.h>

#include "shared/alloc.h"

struct osy_key_watch {
    uv_fs_poll_t poll;
    uv_work_t work;
    struct osy_keyring *keyring; /* borrowed */
    osy_keys_changed_fn on_changed;
    void *context;
    bool is_reading; /* the thread pool has the work */
    bool is_stale;   /* the folder has changed since it began to read */
    bool is_closing, is_closed;
    bool is_read, is_changed; /* what the work found */
    struct osy_error err;
};

static void free_when_done(struct osy_key_watch *watch)
{
    if (watch->is_closed && !watch->is_reading)
        free(watch);
}

static void read_folder(uv_work_t *work)
{
    struct osy_key_watch *watch = work->data;
    watch->is_read = osy_keyring_reload(watch->keyring, &watch->is_changed, &watch->err);
}

static void start_reading(struct osy_key_watch *watch);

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
}

static void start_reading(struct osy_key_watch *watch)
{
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
    uv_fs_poll_init(loop, &watch->poll);
    watch->poll.data = watch;
    uv_fs_poll_start(&watch->poll, on_folder_changed, osy_keyring_folder(keyring),
                     OSY_KEY_WATCH_INTERVAL_MS);
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
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
