#include "loadtest/restaurant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/program.h"
#include "loadtest/tokens.h"
#include "shared/alloc.h"
#include "shared/json.h"

/* --- before the loop --- */

bool load_restaurants_seed(struct osy_uuid *ids, size_t count, struct osy_error *err)
{
    char number[24], line[LOAD_PROGRAM_LINE_BYTES];
    char *argv[] = {"ordersync-api", "seed", "--restaurants", number, NULL};
    struct load_program program;
    size_t found = 0;
    snprintf(number, sizeof(number), "%zu", count);
    if (!load_program_start(&program, argv, NULL, err))
        return false;
    while (load_program_read_line(&program, line))
        found += found < count && osy_uuid_parse(line, strlen(line), &ids[found]);
    if (!load_program_finish(&program, "seed", err))
        return false;
    if (found < count)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api seed printed %zu ids, not %zu", found,
                             count);
    return true;
}

static bool mint_tokens(struct load_restaurants *restaurants, long ttl_seconds,
                        struct osy_error *err)
{
    struct load_token *tokens = osy_alloc_array(restaurants->count, sizeof(*tokens));
    for (size_t i = 0; i < restaurants->count; i++)
        tokens[i] = (struct load_token){.restaurants = {restaurants->all[i].id_text},
                                        .restaurant_count = 1};
    bool ok = load_tokens_mint("staff", tokens, restaurants->count, ttl_seconds, err);
    for (size_t i = 0; i < restaurants->count; i++)
        restaurants->all[i].token = tokens[i].text;
    free(tokens);
    return ok;
}

bool load_restaurants_prepare(struct load_restaurants *restaurants, const struct osy_uuid *ids,
                              size_t first, size_t step, size_t count, long ttl_seconds,
                              struct osy_error *err)
{
    *restaurants = (struct load_restaurants){
        .all = osy_alloc_array(count / step + 1, sizeof(*restaurants->all))};
    for (size_t i = first; i < count; i += step) {
        struct load_restaurant *restaurant = &restaurants->all[restaurants->count++];
        restaurant->id = ids[i];
        osy_uuid_format(&restaurant->id, restaurant->id_text);
    }
    return mint_tokens(restaurants, ttl_seconds, err);
}

void load_restaurants_deinit(struct load_restaurants *restaurants)
{
    for (size_t i = 0; i < restaurants->count; i++) {
        free(restaurants->all[i].token);
        free(restaurants->all[i].items);
        load_message_cache_deinit(&restaurants->all[i].messages);
    }
    free(restaurants->all);
    *restaurants = (struct load_restaurants){0};
}

/* --- menus --- */

struct menu_request {
    struct load_restaurants *restaurants;
    struct load_restaurant *restaurant;
};

static bool is_plentiful(json_t *item)
{
    return json_is_true(json_object_get(item, "available")) &&
           json_is_null(json_object_get(item, "stock")) &&
           json_string_length(json_object_get(item, "item_id")) == OSY_UUID_TEXT_BYTES - 1;
}

static void read_menu(struct load_restaurant *restaurant, json_t *items)
{
    size_t index;
    json_t *item;
    restaurant->items = osy_alloc_array(json_array_size(items), sizeof(*restaurant->items));
    json_array_foreach(items, index, item)
    {
        if (is_plentiful(item))
            memcpy(restaurant->items[restaurant->item_count++],
                   json_string_value(json_object_get(item, "item_id")), OSY_UUID_TEXT_BYTES);
    }
}

static void on_menu(void *context, const struct load_http_reply *reply)
{
    struct menu_request request = *(struct menu_request *)context;
    free(context);
    json_t *menu = reply && reply->status == 200
                       ? osy_json_parse(reply->body, reply->body_length, JSON_OBJECT, NULL)
                       : NULL;
    read_menu(request.restaurant, json_object_get(menu, "items"));
    json_decref(menu);
    request.restaurants->failed |= request.restaurant->item_count == 0;
    request.restaurants->with_menu++;
}

void load_restaurants_load_menus(struct load_restaurants *restaurants, struct load_calls *calls)
{
    for (size_t i = 0; i < restaurants->count; i++) {
        char path[128];
        struct menu_request *request = osy_alloc(sizeof(*request));
        *request = (struct menu_request){restaurants, &restaurants->all[i]};
        snprintf(path, sizeof(path), "/api/v1/restaurants/%s/menu", restaurants->all[i].id_text);
        load_call(calls, &(struct load_http_request){.method = "GET", .path = path},
                  LOAD_CALL_INSIST, on_menu, request);
    }
}
