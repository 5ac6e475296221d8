/*
 * A world for the hub's core: the parts that it stands on, simulated in one thread. What happens next is
 * drawn from a seed, so every run can be repeated, and a run that went wrong can be cut down to the steps
 * that matter. Between them stand the real topic, cursor, history, replay, orders, subscription, session,
 * outbox and source.
 *
 *   history.c   what PostgreSQL holds: a tree, because a restore makes a branch
 *   database.c  hub/store.h: answers late, in any order, from any moment since the question, or not at all
 *   redis.c     shared/redis_shards.h: streams with holes and lost histories, a channel that loses, doubles and reorders
 *   client.c    hub/socket.h and hub/grants.h: sockets that stall and break, clients that judge what they get
 *   trace.c     what happened, for a run that went wrong
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"
#include "shared/position.h"
#include "shared/uuid.h"

enum { RESTAURANTS = 2, ORDERS = 16, CLIENTS = 9 };

/* --- the world ------------------------------------------------------------------------------ */

struct world {
    struct hub hub;
    struct hub_config config;
    int64_t now_ms;
    bool is_healed;    /* nothing fails any more */
    bool has_restored; /* history has branched in this run */
    bool is_database_down;
    int64_t next_check_ms;
};
extern struct world world;

void world_seed(uint64_t seed); /* chance alone */
void world_begin(uint64_t seed);
void world_end(void);
/* Draws what happens next, and lets it. Its chances are its own: leaving a step out changes no other's. */
void world_step(uint64_t seed, int step);
/* Everything works from now on; there is time enough. Then every client must have everything. */
void world_settle(void);

/* Uniform in [0, bound). */
size_t below(size_t bound);
bool one_in(size_t n);

/* --- trace.c -------------------------------------------------------------------------------- */

extern bool is_tracing;
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A promise was broken: says so and ends the process. */
void violated(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* --- history.c ------------------------------------------------------------------------------ */

/* An event that was committed, once. */
struct row {
    struct row *before;          /* in its restaurant's stream */
    struct row *before_in_order; /* in its order's; NULL for its first */
    uint64_t seq, version;       /* version 0: for the restaurant alone */
    int restaurant, order;
    struct osy_uuid id;
    char *envelope; /* owned */
    size_t length;
    struct row *next_made;
};

extern struct osy_uuid restaurant_ids[RESTAURANTS], order_ids[RESTAURANTS][ORDERS];
extern struct row *heads[RESTAURANTS]; /* of what is true; NULL: no event yet */

void history_begin(void);
void history_end(void);
struct row *history_commit(int restaurant); /* NULL: no order is left that could change */
void history_restore(int restaurant);       /* forgets the newest few */
const struct row *history_find_id(const struct osy_uuid *id); /* of all that ever were */
/* The newest of the order at or before row; NULL: it does not exist there. */
struct row *history_newest_of_order(struct row *row, int order);
/* Any that was ever made in that stream (order < 0: the restaurant's); NULL: none. */
struct row *history_draw(int restaurant, int order);
bool history_is_true(const struct row *row);
bool history_is_at_or_before(const struct row *row, const struct row *later);
/* As somebody saw it who asked at `asked` and is answered now. */
struct row *history_view(int restaurant, struct row *asked);
int find_restaurant(const struct osy_uuid *id); /* -1: none */

/* --- database.c ----------------------------------------------------------------------------- */

extern struct hub_store *const database;
void database_begin(void);
bool database_answer_one(void); /* false: nothing was asked */

/* --- redis.c -------------------------------------------------------------------------------- */

extern struct osy_redis_shards *const redis;
void redis_begin(void);
bool redis_answer_one(void);  /* a command; false: none waits */
bool redis_deliver_one(void); /* what was published or confirmed; false: nothing is under way */
void redis_publish(const struct row *row);
void redis_reconcile(void); /* publishes what its streams lack */
void redis_flush(void);     /* loses its streams */
void redis_toggle_commands(void);
void redis_toggle_subscriptions(void);
void redis_toggle_silence(void); /* messages vanish while every link looks well */
void redis_heal(void);
void redis_lose_messages(void);

/* --- client.c ------------------------------------------------------------------------------- */

void clients_begin(void);
void clients_end(void);
void clients_connect_one(void);
void clients_touch_one(void); /* one reads, stalls, breaks off */
void clients_flush(void);     /* the end of a turn of the loop: closes what is to be closed */
void clients_go_on(void);     /* healed: all read, all come back */
void clients_notice_restore(void);
void clients_check(void); /* every client has everything */
