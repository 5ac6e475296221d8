#include "loadtest/customer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/receipt.h"
#include "loadtest/run.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/json.h"
#include "shared/random.h"

static const struct load_restaurant *restaurant_of(struct load_run *run, size_t restaurant)
{
    return &run->restaurants.all[restaurant];
}

/* "version" of the order in a reply; 0 when it is not there. */
static uint32_t version_of(json_t *reply)
{
    json_int_t version =
        json_integer_value(json_object_get(json_object_get(reply, "order"), "version"));
    return version > 0 && version <= LOAD_VERSIONS ? (uint32_t)version : 0;
}

/* --- following --- */

static void destroy_follow(struct load_follow *follow)
{
    load_feed_destroy(follow->feed);
    free(follow->token);
    free(follow);
}

void load_customer_retire(struct load_customer *customer)
{
    struct load_follow **at = &customer->latest;
    while (*at) {
        struct load_follow *follow = *at;
        if (follow->is_retiring && !follow->trail.order->is_changing &&
            load_trail_lacks(&follow->trail) == 0) {
            *at = follow->older;
            destroy_follow(follow);
        } else {
            at = &follow->older;
        }
    }
}

static void on_event(void *context, size_t stream, const struct load_message *event,
                     uint64_t now_ns)
{
    (void)stream;
    struct load_follow *follow = context;
    struct load_customer *customer = follow->customer;
    struct load_stats *stats = customer->run->stats;
    if (event->version == 0 || !osy_uuid_equal(&event->order_id, &follow->trail.order->id)) {
        stats->leaked++;
        return;
    }
    switch (load_trail_event(&follow->trail, event->version)) {
    case LOAD_VERDICT_FOREIGN: stats->foreign++; return;
    case LOAD_VERDICT_DUPLICATE: stats->duplicated++; return;
    case LOAD_VERDICT_OUT_OF_ORDER: stats->out_of_order++; break;
    case LOAD_VERDICT_NOT_OURS: /* of alerts alone, which are no customer's */
    case LOAD_VERDICT_GOOD: break;
    }
    stats->to_customers++;
    load_stats_latency(stats, LOAD_LATENCY_CHANGE_TO_CUSTOMER,
                       follow->trail.order->intended_ns[event->version - 1], now_ns);
    load_customer_retire(customer);
}

static void on_live(void *context)
{
    struct load_follow *follow = context;
    struct load_customer *customer = follow->customer;
    if (!customer->is_ready) {
        customer->is_ready = true;
        customer->run->customers_ready++;
    }
    for (struct load_follow *older = follow->older; older; older = older->older)
        older->is_retiring = true;
    load_customer_retire(customer);
}

struct reload {
    struct load_customer *customer;
    struct load_order *order;
};

/* The follow may be gone by now: look it up. */
static void on_reloaded(void *context, const struct load_http_reply *reply)
{
    struct reload reload = *(struct reload *)context;
    free(context);
    json_t *body = reply && reply->status == 200
                       ? osy_json_parse(reply->body, reply->body_length, JSON_OBJECT, NULL)
                       : NULL;
    uint32_t version = version_of(body);
    json_decref(body);
    for (struct load_follow *at = reload.customer->latest; at && version; at = at->older)
        if (at->trail.order == reload.order)
            load_trail_reset(&at->trail, version);
    load_customer_retire(reload.customer);
}

static void on_reset(void *context, size_t stream, const char *position)
{
    struct load_follow *follow = context;
    (void)stream;
    char path[96], order[OSY_UUID_TEXT_BYTES];
    (void)position;
    struct reload *reload = osy_alloc(sizeof(*reload));
    *reload = (struct reload){follow->customer, follow->trail.order};
    osy_uuid_format(&follow->trail.order->id, order);
    snprintf(path, sizeof(path), "/api/v1/orders/%s", order);
    load_call(follow->customer->run->calls,
              &(struct load_http_request){.method = "GET", .path = path, .bearer = follow->token},
              LOAD_CALL_INSIST, on_reloaded, reload);
}

static const struct load_feed_handler feed_handler = {
    .on_event = on_event,
    .on_reset = on_reset,
    .on_live = on_live,
};

static void follow_order(struct load_customer *customer, struct load_order *order, uint32_t version,
                         const char *token, const char *position)
{
    struct load_run *run = customer->run;
    char path[160], id[OSY_UUID_TEXT_BYTES];
    struct load_follow *follow = osy_alloc(sizeof(*follow));
    follow->customer = customer;
    follow->token = osy_strdup(token);
    load_trail_start(&follow->trail, order, version);
    follow->older = customer->latest;
    customer->latest = follow;
    osy_uuid_format(&order->id, id);
    snprintf(path, sizeof(path), "/ws/orders/%s/status?r=%s", id,
             restaurant_of(run, customer->restaurant)->id_text);
    follow->feed = load_feed_create(
        &run->feeds,
        &(struct load_feed_target){.path = path, .bearer = token, .position = position},
        &feed_handler, follow);
}

/* --- ordering --- */

struct placing {
    struct load_run *run;
    struct load_customer *customer; /* NULL: a walk-in */
    size_t restaurant;
    uint64_t due_ns; /* 0: not measured */
};

static void note_acknowledged(FILE *file, const struct osy_uuid *order_id)
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(order_id, id);
    fprintf(file, "%s\n", id);
}

/* Takes an acknowledged order into the books. NULL when the reply is not what it has to be. */
static struct load_order *book_order(const struct placing *placing,
                                     const struct load_receipt *receipt, uint64_t now_ns)
{
    struct load_run *run = placing->run;
    if (!receipt->version)
        return NULL;
    struct load_order *order =
        load_ledger_order(run->ledger, placing->restaurant, &receipt->order_id);
    order->intended_ns[0] = placing->due_ns;
    if (run->assignment->acknowledged)
        note_acknowledged(run->assignment->acknowledged, &receipt->order_id);
    load_order_acknowledge(order, receipt->version);
    load_stats_latency(run->stats, LOAD_LATENCY_ORDER_REPLY, placing->due_ns, now_ns);
    for (size_t i = 0; i < order->early_count; i++)
        load_stats_latency(run->stats, LOAD_LATENCY_ORDER_TO_TABLET, placing->due_ns,
                           order->early_ns[i]);
    return order;
}

static void on_accepted(const struct placing *placing, const struct load_http_reply *reply)
{
    struct load_posts *posts = &placing->run->stats->orders;
    struct load_receipt receipt;
    load_receipt_read(&receipt, reply->body, reply->body_length);
    struct load_order *order = book_order(placing, &receipt, osy_clock_monotonic_ns());
    if (order && receipt.token[0] && receipt.position[0]) {
        posts->accepted++;
        if (placing->customer)
            follow_order(placing->customer, order, receipt.version, receipt.token,
                         receipt.position);
        load_kitchen_take(placing->run->kitchen, order, placing->customer);
    } else {
        load_posts_refuse(posts, 0);
    }
}

static void on_placed(void *context, const struct load_http_reply *reply)
{
    struct placing *placing = context;
    struct load_posts *posts = &placing->run->stats->orders;
    if (!reply)
        posts->unanswered++;
    else if (reply->status == 201)
        on_accepted(placing, reply);
    else
        load_posts_refuse(posts, reply->status);
    if (placing->due_ns == 0 && (!reply || reply->status != 201))
        placing->run->failed_starts++;
    free(placing);
}

static char *order_body(const struct load_restaurant *restaurant)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    size_t first = (size_t)osy_random_below(restaurant->item_count);
    size_t lines = restaurant->item_count > 1 ? 2 : 1;
    osy_buffer_printf(&out, "{\"restaurant_id\":\"%s\",\"items\":[", restaurant->id_text);
    for (size_t i = 0; i < lines; i++)
        osy_buffer_printf(&out, "%s{\"item_id\":\"%s\",\"quantity\":%u}", i ? "," : "",
                          restaurant->items[(first + i) % restaurant->item_count],
                          1 + (unsigned)osy_random_below(3));
    osy_buffer_text(&out, "],\"customer\":{\"name\":\"Load Test\",\"phone\":\"+82 10-0000-0000\","
                          "\"address\":\"1 Test Street\"},\"note\":\"load test\"}");
    return osy_buffer_take(&out, NULL);
}

static void place(struct load_run *run, struct load_customer *customer, size_t restaurant,
                  uint64_t due_ns)
{
    struct placing *placing = osy_alloc(sizeof(*placing));
    *placing = (struct placing){run, customer, restaurant, due_ns};
    char *body = order_body(restaurant_of(run, restaurant));
    run->stats->orders.offered++;
    if (due_ns)
        load_stats_latency(run->stats, LOAD_LATENCY_GENERATOR, due_ns, osy_clock_monotonic_ns());
    load_call(run->calls,
              &(struct load_http_request){.method = "POST", .path = "/api/v1/orders", .body = body},
              due_ns ? LOAD_CALL_ONCE : LOAD_CALL_INSIST, on_placed, placing);
    free(body);
}

void load_customer_init(struct load_customer *customer, struct load_run *run, size_t restaurant)
{
    *customer = (struct load_customer){.run = run, .restaurant = restaurant};
}

void load_customer_deinit(struct load_customer *customer)
{
    while (customer->latest) {
        struct load_follow *older = customer->latest->older;
        destroy_follow(customer->latest);
        customer->latest = older;
    }
}

void load_customer_order(struct load_customer *customer, uint64_t due_ns)
{
    place(customer->run, customer, customer->restaurant, due_ns);
}

void load_walk_in_order(struct load_run *run, size_t restaurant, uint64_t due_ns)
{
    place(run, NULL, restaurant, due_ns);
}

size_t load_customer_lacks(const struct load_customer *customer)
{
    size_t count = 0;
    for (const struct load_follow *at = customer->latest; at; at = at->older)
        count += load_trail_lacks(&at->trail);
    return count;
}
