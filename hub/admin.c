/* The admin pages. Whoever may reach the admin port may read them; the edge does not pass them on. */
#include <string.h>

#include "hub/hub.h"
#include "hub/reply.h"
#include "hub/socket.h"
#include "hub/store.h"
#include "shared/redis_shards.h"
#include "shared/revocation_feed.h"

typedef int (*page_fn)(struct hub *hub, struct osy_buffer *body);

static int show_health(struct hub *hub, struct osy_buffer *body)
{
    (void)hub;
    osy_buffer_text(body, "{\"status\":\"ok\"}\n");
    return 200;
}

/* Either source of events is enough to serve, and of several Redis servers one: that is what having two is
 * for. But who is revoked must have
 * been known once, and lately. */
static int show_ready(struct hub *hub, struct osy_buffer *body)
{
    bool database = hub_store_is_up(hub->source.store);
    size_t redis_up = osy_redis_shards_count_up(hub->source.redis);
    bool redis = redis_up == osy_redis_shards_count(hub->source.redis);
    bool revocations = osy_revocation_feed_is_current(hub->revocations);
    bool ready = hub->phase == HUB_SERVING && (database || redis_up > 0) && revocations;
    osy_buffer_printf(
        body, "{\"status\":\"%s\",\"database\":\"%s\",\"redis\":\"%s\",\"revocations\":\"%s\"}\n",
        hub->phase != HUB_SERVING ? "draining"
        : ready                   ? "ready"
                                  : "not ready",
        database ? "ok" : "down", redis ? "ok" : "down", revocations ? "ok" : "unknown");
    return ready ? 200 : 503;
}

static int show_metrics(struct hub *hub, struct osy_buffer *body)
{
    osy_metrics_write(hub->metrics.registry, body);
    return 200;
}

static const struct {
    const char *path, *content_type;
    page_fn show;
} pages[] = {
    {"/health", "application/json", show_health},
    {"/ready", "application/json", show_ready},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", show_metrics},
};

void hub_admin_answer(struct hub *hub, const char *path, bool is_get, bool is_head,
                      struct osy_buffer *out)
{
    if (!is_get) {
        hub_reply_refuse(out, &(struct hub_refusal){405, "method"}, is_head);
        return;
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(pages[i].path, path) != 0)
            continue;
        struct osy_buffer body = OSY_BUFFER_INIT;
        int status = pages[i].show(hub, &body);
        hub_reply_write(out, status, pages[i].content_type, &body, is_head);
        osy_buffer_deinit(&body);
        return;
    }
    hub_reply_refuse(out, &(struct hub_refusal){404, "path"}, is_head);
}
