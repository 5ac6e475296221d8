#include "api/http/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

struct slice {
    const char *text;
    size_t length;
};

/* A segment of a path. Children are tried literals first, the parameter last. */
struct node {
    struct slice literal; /* of a route's path; text NULL: a parameter */
    struct node *children, *next;
    const struct api_route *routes[METHOD_COUNT];
    size_t indexes[METHOD_COUNT];
    char *allow; /* owned; NULL: no route ends here */
};

struct api_router {
    struct node root;
    size_t count;
};

/* The segment that begins behind path[*at], which is a slash; *at moves to its end. */
static struct slice next_segment(const char *path, size_t length, size_t *at)
{
    struct slice segment = {path + *at + 1, 0};
    const char *slash = memchr(segment.text, '/', length - *at - 1);
    segment.length = slash ? (size_t)(slash - segment.text) : length - *at - 1;
    *at += 1 + segment.length;
    return segment;
}

static bool is_param(struct slice segment)
{
    return segment.length > 0 && segment.text[0] == ':';
}

static bool is_literal(const struct node *node, struct slice segment)
{
    return node->literal.text && node->literal.length == segment.length &&
           memcmp(node->literal.text, segment.text, segment.length) == 0;
}

static struct node *find_or_add_child(struct node *parent, struct slice segment)
{
    bool wants_param = is_param(segment);
    struct node **link = &parent->children, *child;

    for (child = parent->children; child; child = child->next) {
        if (wants_param ? !child->literal.text : is_literal(child, segment))
            return child;
    }
    child = osy_alloc(sizeof *child);
    if (wants_param) {
        while (*link)
            link = &(*link)->next;
    } else {
        child->literal = segment;
    }
    child->next = *link;
    *link = child;
    return child;
}

static int find_method(const char *method)
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(methods[i], method) == 0)
            return i;
    }
    return -1;
}

static void add_route(struct api_router *router, const struct api_route *route)
{
    size_t length = strlen(route->path), at = 0, param_count = 0;
    int method = find_method(route->method);
    struct node *node = &router->root;

    assert(route->path[0] == '/' && method >= 0 && strcmp(route->method, "HEAD") != 0);
    assert(!route->on_loop != !route->on_worker);
    while (at < length) {
        struct slice segment = next_segment(route->path, length, &at);
        param_count += is_param(segment);
        node = find_or_add_child(node, segment);
    }
    assert(param_count <= API_ROUTE_PARAMS_MAX && !node->routes[method]);
    node->routes[method] = route;
    node->indexes[method] = router->count++;
}

static void write_allow(struct node *node)
{
    struct osy_buffer allow = OSY_BUFFER_INIT;

    for (int i = 0; i < METHOD_COUNT; i++) {
        if (!node->routes[i])
            continue;
        if (allow.length > 0)
            osy_buffer_text(&allow, ", ");
        osy_buffer_text(&allow, i == 0 ? "GET, HEAD" : methods[i]);
    }
    if (allow.length > 0)
        node->allow = osy_buffer_take(&allow, NULL);
    for (struct node *child = node->children; child; child = child->next)
        write_allow(child);
}

struct api_router *api_router_create(const struct api_route *const *tables)
{
    struct api_router *router = osy_alloc(sizeof *router);

    for (; *tables; tables++) {
        for (const struct api_route *route = *tables; route->method; route++)
            add_route(router, route);
    }
    write_allow(&router->root);
    return router;
}

static void free_nodes(struct node *node)
{
    struct node *next;

    for (; node; node = next) {
        next = node->next;
        free_nodes(node->children);
        free(node->allow);
        free(node);
    }
}

void api_router_destroy(struct api_router *router)
{
    if (!router)
        return;
    free_nodes(router->root.children);
    free(router->root.allow);
    free(router);
}

size_t api_router_count(const struct api_router *router)
{
    return router->count;
}

/* The node where path[at..] ends, below parent; the values of parameters on the way go into match. A literal
 * that leads nowhere gives way to the parameter beside it. Depth is bounded by the deepest route. */
static const struct node *find_node(const struct node *parent, const char *path, size_t length,
                                    size_t at, struct api_route_match *match)
{
    struct slice segment;
    size_t param_count = match->param_count;

    if (at == length)
        return parent->allow ? parent : NULL;
    segment = next_segment(path, length, &at);
    for (const struct node *child = parent->children; child; child = child->next) {
        const struct node *found;
        if (child->literal.text ? !is_literal(child, segment) : segment.length == 0)
            continue;
        match->param_count = param_count;
        if (!child->literal.text) {
            match->params[param_count].value = segment.text;
            match->params[param_count].value_length = segment.length;
            match->param_count++;
        }
        found = find_node(child, path, length, at, match);
        if (found)
            return found;
    }
    return NULL;
}

static void name_params(const struct api_route *route, struct api_route_match *match)
{
    size_t length = strlen(route->path), at = 0, i = 0;

    while (at < length) {
        struct slice segment = next_segment(route->path, length, &at);
        if (!is_param(segment))
            continue;
        match->params[i].name = segment.text + 1;
        match->params[i].name_length = segment.length - 1;
        i++;
    }
}

enum api_match api_router_match(const struct api_router *router, const char *method,
                                const char *path, size_t path_length, struct api_route_match *match)
{
    int method_index = find_method(method);
    const struct node *node;

    *match = (struct api_route_match){0};
    if (path_length == 0 || path[0] != '/')
        return API_MATCH_NO_PATH;
    node = find_node(&router->root, path, path_length, 0, match);
    if (!node)
        return API_MATCH_NO_PATH;
    match->allow = node->allow;
    if (method_index < 0 || !node->routes[method_index])
        return API_MATCH_NO_METHOD;
    match->route = node->routes[method_index];
    match->index = node->indexes[method_index];
    name_params(match->route, match);
    return API_MATCH_FOUND;
}
