#include "api/menus/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "api/db/scope.h"
#include "api/http/workers.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

enum {
    KEY_BYTES = 80,
    LOOK_EVERY_MS = 10,  /* while another process reads, */
    LOOK_MOST_MS = 1000, /* and for so long: then it has died, or is no faster than we are */
    AWAY_MS = 1000,      /* a Redis that has failed is left alone for so long */
};
#define LOCK_MS_TEXT  "3000" /* for whoever dies with it */
#define SLOW_READER_S "60"   /* statements end by themselves long before */

/* A read that is under way, and those who wait for it. The first of them does it. */
struct read {
    struct osy_uuid restaurant_id; /* key */
    UT_hash_handle hh;
    bool is_listed, is_done, ok;
    size_t users;
    struct osy_buffer menu;
    struct osy_error err;
};

struct api_menu_cache {
    pthread_mutex_t lock; /* guards reads and what is in them */
    pthread_cond_t done;
    struct read *reads;
    atomic_int_least64_t away_until_ms; /* Redis; monotonic */
    struct osy_metric *hits, *misses, *reads_total;
};

struct api_menu_cache *api_menu_cache_create(struct osy_metrics *metrics)
{
    struct api_menu_cache *cache = osy_alloc(sizeof *cache);
    pthread_condattr_t monotonic;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&cache->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    cache->hits = osy_metrics_counter(metrics, "cache_hits_total", "Menus that Redis had");
    cache->misses = osy_metrics_counter(metrics, "cache_misses_total", "Menus that Redis had not");
    cache->reads_total =
        osy_metrics_counter(metrics, "menu_reads_total", "Menus that were read from PostgreSQL");
    return cache;
}

void api_menu_cache_destroy(struct api_menu_cache *cache)
{
    if (!cache)
        return;
    pthread_cond_destroy(&cache->done);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* ---- Redis ---- */

/* The keys of a restaurant; the braces keep them in its slot. */
struct keys {
    char menu[KEY_BYTES], changed[KEY_BYTES], lock[KEY_BYTES];
};

static struct keys name_keys(const struct osy_uuid *restaurant_id)
{
    struct keys keys;
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, id);
    snprintf(keys.menu, sizeof keys.menu, "os:cache:menu:{%s}", id);
    snprintf(keys.changed, sizeof keys.changed, "os:cache:menu:{%s}:changed", id);
    snprintf(keys.lock, sizeof keys.lock, "os:cache:menu:{%s}:lock", id);
    return keys;
}

static bool is_away(struct api_menu_cache *cache)
{
    return osy_clock_monotonic_ms() < atomic_load(&cache->away_until_ms);
}

/* One line when it begins; menus are read from PostgreSQL meanwhile. */
static void note_away(struct api_menu_cache *cache, const struct osy_error *err)
{
    if (!is_away(cache))
        OSY_WARN("menu_cache_away", OSY_ERR(err));
    atomic_store(&cache->away_until_ms, osy_clock_monotonic_ms() + AWAY_MS);
}

static void copy_menu(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    (void)err;
    if (reply->type == OSY_REDIS_STRING)
        osy_buffer_append(context, reply->text, reply->length);
}

/* Whether Redis has it. */
static bool find_kept(struct api_menu_cache *cache, struct api_worker *worker,
                      const struct osy_uuid *restaurant_id, const struct keys *keys,
                      struct osy_buffer *menu)
{
    struct osy_error err = {0};
    size_t before = menu->length;
    if (is_away(cache))
        return false;
    if (!osy_redis_blocking_shards_command(worker->redis, restaurant_id, 2,
                                           (const char *const[]){"GET", keys->menu}, NULL,
                                           copy_menu, menu, &err))
        note_away(cache, &err);
    return menu->length > before;
}

static void copy_is_set(void *context, const struct osy_redis_reply *reply,
                        const struct osy_error *err)
{
    (void)err;
    *(bool *)context = reply->type == OSY_REDIS_STRING;
}

/* Whether we are to read. When Redis cannot tell, we are. */
static bool take_lock(struct api_menu_cache *cache, struct api_worker *worker,
                      const struct osy_uuid *restaurant_id, const struct keys *keys)
{
    struct osy_error err = {0};
    bool is_ours = false;
    const char *const command[] = {"SET", keys->lock, "1", "NX", "PX", LOCK_MS_TEXT};
    if (is_away(cache))
        return true;
    if (osy_redis_blocking_shards_command(worker->redis, restaurant_id, 6, command, NULL,
                                          copy_is_set, &is_ours, &err))
        return is_ours;
    note_away(cache, &err);
    return true;
}

/* Nothing came of our read that the others could find. */
static void give_lock(struct api_menu_cache *cache, struct api_worker *worker,
                      const struct osy_uuid *restaurant_id, const struct keys *keys)
{
    struct osy_error err = {0};
    if (!is_away(cache) && !osy_redis_blocking_shards_command(
                               worker->redis, restaurant_id, 2,
                               (const char *const[]){"DEL", keys->lock}, NULL, NULL, NULL, &err))
        note_away(cache, &err);
}

static void sleep_ms(long ms)
{
    struct timespec left = {.tv_nsec = ms * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* Another process reads: whether it has come to an end of that in time. */
static bool await_other(struct api_menu_cache *cache, struct api_worker *worker,
                        const struct osy_uuid *restaurant_id, const struct keys *keys,
                        struct osy_buffer *menu)
{
    int64_t end_ms = osy_clock_monotonic_ms() + LOOK_MOST_MS;
    while (!is_away(cache) && osy_clock_monotonic_ms() < end_ms) {
        sleep_ms(LOOK_EVERY_MS);
        if (find_kept(cache, worker, restaurant_id, keys, menu))
            return true;
    }
    return false;
}

static bool eval(struct osy_redis_blocking_shards *redis, const struct osy_uuid *restaurant_id,
                 const char *text, int key_count, int argc, const char *const *argv,
                 const size_t *lengths, struct osy_error *err)
{
    struct osy_redis_script script;
    osy_redis_script_init(&script, text);
    return osy_redis_blocking_shards_eval(redis, restaurant_id, &script, key_count, argc, argv,
                                          lengths, NULL, NULL, err);
}

static void keep(struct api_menu_cache *cache, struct api_worker *worker,
                 const struct osy_uuid *restaurant_id, const struct keys *keys, const char *seq,
                 const char *menu, int64_t holds_ms)
{
    struct osy_error err = {0};
    char holds[24];
    if (is_away(cache))
        return;
    if (holds_ms <= 0) {
        give_lock(cache, worker, restaurant_id, keys);
        return;
    }
    snprintf(holds, sizeof holds, "%" PRId64, holds_ms);
    const char *argv[] = {keys->menu, keys->changed, keys->lock, seq, menu, holds};
    if (!eval(worker->redis, restaurant_id, lua_put_cached_menu, 3, 6, argv, NULL, &err))
        note_away(cache, &err);
}

bool api_menu_cache_end(struct osy_redis_blocking_shards *redis,
                        const struct osy_uuid *restaurant_id, uint64_t seq, struct osy_error *err)
{
    struct keys keys = name_keys(restaurant_id);
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, seq);
    const char *argv[] = {keys.menu, keys.changed, number, SLOW_READER_S};
    return eval(redis, restaurant_id, lua_end_cached_menu, 2, 4, argv, NULL, err);
}

/* ---- PostgreSQL ---- */

/* Columns of find_menu.sql. */
enum { MENU_JSON = 0, MENU_SEQ, MENU_VALID_MS };

static bool read_menu(struct api_menu_cache *cache, struct api_worker *worker,
                      const struct osy_uuid *restaurant_id, const struct keys *keys,
                      struct osy_buffer *menu, struct osy_error *err)
{
    const struct api_db_scope scope = {.restaurant_id = restaurant_id};
    char id[OSY_UUID_TEXT_BYTES];
    int64_t began_ms = osy_clock_monotonic_ms();
    osy_uuid_format(restaurant_id, id);
    osy_metric_inc(cache->reads_total);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_menu, 1, (const char *const[]){id}, err);
    bool ok = row && PQntuples(row) == 1;
    if (row && !ok)
        osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such restaurant");
    if (ok) {
        int64_t valid_ms = strtoll(PQgetvalue(row, 0, MENU_VALID_MS), NULL, 10);
        osy_buffer_append(menu, PQgetvalue(row, 0, MENU_JSON),
                          (size_t)PQgetlength(row, 0, MENU_JSON));
        keep(cache, worker, restaurant_id, keys, PQgetvalue(row, 0, MENU_SEQ),
             PQgetvalue(row, 0, MENU_JSON), valid_ms - (osy_clock_monotonic_ms() - began_ms));
    } else {
        give_lock(cache, worker, restaurant_id, keys);
    }
    PQclear(row);
    return ok;
}

static bool read_or_await(struct api_menu_cache *cache, struct api_worker *worker,
                          const struct osy_uuid *restaurant_id, struct osy_buffer *menu,
                          struct osy_error *err)
{
    struct keys keys = name_keys(restaurant_id);
    bool is_ours = take_lock(cache, worker, restaurant_id, &keys);
    /* Who had the lock before may have kept it since we have looked. */
    if (is_ours ? find_kept(cache, worker, restaurant_id, &keys, menu)
                : await_other(cache, worker, restaurant_id, &keys, menu))
        return true;
    return read_menu(cache, worker, restaurant_id, &keys, menu, err);
}

/* ---- one read for all ---- */

/* Holds the lock. */
static void unlist(struct api_menu_cache *cache, struct read *read)
{
    if (read->is_listed)
        HASH_DEL(cache->reads, read);
    read->is_listed = false;
}

/* Holds the lock. */
static struct read *list_read(struct api_menu_cache *cache, const struct osy_uuid *restaurant_id)
{
    struct read *read = osy_alloc(sizeof *read);
    read->restaurant_id = *restaurant_id;
    read->is_listed = true;
    HASH_ADD(hh, cache->reads, restaurant_id, sizeof read->restaurant_id, read);
    return read;
}

/* Holds the lock. Until it is done or the caller's time is over: a reader that hangs does not hang all other workers. */
static void await_end(struct api_menu_cache *cache, const struct read *read, int64_t deadline_ms)
{
    const struct timespec deadline = {.tv_sec = deadline_ms / 1000,
                                      .tv_nsec = deadline_ms % 1000 * 1000000};
    int failure = 0;
    while (!read->is_done && failure == 0)
        failure = pthread_cond_timedwait(&cache->done, &cache->lock, &deadline);
}

/* Holds the lock. Takes what came of it, and lets go. */
static bool leave(struct read *read, struct osy_buffer *menu, struct osy_error *err)
{
    bool ok = read->is_done && read->ok;
    if (ok)
        osy_buffer_append(menu, read->menu.bytes, read->menu.length);
    else if (!read->is_done)
        osy_error_set(err, OSY_ERR_IO, "another worker has not read the menu in time");
    else if (err)
        *err = read->err;
    if (--read->users == 0) {
        osy_buffer_deinit(&read->menu);
        free(read);
    }
    return ok;
}

static bool share_read(struct api_menu_cache *cache, struct api_worker *worker,
                       const struct osy_uuid *restaurant_id, struct osy_buffer *menu,
                       struct osy_error *err)
{
    struct read *read;
    pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->reads, restaurant_id, sizeof *restaurant_id, read);
    bool is_first = !read;
    if (is_first)
        read = list_read(cache, restaurant_id);
    read->users++;
    if (is_first) {
        pthread_mutex_unlock(&cache->lock);
        bool ok = read_or_await(cache, worker, restaurant_id, &read->menu, &read->err);
        pthread_mutex_lock(&cache->lock);
        unlist(cache, read);
        read->ok = ok;
        read->is_done = true;
        pthread_cond_broadcast(&cache->done);
    }
    await_end(cache, read, osy_pg_answer_deadline(worker->pg));
    bool ok = leave(read, menu, err);
    pthread_mutex_unlock(&cache->lock);
    return ok;
}

void api_menu_cache_forget_reads(struct api_menu_cache *cache, const struct osy_uuid *restaurant_id)
{
    struct read *read;
    pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->reads, restaurant_id, sizeof *restaurant_id, read);
    if (read)
        unlist(cache, read);
    pthread_mutex_unlock(&cache->lock);
}

bool api_menu_cache_read(struct api_menu_cache *cache, struct api_worker *worker,
                         const struct osy_uuid *restaurant_id, struct osy_buffer *menu,
                         struct osy_error *err)
{
    struct keys keys = name_keys(restaurant_id);
    if (find_kept(cache, worker, restaurant_id, &keys, menu)) {
        osy_metric_inc(cache->hits);
        return true;
    }
    osy_metric_inc(cache->misses);
    return share_read(cache, worker, restaurant_id, menu, err);
}
