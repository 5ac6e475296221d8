#include "shared/redis_topology.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/redis_blocking.h"
#include "shared/redis_common.h"

#define SCHEME    "cluster://"
#define SEEDS_MAX 64

/* ---- the URL ---- */

bool osy_redis_topology_is_cluster(const char *url)
{
    return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

/* Behind user and password. */
static const char *seeds_of(const char *url)
{
    const char *at = strrchr(url, '@');
    return at ? at + 1 : url + strlen(SCHEME);
}

/* What is said in a node's URL, too: scheme apart, user and password, then the address. */
static char *make_url(const char *url, const char *address, size_t length)
{
    const char *user = url + strlen(SCHEME);
    struct osy_buffer text = OSY_BUFFER_INIT;
    osy_buffer_printf(&text, "redis://%.*s%.*s", (int)(seeds_of(url) - user), user, (int)length,
                      address);
    char *copy = osy_strdup(text.bytes);
    osy_buffer_wipe(&text);
    return copy;
}

void osy_redis_topology_url_free(char *url)
{
    OPENSSL_cleanse(url, strlen(url));
    free(url);
}

char *osy_redis_topology_url_of(const char *url, const struct osy_redis_address *node)
{
    char address[OSY_REDIS_ADDRESS_BYTES];
    osy_redis_address_format(node, address);
    return make_url(url, address, strlen(address));
}

static bool read_seed(const char *url, const char *seed, size_t length,
                      struct osy_redis_address *address, struct osy_error *err)
{
    char *text = make_url(url, seed, length);
    struct osy_redis_url parsed;
    bool ok = osy_redis_url_parse(text, &parsed, err);
    osy_redis_topology_url_free(text);
    if (!ok)
        return false;
    *address = (struct osy_redis_address){.port = parsed.port};
    memcpy(address->host, parsed.host, strlen(parsed.host));
    osy_redis_url_deinit(&parsed);
    return true;
}

/* How many; false: one is wrong. */
static bool read_seeds(const char *url, struct osy_redis_address seeds[SEEDS_MAX], size_t *count,
                       struct osy_error *err)
{
    const char *at = seeds_of(url);
    if (strchr(at, '/'))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "the Redis URL has a database, and a cluster has none");
    for (*count = 0; *count < SEEDS_MAX; at++) {
        size_t length = strcspn(at, ";");
        if (!read_seed(url, at, length, &seeds[(*count)++], err))
            return false;
        at += length;
        if (*at == '\0')
            return true;
    }
    return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has more than %d hosts", SEEDS_MAX);
}

bool osy_redis_topology_check(const char *url, struct osy_error *err)
{
    struct osy_redis_address seeds[SEEDS_MAX];
    size_t count;
    return read_seeds(url, seeds, &count, err);
}

/* ---- the question ---- */

struct answer {
    const struct osy_redis_address *from;
    struct osy_redis_slots *slots;
    struct osy_error *err;
    bool ok;
};

static void take_answer(void *context, const struct osy_redis_reply *reply,
                        const struct osy_error *err)
{
    struct answer *answer = context;
    (void)err;
    answer->ok = osy_redis_slots_read(reply, answer->from, answer->slots, answer->err);
}

static bool ask(const char *url, const struct osy_redis_address *node, uint32_t timeout_ms,
                struct osy_redis_slots *fresh, struct osy_error *err)
{
    static const char *const argv[] = {"CLUSTER", "SLOTS"};
    struct answer answer = {.from = node, .slots = fresh, .err = err};
    char name[OSY_REDIS_ADDRESS_BYTES], *text = osy_redis_topology_url_of(url, node);
    struct osy_redis_blocking *redis = osy_redis_blocking_create(text, timeout_ms, err);
    osy_redis_topology_url_free(text);
    bool ok = redis &&
              osy_redis_blocking_command(redis, 2, argv, NULL, take_answer, &answer, err) &&
              answer.ok;
    osy_redis_blocking_destroy(redis);
    osy_redis_address_format(node, name);
    return ok || osy_error_prefix(err, "%s", name);
}

bool osy_redis_topology_find(const char *url, const struct osy_redis_slots *known, unsigned round,
                             uint32_t timeout_ms, struct osy_redis_slots *fresh,
                             struct osy_error *err)
{
    struct osy_redis_address nodes[OSY_REDIS_NODES_MAX + SEEDS_MAX];
    size_t count = 0, seed_count;
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        if (known->nodes[i].port != 0)
            nodes[count++] = known->nodes[i];
    }
    if (!read_seeds(url, nodes + count, &seed_count, err))
        return false;
    count += seed_count;
    for (size_t i = 0; i < count; i++) {
        if (ask(url, &nodes[(round + i) % count], timeout_ms, fresh, err))
            return true;
    }
    return false;
}
