#include "api/menus/sales.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/menus/popular.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"

enum {
    REDIS_TIMEOUT_MS = 2000,
    AT_ONCE =
        1000, /* events of a restaurant; of one that nobody has counted for long, only the last so many */
    /* Orders that come while thousands of restaurants are counted are more urgent: so it takes a fifth of the time. */
    SLICE_MS = 50,
    SLICE_EVERY_MS = 200,
};
#define GRACE_MS_TEXT "0"

/* How far a restaurant is known to have been counted: streams are looked at for a while after they have moved. */
struct counted {
    struct osy_uuid restaurant_id; /* key */
    UT_hash_handle hh;
    uint64_t seq;
};

/* Where a task's next look at the streams begins; "": at all of them. */
struct pass {
    char since[48];
};

/* A pass over the streams that have moved, in slices. */
struct counting {
    struct pass pass;
    PGresult *streams; /* owned; NULL between two passes */
    int row;           /* the next of them */
    uint64_t away;     /* Redis servers that have failed in this pass: a bit for each place */
    bool has_more;     /* some restaurant has more events than are counted at once */
    int64_t due_ms;    /* monotonic: the next pass; */
    int64_t interval_ms;
    struct osy_error why; /* of the present pass' first failure, or of the whole one before it */
};

struct api_sales {
    struct osy_pg *pg; /* owned, as is all the rest */
    struct osy_redis_blocking_shards *redis;
    struct api_task_thread *thread;
    struct counted *counted;
    struct osy_buffer moved; /* restaurants, as a PostgreSQL array; of the present pass */
    struct counting counting;
    struct pass warnings;
};

/* Columns of find_changed_streams.sql. */
enum { STREAM_SINCE = 0, STREAM_SERVER, STREAM_RESTAURANT, STREAM_SEQ };

/* ---- what is sold most ---- */

static struct counted *find_counted(struct api_sales *sales, const struct osy_uuid *restaurant_id)
{
    struct counted *counted;
    HASH_FIND(hh, sales->counted, restaurant_id, sizeof *restaurant_id, counted);
    if (counted)
        return counted;
    counted = osy_alloc(sizeof *counted);
    counted->restaurant_id = *restaurant_id;
    HASH_ADD(hh, sales->counted, restaurant_id, sizeof counted->restaurant_id, counted);
    return counted;
}

static PGresult *find_sold(struct api_sales *sales, const struct osy_uuid *restaurant_id,
                           uint64_t after, uint64_t upto, struct osy_error *err)
{
    char id[OSY_UUID_TEXT_BYTES], from[24], to[24];
    osy_uuid_format(restaurant_id, id);
    snprintf(from, sizeof from, "%" PRIu64, after);
    snprintf(to, sizeof to, "%" PRIu64, upto);
    return osy_pg_query(sales->pg, sql_count_sold, 3, (const char *const[]){id, from, to}, err);
}

/* Events up to seq, or so many as are counted at once. A mark beyond seq is another worker's, who has seen later events. */
static bool count_restaurant(struct api_sales *sales, const struct osy_uuid *restaurant_id,
                             uint64_t seq, bool *more, struct osy_error *err)
{
    struct counted *known = find_counted(sales, restaurant_id);
    uint64_t mark = 0;
    bool is_known = false, is_ours = false;
    if (known->seq == seq)
        return true;
    if (!api_popular_find_mark(sales->redis, restaurant_id, &is_known, &mark, err))
        return false;
    if (is_known && mark >= seq) {
        known->seq = seq;
        return true;
    }
    uint64_t after = is_known ? mark : seq > AT_ONCE ? seq - AT_ONCE : 0;
    uint64_t upto = seq - after > AT_ONCE ? after + AT_ONCE : seq;
    PGresult *sold = find_sold(sales, restaurant_id, after, upto, err);
    bool ok = sold && api_popular_count(sales->redis, restaurant_id, is_known, mark, upto, sold,
                                        &is_ours, err);
    PQclear(sold);
    *more = *more || (ok && upto < seq);
    if (ok && is_ours)
        known->seq = upto;
    return ok;
}

/* The first failure of a server is enough for the rest of its restaurants, and no other's. */
static void count_row(struct api_sales *sales, int row)
{
    struct counting *counting = &sales->counting;
    struct osy_uuid restaurant_id;
    struct osy_error err = {0};
    const char *id = PQgetvalue(counting->streams, row, STREAM_RESTAURANT);
    if (PQgetisnull(counting->streams, row, STREAM_RESTAURANT))
        return; /* nothing has moved */
    bool ok = osy_uuid_parse(id, strlen(id), &restaurant_id);
    assert(ok); /* the column's type is uuid */
    (void)ok;
    uint64_t bit = UINT64_C(1) << osy_redis_blocking_shards_find(sales->redis, &restaurant_id);
    uint64_t seq = strtoull(PQgetvalue(counting->streams, row, STREAM_SEQ), NULL, 10);
    if ((counting->away & bit) ||
        count_restaurant(sales, &restaurant_id, seq, &counting->has_more, &err))
        return;
    if (counting->away == 0)
        counting->why = err;
    counting->away |= bit;
}

/* ---- what there is little of ---- */

static void list_restaurants(const PGresult *rows, int column, struct osy_buffer *out)
{
    osy_buffer_clear(out);
    osy_buffer_char(out, '{');
    for (int row = 0; row < PQntuples(rows); row++) {
        if (PQgetisnull(rows, row, column))
            continue;
        osy_buffer_texts(out, out->length > 1 ? "," : "", PQgetvalue(rows, row, column), NULL);
    }
    osy_buffer_char(out, '}');
}

static bool run(struct api_sales *sales, const char *sql, int count, struct osy_error *err)
{
    PGresult *done =
        osy_pg_query(sales->pg, sql, count, (const char *const[]){sales->moved.bytes}, err);
    PQclear(done);
    return done != NULL;
}

/* The events are published by the reconciler. */
static bool tell(struct api_sales *sales, struct osy_error *err)
{
    if (run(sales, "BEGIN", 0, err) && run(sales, sql_lock_streams, 1, err) &&
        run(sales, sql_tell_low_stock, 1, err) && run(sales, "COMMIT", 0, err))
        return true;
    osy_pg_reset(sales->pg); /* ends the transaction */
    return false;
}

/* Only few of those whose streams have moved have run low: no other's stream is locked. */
static bool tell_low_stock(struct api_sales *sales, const PGresult *streams, struct osy_error *err)
{
    list_restaurants(streams, STREAM_RESTAURANT, &sales->moved);
    PGresult *low = osy_pg_query(sales->pg, sql_find_low_stock, 1,
                                 (const char *const[]){sales->moved.bytes}, err);
    if (!low)
        return false;
    bool ok = true;
    if (PQntuples(low) > 0) {
        list_restaurants(low, 0, &sales->moved);
        ok = tell(sales, err);
    }
    PQclear(low);
    return ok;
}

/* ---- the clockwork ---- */

static PGresult *find_moved(struct api_sales *sales, const struct pass *pass, struct osy_error *err)
{
    const char *values[] = {*pass->since ? pass->since : NULL, GRACE_MS_TEXT};
    return osy_pg_query(sales->pg, sql_find_changed_streams, 2, values, err);
}

static void end_pass(struct pass *pass, const PGresult *streams)
{
    snprintf(pass->since, sizeof pass->since, "%s", PQgetvalue(streams, 0, STREAM_SINCE));
}

static bool begin_counting(struct api_sales *sales)
{
    struct counting *counting = &sales->counting;
    counting->streams = find_moved(sales, &counting->pass, &counting->why);
    counting->row = 0;
    counting->away = 0;
    counting->has_more = false;
    return counting->streams != NULL;
}

/* What has failed, or has more, is looked at again by the next pass. */
static void end_counting(struct api_sales *sales)
{
    struct counting *counting = &sales->counting;
    int64_t now_ms = osy_clock_monotonic_ms();
    bool is_whole = counting->streams && counting->away == 0;
    if (is_whole)
        counting->why = (struct osy_error){0};
    if (is_whole && !counting->has_more)
        end_pass(&counting->pass, counting->streams);
    counting->due_ms = is_whole && counting->has_more ? now_ms : now_ms + counting->interval_ms;
    PQclear(counting->streams);
    counting->streams = NULL;
}

static void count_slice(struct api_sales *sales, int64_t until_ms)
{
    struct counting *counting = &sales->counting;
    while (counting->row < PQntuples(counting->streams) && osy_clock_monotonic_ms() < until_ms)
        count_row(sales, counting->row++);
}

/* Between two passes, and within one, it tells again how the last one went. */
static bool count_sales(void *context, bool *more, struct osy_error *err)
{
    struct api_sales *sales = context;
    struct counting *counting = &sales->counting;
    int64_t now_ms = osy_clock_monotonic_ms();
    (void)more;
    if (counting->streams || now_ms >= counting->due_ms) {
        if (counting->streams || begin_counting(sales))
            count_slice(sales, now_ms + SLICE_MS);
        if (!counting->streams || counting->row == PQntuples(counting->streams))
            end_counting(sales);
    }
    *err = counting->why;
    return counting->why.code == OSY_OK;
}

static bool watch_stock(void *context, bool *more, struct osy_error *err)
{
    struct api_sales *sales = context;
    PGresult *streams = find_moved(sales, &sales->warnings, err);
    bool ok = streams && tell_low_stock(sales, streams, err);
    (void)more;
    if (ok)
        end_pass(&sales->warnings, streams);
    PQclear(streams);
    return ok;
}

static void free_sales(struct api_sales *sales)
{
    struct counted *counted, *next;
    HASH_ITER(hh, sales->counted, counted, next) {
        HASH_DEL(sales->counted, counted);
        free(counted);
    }
    PQclear(sales->counting.streams);
    osy_buffer_deinit(&sales->moved);
    osy_redis_blocking_shards_destroy(sales->redis);
    osy_pg_destroy(sales->pg);
    free(sales);
}

struct api_sales *api_sales_start(const struct api_config *config, struct osy_error *err)
{
    int64_t interval_ms = config->sales_interval_ms;
    const struct api_task tasks[] = {
        {"watch_stock", config->stock_interval_ms, watch_stock},
        {"count_sales", interval_ms < SLICE_EVERY_MS ? interval_ms : SLICE_EVERY_MS, count_sales},
        {0},
    };
    struct api_sales *sales = osy_alloc(sizeof *sales);
    sales->counting.interval_ms = interval_ms;
    sales->redis = osy_redis_blocking_shards_create(config->redis, REDIS_TIMEOUT_MS, err);
    if (!sales->redis)
        goto failed;
    sales->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                       .application_name = "ordersync-sales"});
    sales->thread = api_task_thread_start(tasks, sales, err);
    if (sales->thread)
        return sales;
failed:
    free_sales(sales);
    return NULL;
}

void api_sales_stop(struct api_sales *sales)
{
    if (!sales)
        return;
    api_task_thread_stop(sales->thread);
    free_sales(sales);
}
