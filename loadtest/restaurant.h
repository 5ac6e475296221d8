/*
 * The restaurants of a run: seeded and given a staff token by the ordersync-api program that lies
 * beside this one (blocking, before the loop starts), then their menus loaded over HTTP. All are seeded
 * together; a generator takes those that are its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "loadtest/call.h"
#include "loadtest/message.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct load_restaurant {
    struct osy_uuid id;
    char id_text[OSY_UUID_TEXT_BYTES];
    char *token;                        /* owned; staff of this restaurant */
    char (*items)[OSY_UUID_TEXT_BYTES]; /* owned; those that can be ordered without end */
    size_t item_count;
    size_t tablets;                     /* how many follow it */
    struct load_message_cache messages; /* shared by its tablets */
};

struct load_restaurants {
    struct load_restaurant *all; /* owned */
    size_t count;
    size_t with_menu; /* whose menu has come */
    bool failed;      /* a menu came that nothing can be ordered from */
};

/* Makes count restaurants, or finds them, and writes their ids. Blocks. OSY_ERR_IO names the program that
 * failed. */
OSY_MUST_CHECK bool load_restaurants_seed(struct osy_uuid *ids, size_t count,
                                          struct osy_error *err);
/* Takes ids[first], ids[first + step], ... of count, and mints tokens that live for ttl_seconds. Blocks. */
OSY_MUST_CHECK bool load_restaurants_prepare(struct load_restaurants *restaurants,
                                             const struct osy_uuid *ids, size_t first, size_t step,
                                             size_t count, long ttl_seconds, struct osy_error *err);
void load_restaurants_deinit(struct load_restaurants *restaurants);
void load_restaurants_load_menus(struct load_restaurants *restaurants, struct load_calls *calls);
