#include "loadtest/restaurant.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/alloc.h"
#include "shared/json.h"

#define MINTS_AT_ONCE 4 /* ordersync-api token processes */
#define LINE_BYTES    8192

/* --- programs --- */

struct program {
    pid_t pid;
    FILE *out; /* its standard output */
};

/* ordersync-api beside our own program, where the build puts both. */
static void find_api_program(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 32);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "ordersync-api");
}

static bool start_program(struct program *program, char *const argv[], struct osy_error *err)
{
    char path[PATH_MAX];
    int ends[2];
    find_api_program(path);
    *program = (struct program){0};
    if (pipe2(ends, O_CLOEXEC)) {
        osy_error_set(err, OSY_ERR_IO, "pipe: %s", strerror(errno));
        return false;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int code = posix_spawn(&program->pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code) {
        close(ends[0]);
        osy_error_set(err, OSY_ERR_IO, "%s: %s", path, strerror(code));
        return false;
    }
    program->out = fdopen(ends[0], "r");
    return true;
}

/* Its own words are on standard error already. */
static bool finish_program(struct program *program, const char *what, struct osy_error *err)
{
    int status = 0;
    fclose(program->out);
    while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api %s failed", what);
    return true;
}

/* The next line without its newline; false at the end. */
static bool read_line(struct program *program, char line[LINE_BYTES])
{
    if (!fgets(line, LINE_BYTES, program->out))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

/* --- before the loop --- */

static bool seed(struct load_restaurants *restaurants, struct osy_error *err)
{
    char count[24], line[LINE_BYTES];
    char *argv[] = {"ordersync-api", "seed", "--restaurants", count, NULL};
    struct program program;
    size_t found = 0;
    snprintf(count, sizeof(count), "%zu", restaurants->count);
    if (!start_program(&program, argv, err))
        return false;
    while (read_line(&program, line)) {
        if (found == restaurants->count)
            continue;
        struct load_restaurant *restaurant = &restaurants->all[found];
        if (!osy_uuid_parse(line, strlen(line), &restaurant->id))
            continue;
        osy_uuid_format(&restaurant->id, restaurant->id_text);
        found++;
    }
    if (!finish_program(&program, "seed", err))
        return false;
    if (found < restaurants->count)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api seed printed %zu ids, not %zu", found,
                             restaurants->count);
    return true;
}

static bool start_mint(struct program *program, struct load_restaurant *restaurant, char *ttl,
                       struct osy_error *err)
{
    char *argv[] = {"ordersync-api",     "token", "--role", "staff", "--restaurant",
                    restaurant->id_text, "--ttl", ttl,      NULL};
    return start_program(program, argv, err);
}

static bool finish_mint(struct program *program, struct load_restaurant *restaurant,
                        struct osy_error *err)
{
    char line[LINE_BYTES];
    if (read_line(program, line))
        restaurant->token = osy_strdup(line);
    if (!finish_program(program, "token", err))
        return false;
    if (!restaurant->token)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api token printed nothing");
    return true;
}

static bool mint_tokens(struct load_restaurants *restaurants, long ttl_seconds,
                        struct osy_error *err)
{
    char ttl[24];
    bool ok = true;
    snprintf(ttl, sizeof(ttl), "%ld", ttl_seconds);
    for (size_t first = 0; ok && first < restaurants->count; first += MINTS_AT_ONCE) {
        struct program programs[MINTS_AT_ONCE];
        size_t started = 0;
        while (ok && started < MINTS_AT_ONCE && first + started < restaurants->count) {
            ok = start_mint(&programs[started], &restaurants->all[first + started], ttl, err);
            started += ok;
        }
        for (size_t i = 0; i < started; i++)
            ok = finish_mint(&programs[i], &restaurants->all[first + i], ok ? err : NULL) && ok;
    }
    return ok;
}

bool load_restaurants_prepare(struct load_restaurants *restaurants, size_t count, long ttl_seconds,
                              struct osy_error *err)
{
    *restaurants = (struct load_restaurants){
        .all = osy_alloc_array(count, sizeof(*restaurants->all)), .count = count};
    return seed(restaurants, err) && mint_tokens(restaurants, ttl_seconds, err);
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
