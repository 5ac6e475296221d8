#include "tests/property/world.h"

#include <string.h>

#include "hub/topic.h"
#include "shared/backoff.h"
#include "shared/log.h"

enum {
    UNPUBLISHED_MAX = 64,
    CHECK_INTERVAL_MS = 5000,
    SETTLE_ROUNDS = 120,
    SETTLE_STEP_MS = 300,
    ANSWERS_MOST = 20000
};

struct world world;
static uint64_t chance;
static char hub_id[] = "hub-1";
static uv_loop_t loop;

/* Committed, and the API process is about to publish them. */
static const struct row *unpublished[UNPUBLISHED_MAX];
static size_t unpublished_count;

/* --- time and chance ------------------------------------------------------------------------ */

/* splitmix64: any two seeds give streams that have nothing to do with each other. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

size_t below(size_t bound)
{
    chance = mix(chance);
    return (size_t)(chance % bound);
}

bool one_in(size_t n)
{
    return below(n) == 0;
}

int64_t __wrap_osy_clock_monotonic_ms(void);
int64_t __wrap_osy_clock_monotonic_ms(void)
{
    return world.now_ms;
}

int64_t __wrap_osy_clock_wall_ms(void);
int64_t __wrap_osy_clock_wall_ms(void)
{
    return world.now_ms;
}

uint64_t __wrap_osy_random_below(uint64_t bound);
uint64_t __wrap_osy_random_below(uint64_t bound)
{
    return below((size_t)bound);
}

uint32_t __wrap_osy_backoff_next_ms(struct osy_backoff *backoff);
uint32_t __wrap_osy_backoff_next_ms(struct osy_backoff *backoff)
{
    return (uint32_t)below(backoff->most_ms);
}

void osy_log(enum osy_log_level level, const char *event, const struct osy_log_field *fields)
{
    (void)level, (void)fields;
    trace("hub: %s", event);
}

static void turn_loop(void)
{
    clients_flush();
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void pass_time(int64_t ms)
{
    world.now_ms += ms;
    if (!world.is_healed && one_in(3))
        return; /* the loop was busy, or the process frozen: its timers are late */
    hub_wheel_turn(&world.hub.wheel, world.now_ms);
    if (world.now_ms < world.next_check_ms)
        return;
    trace("position check");
    hub_topics_check(&world.hub, true);
    world.next_check_ms = world.now_ms + CHECK_INTERVAL_MS;
}

/* --- the API -------------------------------------------------------------------------------- */

static void commit(void)
{
    if (world.is_database_down)
        return;
    const struct row *row = history_commit((int)below(RESTAURANTS));
    if (row && unpublished_count < UNPUBLISHED_MAX && !one_in(10)) /* else it dies in between */
        unpublished[unpublished_count++] = row;
}

static void publish_one(void)
{
    if (unpublished_count == 0)
        return;
    size_t place = one_in(5) ? below(unpublished_count) : 0;
    redis_publish(unpublished[place]);
    unpublished_count--;
    memmove(unpublished + place, unpublished + place + 1,
            (unpublished_count - place) * sizeof unpublished[0]);
}

/* --- a run ---------------------------------------------------------------------------------- */

void world_seed(uint64_t seed)
{
    chance = mix(seed);
}

void world_begin(uint64_t seed)
{
    world = (struct world){
        .config = {.hub_id = hub_id,
                   .auth_timeout_ms = 5000,
                   .resume_timeout_ms = 1000000000,
                   .data_timeout_ms = 10000,
                   .ping_idle_ms = 25000,
                   .pong_timeout_ms = 10000,
                   .heartbeat_ms = 15000,
                   .stale_ms = 15000,
                   .queue_messages = 16,
                   .queue_bytes = 65536,
                   .topic_grace_ms = 2000,
                   .replay_max = 1000,
                   .message_burst = 40,
                   .message_rate = 20},
        .now_ms = 1000000,
    };
    world_seed(seed);
    world.next_check_ms = world.now_ms + CHECK_INTERVAL_MS;
    unpublished_count = 0;
    uv_loop_init(&loop);
    history_begin();
    database_begin();
    redis_begin();
    clients_begin();
    world.hub = (struct hub){
        .config = &world.config,
        .loop = &loop,
        .source = {.loop = &loop, .redis = redis, .store = database},
    };
    hub_metrics_init(&world.hub.metrics);
    hub_wheel_init(&world.hub.wheel, world.now_ms);
}

static void restore(void)
{
    history_restore((int)below(RESTAURANTS));
    clients_notice_restore();
}

static void go_wrong(void)
{
    switch (below(8)) {
    case 0:
    case 1:
        world.is_database_down = !world.is_database_down;
        trace("database %s", world.is_database_down ? "down" : "up");
        break;
    case 2: redis_flush(); break;
    case 3: redis_toggle_commands(); break;
    case 4:
    case 5: redis_toggle_subscriptions(); break;
    case 6: redis_toggle_silence(); break;
    case 7:
        if (!world.is_database_down && one_in(2))
            restore();
        break;
    }
}

void world_step(uint64_t seed, int step)
{
    static const struct {
        unsigned weight;
        void (*act)(void);
    } acts[] = {
        {8, commit},          {7, publish_one}, {5, clients_connect_one}, {10, clients_touch_one},
        {1, redis_reconcile}, {1, go_wrong}};
    enum { TOTAL = 64, DATABASE = 12, REDIS = 8, MESSAGE = 8, TURN = 2, TIME = 2 };
    chance = mix(seed + mix((uint64_t)step));
    size_t chosen = below(TOTAL);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (chosen < acts[i].weight) {
            acts[i].act();
            return;
        }
        chosen -= acts[i].weight;
    }
    if (chosen < DATABASE)
        (void)database_answer_one();
    else if (chosen < DATABASE + REDIS)
        (void)redis_answer_one();
    else if (chosen < DATABASE + REDIS + MESSAGE)
        (void)redis_deliver_one();
    else if (chosen < DATABASE + REDIS + MESSAGE + TURN)
        turn_loop();
    else
        pass_time((int64_t)below(1500));
}

static void settle_round(void)
{
    clients_go_on();
    for (int answers = 0; database_answer_one() || redis_answer_one() || redis_deliver_one();
         answers++) {
        turn_loop();
        if (answers == ANSWERS_MOST)
            violated("the hub asks without end");
    }
    pass_time(SETTLE_STEP_MS);
    turn_loop();
}

void world_settle(void)
{
    trace("everything works again");
    world.is_healed = true;
    world.is_database_down = false;
    unpublished_count = 0; /* and what was under way is lost: the position check must find it */
    redis_lose_messages();
    redis_heal();
    for (int round = 0; round < SETTLE_ROUNDS; round++)
        settle_round();
    clients_check();
    trace("and new events come");
    for (int i = 0; i < 5; i++) {
        commit();
        while (unpublished_count > 0)
            publish_one();
        redis_reconcile();
        settle_round();
    }
    for (int round = 0; round < 20; round++)
        settle_round();
    clients_check();
}

void world_end(void)
{
    clients_end();
    hub_topics_end(&world.hub);
    world.is_healed = true;
    while (database_answer_one() || redis_answer_one())
        uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    if (world.hub.topics)
        violated("a topic is left");
    if (uv_loop_close(&loop) != 0)
        violated("a handle is left");
    hub_metrics_deinit(&world.hub.metrics);
    history_end();
}
