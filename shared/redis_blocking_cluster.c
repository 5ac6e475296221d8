#include "shared/redis_blocking_cluster.h"

#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/redis_common.h"
#include "shared/redis_slots.h"
#include "shared/redis_topology.h"

enum { ASK_TIMEOUT_MS = 500, REDIRECTIONS_MAX = 5 };

struct node {
    struct osy_redis_blocking *redis; /* owned; NULL: the place is free */
    struct osy_redis_address address;
    char name[OSY_REDIS_ADDRESS_BYTES];
};

struct osy_redis_blocking_cluster {
    char *url; /* owned, as are the connections */
    uint32_t timeout_ms;
    struct osy_redis_slots slots;
    struct node nodes[OSY_REDIS_NODES_MAX]; /* beside slots.nodes */
    bool is_doubtful;
    unsigned round;
};

/* What is to be sent, perhaps more than once. */
struct call {
    const struct osy_redis_script *script; /* NULL: a command */
    int key_count, argc;
    const char *const *argv;
    const size_t *lengths;
    osy_redis_reply_fn fn;
    void *context;
};

/* ---- connections ---- */

static void close_node(struct node *node)
{
    osy_redis_blocking_destroy(node->redis);
    node->redis = NULL;
}

/* An address that cannot be used is that of a node which is away. */
static void open_node(struct osy_redis_blocking_cluster *cluster, struct node *node,
                      const struct osy_redis_address *address)
{
    char *url = osy_redis_topology_url_of(cluster->url, address);
    node->address = *address;
    osy_redis_address_format(address, node->name);
    node->redis = osy_redis_blocking_create(url, cluster->timeout_ms, NULL);
    osy_redis_topology_url_free(url);
}

/* A connection for each node of the table, and no other. */
static void sync_nodes(struct osy_redis_blocking_cluster *cluster)
{
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        struct node *node = &cluster->nodes[i];
        const struct osy_redis_address *address = &cluster->slots.nodes[i];
        if (node->redis && !osy_redis_address_equal(&node->address, address))
            close_node(node);
        if (!node->redis && address->port != 0)
            open_node(cluster, node, address);
    }
}

bool osy_redis_blocking_cluster_refresh(struct osy_redis_blocking_cluster *cluster,
                                        struct osy_error *err)
{
    struct osy_redis_slots fresh;
    if (!cluster->is_doubtful)
        return true;
    if (!osy_redis_topology_find(cluster->url, &cluster->slots, cluster->round++, ASK_TIMEOUT_MS,
                                 &fresh, err))
        return false;
    cluster->is_doubtful = false;
    osy_redis_slots_merge(&cluster->slots, &fresh);
    sync_nodes(cluster);
    return true;
}

void osy_redis_blocking_cluster_doubt(struct osy_redis_blocking_cluster *cluster)
{
    cluster->is_doubtful = true;
}

/* ---- commands ---- */

static bool send_first(struct osy_redis_blocking *redis, const struct call *call,
                       struct osy_error *err)
{
    if (call->script)
        return osy_redis_blocking_eval(redis, call->script, call->key_count, call->argc, call->argv,
                                       call->lengths, call->fn, call->context, err);
    return osy_redis_blocking_command(redis, call->argc, call->argv, call->lengths, call->fn,
                                      call->context, err);
}

/* Whole, because what must follow ASKING at once cannot be sent twice when a script is not known. */
static bool send_again(struct osy_redis_blocking *redis, const struct call *call,
                       struct osy_error *err)
{
    struct osy_redis_arguments arguments;
    if (!call->script)
        return send_first(redis, call, err);
    osy_redis_arguments_init(&arguments, call->script, true, call->key_count, call->argc,
                             call->argv, call->lengths);
    bool ok = osy_redis_blocking_command(redis, arguments.argc, arguments.argv, arguments.lengths,
                                         call->fn, call->context, err);
    osy_redis_arguments_deinit(&arguments);
    return ok;
}

/* Where the node that has refused points to; NULL: it has not, or nobody can go there. */
static struct node *follow(struct osy_redis_blocking_cluster *cluster, const struct node *refuser,
                           bool *is_ask)
{
    const char *refusal = osy_redis_blocking_refusal(refuser->redis);
    struct osy_redis_redirection redirection;
    if (!osy_redis_redirection_parse(refusal, strlen(refusal), &refuser->address, &redirection))
        return NULL;
    *is_ask = redirection.is_ask;
    size_t place = redirection.is_ask ? osy_redis_slots_place(&cluster->slots, &redirection.address)
                                      : osy_redis_slots_give(&cluster->slots, redirection.slot,
                                                             &redirection.address);
    sync_nodes(cluster);
    return place == OSY_REDIS_NO_NODE || !cluster->nodes[place].redis ? NULL
                                                                      : &cluster->nodes[place];
}

/* It did not answer, or only to point elsewhere; else the refusal is one of the command itself. */
static bool is_lost(const struct node *node)
{
    const char *refusal = osy_redis_blocking_refusal(node->redis);
    size_t length = strlen(refusal);
    struct osy_redis_redirection redirection;
    return length == 0 || osy_redis_is_cluster_down(refusal, length) ||
           osy_redis_redirection_parse(refusal, length, &node->address, &redirection);
}

static bool call_node(struct osy_redis_blocking_cluster *cluster, struct node *node,
                      const struct call *call, struct osy_error *err)
{
    static const char *const asking[] = {"ASKING"};
    bool ok = send_first(node->redis, call, err), is_ask;
    for (int i = 0; !ok && i < REDIRECTIONS_MAX; i++) {
        struct node *next = follow(cluster, node, &is_ask);
        if (!next)
            break;
        node = next;
        ok = (!is_ask ||
              osy_redis_blocking_command(node->redis, 1, asking, NULL, NULL, NULL, err)) &&
             send_again(node->redis, call, err);
    }
    cluster->is_doubtful = !ok && is_lost(node);
    return ok;
}

bool osy_redis_blocking_cluster_call(struct osy_redis_blocking_cluster *cluster,
                                     const struct osy_uuid *restaurant_id,
                                     const struct osy_redis_script *script, int key_count, int argc,
                                     const char *const *argv, const size_t *lengths,
                                     osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    const struct call call = {script, key_count, argc, argv, lengths, fn, context};
    if (!osy_redis_blocking_cluster_refresh(cluster, err))
        return false;
    size_t place = osy_redis_blocking_cluster_find(cluster, restaurant_id);
    if (place != OSY_REDIS_NO_NODE && cluster->nodes[place].redis)
        return call_node(cluster, &cluster->nodes[place], &call, err);
    osy_redis_blocking_cluster_doubt(cluster);
    return osy_error_set(err, OSY_ERR_IO, "Redis: no node of the cluster has it");
}

/* ---- life ---- */

struct osy_redis_blocking_cluster *
osy_redis_blocking_cluster_create(const char *url, uint32_t timeout_ms, struct osy_error *err)
{
    if (!osy_redis_topology_check(url, err))
        return NULL;
    struct osy_redis_blocking_cluster *cluster = osy_alloc(sizeof *cluster);
    cluster->url = osy_strdup(url);
    cluster->timeout_ms = timeout_ms;
    cluster->is_doubtful = true;
    osy_redis_slots_init(&cluster->slots);
    return cluster;
}

void osy_redis_blocking_cluster_destroy(struct osy_redis_blocking_cluster *cluster)
{
    if (!cluster)
        return;
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++)
        close_node(&cluster->nodes[i]);
    osy_redis_topology_url_free(cluster->url);
    free(cluster);
}

size_t osy_redis_blocking_cluster_find(const struct osy_redis_blocking_cluster *cluster,
                                       const struct osy_uuid *restaurant_id)
{
    return cluster->slots.owners[osy_redis_slot_of(restaurant_id)];
}

struct osy_redis_blocking *osy_redis_blocking_cluster_at(struct osy_redis_blocking_cluster *cluster,
                                                         size_t place)
{
    return cluster->slots.slot_counts[place] > 0 ? cluster->nodes[place].redis : NULL;
}

const char *osy_redis_blocking_cluster_name(const struct osy_redis_blocking_cluster *cluster,
                                            size_t place)
{
    return cluster->nodes[place].name;
}
