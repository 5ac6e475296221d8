#include "shared/redis_cluster.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "shared/alloc.h"
#include "shared/redis_common.h"
#include "shared/redis_slots.h"
#include "shared/redis_topology.h"

enum {
    TICK_MS = 500,
    ASK_EVERY_MS = 10000, /* whatever else may have been overlooked */
    ASK_TIMEOUT_MS = 500,
    REDIRECTIONS_MAX = 5, /* as other clients have it */
};

/* A link, and its context: who it is. */
struct node {
    struct osy_redis_cluster *cluster;
    struct osy_redis *link; /* owned; NULL: the place is free */
    struct osy_redis_address address;
    char name[OSY_REDIS_ADDRESS_BYTES];
};

/* One that somebody wants. */
struct channel {
    char *name; /* owned */
    uint16_t slot;
    bool is_sharded;
    size_t node;           /* where it is subscribed to, or was asked for; OSY_REDIS_NO_NODE */
    unsigned redirections; /* since it was last confirmed, or the last table */
    UT_hash_handle hh;
};

struct osy_redis_cluster {
    uv_loop_t *loop;
    char *url;
    struct osy_redis_shards_options options; /* without servers */
    struct osy_redis_slots slots;
    struct node nodes[OSY_REDIS_NODES_MAX]; /* beside slots.nodes */
    struct channel *channels;               /* uthash, by name */
    bool is_destroyed, is_timer_closed;

    uv_timer_t timer;
    uv_work_t question;
    bool is_asking;
    bool is_doubtful; /* what we know has proved wrong, and nobody has told better */
    uint64_t asked_ms;
    unsigned round;
    struct osy_redis_slots known, fresh; /* the thread's, while is_asking */
    bool has_answer;
};

/* A command under way. */
struct request {
    struct osy_redis_cluster *cluster;
    struct osy_redis_call *call; /* owned */
    struct osy_redis_address asked;
    unsigned redirections;
    osy_redis_reply_fn fn; /* may be NULL */
    void *context;
};

/* ---- channels ---- */

static struct channel *find_channel(const struct osy_redis_cluster *cluster, const char *name,
                                    size_t length)
{
    struct channel *channel = NULL;
    HASH_FIND(hh, cluster->channels, name, length, channel);
    return channel;
}

/* Subscribes where the slot is, and nowhere else. */
static void settle(struct osy_redis_cluster *cluster, struct channel *channel)
{
    size_t owner = cluster->slots.owners[channel->slot];
    if (owner == channel->node)
        return;
    if (channel->node != OSY_REDIS_NO_NODE)
        osy_redis_unsubscribe(cluster->nodes[channel->node].link, channel->name);
    channel->node = OSY_REDIS_NO_NODE;
    if (owner == OSY_REDIS_NO_NODE || !cluster->nodes[owner].link)
        return;
    channel->node = owner;
    if (channel->is_sharded)
        osy_redis_subscribe_sharded(cluster->nodes[owner].link, channel->name);
    else
        osy_redis_subscribe(cluster->nodes[owner].link, channel->name);
}

/* ---- what the links say ---- */

static size_t place_of(const struct node *node)
{
    return (size_t)(node - node->cluster->nodes);
}

static void on_message(void *context, const char *channel, size_t channel_length,
                       const char *message, size_t length)
{
    const struct osy_redis_shards_options *options = &((struct node *)context)->cluster->options;
    options->on_message(options->context, channel, channel_length, message, length);
}

static void on_subscribed(void *context, const char *name, size_t length)
{
    struct node *node = context;
    struct osy_redis_cluster *cluster = node->cluster;
    struct channel *channel = find_channel(cluster, name, length);
    if (!channel || channel->node != place_of(node))
        return;
    channel->redirections = 0;
    cluster->options.on_subscribed(cluster->options.context, name, length);
}

static void sync_links(struct osy_redis_cluster *cluster);

/* A node that has lost the slot says so when it is asked again, and where it is gone. */
static void on_lost(void *context, const char *name, size_t length, const char *reason)
{
    struct node *node = context;
    struct osy_redis_cluster *cluster = node->cluster;
    struct channel *channel = find_channel(cluster, name, length);
    struct osy_redis_redirection redirection;
    if (!channel || channel->node != place_of(node))
        return;
    channel->node = OSY_REDIS_NO_NODE;
    bool is_redirected =
        reason && osy_redis_redirection_parse(reason, strlen(reason), &node->address, &redirection);
    if (is_redirected) {
        osy_redis_slots_give(&cluster->slots, redirection.slot, &redirection.address);
        sync_links(cluster);
    }
    if ((is_redirected || !reason) && ++channel->redirections <= REDIRECTIONS_MAX)
        settle(cluster, channel);
    else
        cluster->is_doubtful = true; /* the next table settles it */
}

static void on_state(void *context, bool commands_up, bool subscriptions_up)
{
    const struct node *node = context;
    const struct osy_redis_shards_options *options = &node->cluster->options;
    if (options->on_state)
        options->on_state(options->context, node->name, commands_up, subscriptions_up);
}

/* ---- links ---- */

/* What comes of its pending commands may call us: all else is in order by then. */
static void close_link(struct node *node)
{
    struct osy_redis *link = node->link;
    struct channel *channel = NULL, *next = NULL;
    node->link = NULL;
    HASH_ITER(hh, node->cluster->channels, channel, next) {
        if (channel->node == place_of(node))
            channel->node = OSY_REDIS_NO_NODE;
    }
    osy_redis_destroy(link);
    on_state(node, false, false);
}

/* An address that cannot be used is that of a node which is away. */
static void open_link(struct node *node, const struct osy_redis_address *address)
{
    char *url = osy_redis_topology_url_of(node->cluster->url, address);
    node->address = *address;
    osy_redis_address_format(address, node->name);
    node->link = osy_redis_create(node->cluster->loop,
                                  &(struct osy_redis_options){.url = url,
                                                              .want_subscriptions = true,
                                                              .on_message = on_message,
                                                              .on_subscribed = on_subscribed,
                                                              .on_lost = on_lost,
                                                              .on_state = on_state,
                                                              .context = node},
                                  NULL);
    osy_redis_topology_url_free(url);
}

/* A link for each node of the table, and no other. */
static void sync_links(struct osy_redis_cluster *cluster)
{
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        struct node *node = &cluster->nodes[i];
        const struct osy_redis_address *address = &cluster->slots.nodes[i];
        if (node->link && !osy_redis_address_equal(&node->address, address))
            close_link(node);
        if (!node->link && address->port != 0)
            open_link(node, address);
    }
}

/* ---- the table ---- */

/* On a thread of the pool. */
static void ask(uv_work_t *question)
{
    struct osy_redis_cluster *cluster = question->data;
    cluster->has_answer = osy_redis_topology_find(cluster->url, &cluster->known, cluster->round,
                                                  ASK_TIMEOUT_MS, &cluster->fresh, NULL);
}

static void take_table(struct osy_redis_cluster *cluster)
{
    struct channel *channel = NULL, *next = NULL;
    cluster->is_doubtful = false;
    osy_redis_slots_merge(&cluster->slots, &cluster->fresh);
    sync_links(cluster);
    HASH_ITER(hh, cluster->channels, channel, next) {
        channel->redirections = 0;
        settle(cluster, channel);
    }
}

static void free_when_done(struct osy_redis_cluster *cluster)
{
    if (!cluster->is_timer_closed || cluster->is_asking)
        return;
    osy_redis_topology_url_free(cluster->url);
    free(cluster);
}

static void on_asked(uv_work_t *question, int status)
{
    struct osy_redis_cluster *cluster = question->data;
    cluster->is_asking = false;
    if (cluster->is_destroyed)
        free_when_done(cluster);
    else if (status == 0 && cluster->has_answer)
        take_table(cluster);
}

static bool is_up(const struct osy_redis *link)
{
    return osy_redis_commands_up(link) && osy_redis_subscriptions_up(link);
}

static bool is_whole(const struct osy_redis_cluster *cluster)
{
    size_t count = 0;
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        const struct osy_redis *link = osy_redis_cluster_at(cluster, i);
        if (link && !is_up(link))
            return false;
        count += link != NULL;
    }
    return count > 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct osy_redis_cluster *cluster = timer->data;
    uint64_t now_ms = uv_now(cluster->loop);
    bool is_due =
        cluster->is_doubtful || now_ms - cluster->asked_ms >= ASK_EVERY_MS || !is_whole(cluster);
    if (!is_due || cluster->is_asking)
        return;
    cluster->asked_ms = now_ms;
    cluster->known = cluster->slots;
    cluster->round++;
    cluster->question.data = cluster;
    cluster->is_asking = uv_queue_work(cluster->loop, &cluster->question, ask, on_asked) == 0;
}

/* ---- commands ---- */

static void end_request(struct request *request, const struct osy_redis_reply *reply,
                        const struct osy_error *err)
{
    osy_redis_reply_fn fn = request->fn;
    void *context = request->context;
    free(request->call);
    free(request);
    if (fn)
        fn(context, reply, err);
}

static void on_answer(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err);

/* The first time, when the node knows the script most likely. */
static bool send_first(struct request *request, struct osy_redis *link, struct osy_error *err)
{
    const struct osy_redis_call *call = request->call;
    if (call->script)
        return osy_redis_eval(link, call->script, call->key_count, call->argc, call->argv,
                              call->lengths, on_answer, request, err);
    return osy_redis_command(link, call->argc, call->argv, call->lengths, on_answer, request, err);
}

/* Whole, because what must follow ASKING at once cannot be sent twice when a script is not known. */
static bool send_again(struct request *request, struct osy_redis *link)
{
    const struct osy_redis_call *call = request->call;
    struct osy_redis_arguments arguments;
    if (!call->script)
        return osy_redis_command(link, call->argc, call->argv, call->lengths, on_answer, request,
                                 NULL);
    osy_redis_arguments_init(&arguments, call->script, true, call->key_count, call->argc,
                             call->argv, call->lengths);
    bool ok = osy_redis_command(link, arguments.argc, arguments.argv, arguments.lengths, on_answer,
                                request, NULL);
    osy_redis_arguments_deinit(&arguments);
    return ok;
}

/* False: the answer stands. */
static bool follow(struct request *request, const struct osy_redis_reply *reply)
{
    static const char *const asking[] = {"ASKING"};
    struct osy_redis_cluster *cluster = request->cluster;
    struct osy_redis_redirection redirection;
    bool is_redirection =
        osy_redis_redirection_parse(reply->text, reply->length, &request->asked, &redirection);
    bool is_lost = is_redirection ? request->redirections++ == REDIRECTIONS_MAX
                                  : osy_redis_is_cluster_down(reply->text, reply->length);
    if (is_lost)
        cluster->is_doubtful = true;
    if (is_lost || !is_redirection || cluster->is_destroyed)
        return false;
    size_t node = redirection.is_ask ? osy_redis_slots_place(&cluster->slots, &redirection.address)
                                     : osy_redis_slots_give(&cluster->slots, redirection.slot,
                                                            &redirection.address);
    sync_links(cluster);
    if (node == OSY_REDIS_NO_NODE || !cluster->nodes[node].link)
        return false;
    struct osy_redis *link = cluster->nodes[node].link;
    request->asked = redirection.address;
    return (!redirection.is_ask || osy_redis_command(link, 1, asking, NULL, NULL, NULL, NULL)) &&
           send_again(request, link);
}

static void on_answer(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct request *request = context;
    if (!reply || reply->type != OSY_REDIS_ERROR || !follow(request, reply))
        end_request(request, reply, err);
}

bool osy_redis_cluster_call(struct osy_redis_cluster *cluster, const struct osy_uuid *restaurant_id,
                            const struct osy_redis_script *script, int key_count, int argc,
                            const char *const *argv, const size_t *lengths, osy_redis_reply_fn fn,
                            void *context, struct osy_error *err)
{
    size_t owner = cluster->slots.owners[osy_redis_slot_of(restaurant_id)];
    struct osy_redis *link = osy_redis_cluster_link(cluster, restaurant_id);
    if (!link)
        return osy_error_set(err, OSY_ERR_IO, "Redis: no node of the cluster is known to have it");
    struct request *request = osy_alloc(sizeof *request);
    *request = (struct request){.cluster = cluster, .fn = fn, .context = context};
    request->asked = cluster->nodes[owner].address;
    request->call = osy_redis_call_copy(script, key_count, argc, argv, lengths);
    if (send_first(request, link, err))
        return true;
    free(request->call);
    free(request);
    return false;
}

/* ---- subscriptions ---- */

void osy_redis_cluster_subscribe(struct osy_redis_cluster *cluster,
                                 const struct osy_uuid *restaurant_id, const char *name)
{
    struct channel *channel = find_channel(cluster, name, strlen(name));
    if (channel)
        return;
    channel = osy_alloc(sizeof *channel);
    *channel = (struct channel){.name = osy_strdup(name),
                                .slot = osy_redis_slot_of(restaurant_id),
                                .is_sharded = !osy_uuid_is_nil(restaurant_id),
                                .node = OSY_REDIS_NO_NODE};
    HASH_ADD_KEYPTR(hh, cluster->channels, channel->name, strlen(name), channel);
    settle(cluster, channel);
}

static void remove_channel(struct osy_redis_cluster *cluster, struct channel *channel)
{
    HASH_DEL(cluster->channels, channel);
    free(channel->name);
    free(channel);
}

void osy_redis_cluster_unsubscribe(struct osy_redis_cluster *cluster, const char *name)
{
    struct channel *channel = find_channel(cluster, name, strlen(name));
    if (!channel)
        return;
    if (channel->node != OSY_REDIS_NO_NODE)
        osy_redis_unsubscribe(cluster->nodes[channel->node].link, name);
    remove_channel(cluster, channel);
}

/* ---- life ---- */

struct osy_redis_cluster *osy_redis_cluster_create(uv_loop_t *loop,
                                                   const struct osy_redis_shards_options *options,
                                                   struct osy_error *err)
{
    if (!osy_redis_topology_check(options->servers, err))
        return NULL;
    struct osy_redis_cluster *cluster = osy_alloc(sizeof *cluster);
    cluster->loop = loop;
    cluster->url = osy_strdup(options->servers);
    cluster->options = *options;
    cluster->options.servers = NULL;
    osy_redis_slots_init(&cluster->slots);
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++)
        cluster->nodes[i].cluster = cluster;
    uv_timer_init(loop, &cluster->timer);
    cluster->timer.data = cluster;
    uv_timer_start(&cluster->timer, on_tick, 0, TICK_MS);
    return cluster;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct osy_redis_cluster *cluster = handle->data;
    cluster->is_timer_closed = true;
    free_when_done(cluster);
}

void osy_redis_cluster_destroy(struct osy_redis_cluster *cluster)
{
    struct channel *channel = NULL, *next = NULL;
    if (!cluster)
        return;
    cluster->is_destroyed = true;
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++)
        osy_redis_destroy(cluster->nodes[i].link);
    HASH_ITER(hh, cluster->channels, channel, next) {
        remove_channel(cluster, channel);
    }
    uv_close((uv_handle_t *)&cluster->timer, on_timer_closed);
}

struct osy_redis *osy_redis_cluster_link(const struct osy_redis_cluster *cluster,
                                         const struct osy_uuid *restaurant_id)
{
    size_t owner = cluster->slots.owners[osy_redis_slot_of(restaurant_id)];
    return owner == OSY_REDIS_NO_NODE ? NULL : cluster->nodes[owner].link;
}

struct osy_redis *osy_redis_cluster_at(const struct osy_redis_cluster *cluster, size_t place)
{
    return cluster->slots.slot_counts[place] > 0 ? cluster->nodes[place].link : NULL;
}
