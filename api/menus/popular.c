#include "api/menus/popular.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/redis_blocking_shards.h"

enum { KEY_BYTES = 72, NUMBER_BYTES = 24 };
#define KEPT_S "777600" /* nine days: API_POPULAR_DAYS, and those at whose ends clocks differ */

static void name_key(const struct osy_uuid *restaurant_id, const char *what, char key[KEY_BYTES])
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, id);
    snprintf(key, KEY_BYTES, "os:{%s}:popular:%s", id, what);
}

static bool eval(struct osy_redis_blocking_shards *redis, const struct osy_uuid *restaurant_id,
                 const char *text, int key_count, int argc, const char *const *argv,
                 osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    struct osy_redis_script script;
    osy_redis_script_init(&script, text);
    return osy_redis_blocking_shards_eval(redis, restaurant_id, &script, key_count, argc, argv,
                                          NULL, fn, context, err);
}

/* ---- reading ---- */

/* An item, its count, the next item, ... */
static void copy_popular(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    struct api_popular *popular = context;
    (void)err;
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct osy_redis_reply item = osy_redis_reply_at(reply, i);
        struct osy_redis_reply count = osy_redis_reply_at(reply, i + 1);
        osy_buffer_printf(&popular->ids, "%s%.*s", i > 0 ? "," : "", (int)item.length, item.text);
        osy_buffer_printf(&popular->counts, "%s%.*s", i > 0 ? "," : "", (int)count.length,
                          count.text);
    }
}

bool api_popular_read(struct osy_redis_blocking_shards *redis, const struct osy_uuid *restaurant_id,
                      const PGresult *days, int count, struct api_popular *popular,
                      struct osy_error *err)
{
    char keys[API_POPULAR_DAYS][KEY_BYTES], number[NUMBER_BYTES];
    const char *argv[API_POPULAR_DAYS + 1];
    int day_count = 0;
    for (; day_count < PQntuples(days) && day_count < API_POPULAR_DAYS; day_count++) {
        name_key(restaurant_id, PQgetvalue(days, day_count, 0), keys[day_count]);
        argv[day_count] = keys[day_count];
    }
    snprintf(number, sizeof number, "%d", count);
    argv[day_count] = number;
    osy_buffer_char(&popular->ids, '{');
    osy_buffer_char(&popular->counts, '{');
    bool ok = eval(redis, restaurant_id, lua_read_popular, day_count, day_count + 1, argv,
                   copy_popular, popular, err);
    osy_buffer_char(&popular->ids, '}');
    osy_buffer_char(&popular->counts, '}');
    return ok;
}

/* ---- counting ---- */

struct mark {
    bool is_known;
    uint64_t seq;
};

static void copy_mark(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct mark *mark = context;
    (void)err;
    if (reply->type == OSY_REDIS_STRING)
        *mark = (struct mark){true, strtoull(reply->text, NULL, 10)};
}

bool api_popular_find_mark(struct osy_redis_blocking_shards *redis,
                           const struct osy_uuid *restaurant_id, bool *is_known, uint64_t *seq,
                           struct osy_error *err)
{
    struct mark mark = {false, 0};
    char key[KEY_BYTES];
    name_key(restaurant_id, "mark", key);
    bool ok = osy_redis_blocking_shards_command(
        redis, restaurant_id, 2, (const char *const[]){"GET", key}, NULL, copy_mark, &mark, err);
    *is_known = mark.is_known;
    *seq = mark.seq;
    return ok;
}

static void copy_counted(void *context, const struct osy_redis_reply *reply,
                         const struct osy_error *err)
{
    (void)err;
    *(bool *)context = reply->type == OSY_REDIS_INTEGER && reply->integer == 1;
}

/* Columns of count_sold.sql. */
enum { SOLD_DAY = 0, SOLD_ITEM, SOLD_QUANTITY };

/* A key for each day, of which the rows have few, one behind the other; then three arguments for each row. */
struct arguments {
    const char **all; /* owned, as are the keys */
    char (*keys)[KEY_BYTES];
    int key_count, count;
};

static int add_key(struct arguments *arguments, const struct osy_uuid *restaurant_id,
                   const char *what)
{
    int place = arguments->key_count++;
    name_key(restaurant_id, what, arguments->keys[place]);
    arguments->all[arguments->count++] = arguments->keys[place];
    return place;
}

static void add_days(struct arguments *arguments, const struct osy_uuid *restaurant_id,
                     const PGresult *sold)
{
    for (int row = 0; row < PQntuples(sold); row++) {
        const char *day = PQgetvalue(sold, row, SOLD_DAY);
        if (row == 0 || strcmp(day, PQgetvalue(sold, row - 1, SOLD_DAY)) != 0)
            add_key(arguments, restaurant_id, day);
    }
}

static void add_rows(struct arguments *arguments, const PGresult *sold)
{
    for (int row = 0; row < PQntuples(sold); row++) {
        for (int column = SOLD_DAY; column <= SOLD_QUANTITY; column++)
            arguments->all[arguments->count++] = PQgetvalue(sold, row, column);
    }
}

bool api_popular_count(struct osy_redis_blocking_shards *redis,
                       const struct osy_uuid *restaurant_id, bool is_known, uint64_t mark,
                       uint64_t upto, const PGresult *sold, bool *counted, struct osy_error *err)
{
    size_t rows = (size_t)PQntuples(sold);
    char from[NUMBER_BYTES] = "", to[NUMBER_BYTES];
    struct arguments arguments = {
        .all = osy_alloc_array(4 * rows + 4, sizeof *arguments.all),
        .keys = osy_alloc_array(rows + 1, sizeof *arguments.keys),
    };
    if (is_known)
        snprintf(from, sizeof from, "%" PRIu64, mark);
    snprintf(to, sizeof to, "%" PRIu64, upto);
    add_key(&arguments, restaurant_id, "mark");
    add_days(&arguments, restaurant_id, sold);
    arguments.all[arguments.count++] = from;
    arguments.all[arguments.count++] = to;
    arguments.all[arguments.count++] = KEPT_S;
    add_rows(&arguments, sold);
    *counted = false;
    bool ok = eval(redis, restaurant_id, lua_count_sold, arguments.key_count, arguments.count,
                   arguments.all, copy_counted, counted, err);
    free(arguments.all);
    free(arguments.keys);
    return ok;
}
