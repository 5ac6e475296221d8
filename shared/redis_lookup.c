#include "shared/redis_lookup.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/redis_sentinel.h"

/* It may outlive whoever wanted it, because a thread cannot be called back: it owns what it needs. */
struct osy_redis_lookup {
    uv_loop_t *loop;
    union {
        uv_req_t any;
        uv_getaddrinfo_t addresses;
        uv_work_t master;
    } request;
    osy_redis_found_fn fn; /* NULL: nobody waits for it any more */
    void *context;
    unsigned failures;
    uint32_t timeout_ms;
    char host[256]; /* to look up; until then what the Sentinels said */
    uint16_t port;
    char *sentinels, *master; /* owned; NULL for a URL of TCP */
    bool is_master_known;
    struct osy_error err;
};

static void free_lookup(struct osy_redis_lookup *lookup)
{
    free(lookup->sentinels);
    free(lookup->master);
    free(lookup);
}

static void end(struct osy_redis_lookup *lookup, const char *ip, const struct osy_error *err)
{
    if (lookup->fn)
        lookup->fn(lookup->context, ip, lookup->port, err);
    free_lookup(lookup);
}

static bool fail(struct osy_redis_lookup *lookup, const char *reason)
{
    return osy_error_set(&lookup->err, OSY_ERR_IO, "%s", reason);
}

/* ---- a name ---- */

/* A name may have several addresses: each attempt that fails moves on to the next one. */
static const struct addrinfo *choose_address(const struct addrinfo *first, unsigned failures)
{
    const struct addrinfo *address = first;
    unsigned count = 1;

    for (const struct addrinfo *at = first->ai_next; at; at = at->ai_next)
        count++;
    for (unsigned i = failures % count; i > 0; i--)
        address = address->ai_next;
    return address;
}

static bool format_address(struct osy_redis_lookup *lookup, const struct addrinfo *addresses,
                           char ip[NI_MAXHOST])
{
    const struct addrinfo *address = choose_address(addresses, lookup->failures);

    return getnameinfo(address->ai_addr, address->ai_addrlen, ip, NI_MAXHOST, NULL, 0,
                       NI_NUMERICHOST) == 0 ||
           fail(lookup, "unusable address");
}

static void on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct osy_redis_lookup *lookup = request->data;
    char ip[NI_MAXHOST] = "";
    bool ok =
        status == 0 ? format_address(lookup, addresses, ip) : fail(lookup, uv_strerror(status));

    uv_freeaddrinfo(addresses);
    end(lookup, ip, ok ? NULL : &lookup->err);
}

static bool find_addresses(struct osy_redis_lookup *lookup)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int status = uv_getaddrinfo(lookup->loop, &lookup->request.addresses, on_addresses,
                                lookup->host, NULL, &hints);

    return status == 0 || fail(lookup, uv_strerror(status));
}

/* ---- Sentinels ---- */

/* On a thread of libuv's pool. */
static void ask_sentinels(uv_work_t *request)
{
    struct osy_redis_lookup *lookup = request->data;

    lookup->is_master_known =
        osy_redis_sentinel_find(lookup->sentinels, lookup->master, lookup->failures,
                                lookup->timeout_ms, lookup->host, &lookup->port, &lookup->err);
}

/* What they say may be a name, too. */
static void on_sentinels_asked(uv_work_t *request, int status)
{
    struct osy_redis_lookup *lookup = request->data;

    if (status != 0)
        fail(lookup, uv_strerror(status));
    if (status != 0 || !lookup->fn || !lookup->is_master_known || !find_addresses(lookup))
        end(lookup, "", &lookup->err);
}

static bool find_master(struct osy_redis_lookup *lookup)
{
    int status =
        uv_queue_work(lookup->loop, &lookup->request.master, ask_sentinels, on_sentinels_asked);

    return status == 0 || fail(lookup, uv_strerror(status));
}

/* ---- both ---- */

struct osy_redis_lookup *osy_redis_lookup_start(uv_loop_t *loop, const struct osy_redis_url *url,
                                                unsigned failures, uint32_t timeout_ms,
                                                osy_redis_found_fn fn, void *context,
                                                struct osy_error *err)
{
    struct osy_redis_lookup *lookup = osy_alloc(sizeof *lookup);

    *lookup = (struct osy_redis_lookup){.loop = loop,
                                        .fn = fn,
                                        .context = context,
                                        .failures = failures,
                                        .timeout_ms = timeout_ms,
                                        .port = url->port};
    lookup->request.any.data = lookup;
    if (url->sentinels) {
        lookup->sentinels = osy_strdup(url->sentinels);
        lookup->master = osy_strdup(url->master);
    } else {
        snprintf(lookup->host, sizeof lookup->host, "%s", url->host);
    }
    if (url->sentinels ? find_master(lookup) : find_addresses(lookup))
        return lookup;
    osy_error_set(err, OSY_ERR_IO, "%s", lookup->err.message);
    free_lookup(lookup);
    return NULL;
}

void osy_redis_lookup_forget(struct osy_redis_lookup *lookup)
{
    if (!lookup)
        return;
    lookup->fn = NULL;
    uv_cancel(&lookup->request.any); /* it may be running; then it ends in its own time */
}
