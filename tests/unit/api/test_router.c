#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/http/router.h"

static void handle_nothing(struct api_context *context, struct api_request *request)
{
    (void)context;
    (void)request;
}

static const struct api_route orders[] = {
    {"POST", "/orders", API_PUBLIC, .on_loop = handle_nothing},
    {"GET", "/orders/:id", API_PERM_ORDER_READ, .on_loop = handle_nothing},
    {"GET", "/orders/stats", API_PUBLIC, .on_loop = handle_nothing},
    {"POST", "/orders/:id/cancel", API_PERM_ORDER_CANCEL, .on_loop = handle_nothing},
    {0},
};
static const struct api_route others[] = {
    {"GET", "/", API_PUBLIC, .on_loop = handle_nothing},
    {"GET", "/restaurants/me/orders", API_PERM_ORDER_LIST, .on_loop = handle_nothing},
    {"GET", "/restaurants/:rid/menu", API_PUBLIC, .on_loop = handle_nothing},
    {"GET", "/a/:x/:y/:z", API_PUBLIC, .on_loop = handle_nothing},
    {"DELETE", "/orders/:order", API_PERM_ORDER_WRITE, .on_loop = handle_nothing},
    {0},
};
static const struct api_route *const tables[] = {orders, others, NULL};

/* The path of the route that matches, or what stood in the way. */
static const char *match(const char *method, const char *path, struct api_route_match *found)
{
    struct api_router *router = api_router_create(tables);
    enum api_match result = api_router_match(router, method, path, strlen(path), found);
    static char allow[64];

    if (result == API_MATCH_NO_METHOD)
        strcpy(allow, found->allow);
    api_router_destroy(router);
    switch (result) {
    case API_MATCH_FOUND: return found->route->path;
    case API_MATCH_NO_METHOD: return allow;
    default: return "nothing";
    }
}

static void assert_param(const struct api_route_match *found, size_t i, const char *name,
                         const char *value)
{
    assert_true(i < found->param_count);
    assert_int_equal(found->params[i].name_length, strlen(name));
    assert_memory_equal(found->params[i].name, name, strlen(name));
    assert_int_equal(found->params[i].value_length, strlen(value));
    assert_memory_equal(found->params[i].value, value, strlen(value));
}

static void paths_find_their_route(void **state)
{
    static const struct {
        const char *method, *path, *expected;
    } rows[] = {
        {"GET", "/", "/"},
        {"POST", "/orders", "/orders"},
        {"GET", "/orders/7", "/orders/:id"},
        {"GET", "/orders/stats", "/orders/stats"},
        {"POST", "/orders/stats/cancel", "/orders/:id/cancel"}, /* the literal leads nowhere */
        {"GET", "/restaurants/me/orders", "/restaurants/me/orders"},
        {"GET", "/restaurants/me/menu", "/restaurants/:rid/menu"},
        {"HEAD", "/orders/7", "/orders/:id"},
        {"DELETE", "/orders/7", "/orders/:order"},
        {"GET", "/orders/", "nothing"},
        {"GET", "/orders/7/", "nothing"},
        {"GET", "//orders", "nothing"},
        {"GET", "/order", "nothing"},
        {"GET", "/orders/7/cancel/x", "nothing"},
        {"GET", "", "nothing"},
        {"GET", "orders", "nothing"},
        {"GET", "/restaurants", "nothing"},
        {"GET", "/orders", "POST"},
        {"POST", "/", "GET, HEAD"},
        {"PUT", "/orders/7", "GET, HEAD, DELETE"},
        {"OPTIONS", "/orders", "POST"},
        {"", "/orders", "POST"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_route_match found;
        assert_string_equal(match(rows[i].method, rows[i].path, &found), rows[i].expected);
    }
}

static void parameters_have_the_names_of_their_own_route(void **state)
{
    struct api_route_match found;
    (void)state;
    match("GET", "/orders/7", &found);
    assert_int_equal(found.param_count, 1);
    assert_param(&found, 0, "id", "7");
    match("DELETE", "/orders/8", &found);
    assert_param(&found, 0, "order", "8");
    match("GET", "/a/1/%20/3", &found);
    assert_int_equal(found.param_count, 3);
    assert_param(&found, 0, "x", "1");
    assert_param(&found, 1, "y", "%20");
    assert_param(&found, 2, "z", "3");
    match("GET", "/orders/stats", &found);
    assert_int_equal(found.param_count, 0);
}

static void every_route_has_an_index_of_its_own(void **state)
{
    struct api_router *router = api_router_create(tables);
    bool seen[16] = {false};
    (void)state;
    assert_int_equal(api_router_count(router), 9);
    for (size_t table = 0; tables[table]; table++) {
        for (const struct api_route *route = tables[table]; route->method; route++) {
            struct api_route_match found;
            assert_int_equal(
                api_router_match(router, route->method, route->path, strlen(route->path), &found),
                API_MATCH_FOUND);
            assert_ptr_equal(found.route, route);
            assert_true(found.index < 9 && !seen[found.index]);
            seen[found.index] = true;
        }
    }
    api_router_destroy(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_route),
        cmocka_unit_test(parameters_have_the_names_of_their_own_route),
        cmocka_unit_test(every_route_has_an_index_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
