/*
 * The slots of a Redis Cluster: each key and each sharded channel belongs to one of 16384, which CRC16 of its
 * hash tag decides, and each slot to one node. A table says which; it is learnt whole from CLUSTER SLOTS, and
 * slot by slot from the nodes that do not have what they were asked for (MOVED). A node keeps its place in the
 * table as long as it is in it, so that whoever has connections can keep them in an array beside it.
 * No connections and no state of its own: any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/redis.h"
#include "shared/redis_map.h"
#include "shared/uuid.h"

#define OSY_REDIS_SLOT_COUNT    16384
#define OSY_REDIS_NODES_MAX     OSY_REDIS_SHARDS_MAX
#define OSY_REDIS_NO_NODE       OSY_REDIS_NODES_MAX /* a slot's that nobody has */
#define OSY_REDIS_ADDRESS_BYTES 264

struct osy_redis_address {
    char host[256];
    uint16_t port; /* 0: no address */
};

bool osy_redis_address_equal(const struct osy_redis_address *a, const struct osy_redis_address *b);
/* "host:port", "[::1]:port" */
void osy_redis_address_format(const struct osy_redis_address *address,
                              char text[OSY_REDIS_ADDRESS_BYTES]);

/* Of what is between the first { and the } behind it, if there is something, else of the whole. */
uint16_t osy_redis_slot_of_key(const char *key, size_t length);
/* Of all names with {<restaurant_id>}. */
uint16_t osy_redis_slot_of(const struct osy_uuid *restaurant_id);

/* What a node answers that has not got a slot: MOVED, or, while the slot is on its way to another node and
 * the key is there already or new, ASK: for this time alone. */
struct osy_redis_redirection {
    bool is_ask;
    uint16_t slot;
    struct osy_redis_address address;
};
/* text: of an error reply. from: who said so, which stands for an address without a host. False: it is
 * another error. */
bool osy_redis_redirection_parse(const char *text, size_t length,
                                 const struct osy_redis_address *from,
                                 struct osy_redis_redirection *redirection);
/* The error reply of a node to whom the cluster, or this slot, is lost. */
bool osy_redis_is_cluster_down(const char *text, size_t length);

struct osy_redis_slots {
    struct osy_redis_address nodes[OSY_REDIS_NODES_MAX]; /* port 0: a free place */
    uint16_t slot_counts[OSY_REDIS_NODES_MAX];           /* how many each has */
    bool is_hearsay[OSY_REDIS_NODES_MAX];                /* a redirection named it, no table yet */
    uint8_t owners[OSY_REDIS_SLOT_COUNT];                /* an index, or OSY_REDIS_NO_NODE */
};

void osy_redis_slots_init(struct osy_redis_slots *slots);
/* The answer to CLUSTER SLOTS, by from. Slots that it leaves out belong to nobody. OSY_ERR_INVALID: it is
 * no such answer, or has more nodes than there is room for. */
OSY_MUST_CHECK bool osy_redis_slots_read(const struct osy_redis_reply *reply,
                                         const struct osy_redis_address *from,
                                         struct osy_redis_slots *slots, struct osy_error *err);
/* Takes over what fresh says. Nodes without a slot lose their place; those that only a redirection has
 * named get another chance, because it may be newer than fresh. */
void osy_redis_slots_merge(struct osy_redis_slots *slots, const struct osy_redis_slots *fresh);
/* The place of the node, which gets one when it has none; OSY_REDIS_NO_NODE when there is none left. */
size_t osy_redis_slots_place(struct osy_redis_slots *slots,
                             const struct osy_redis_address *address);
/* Gives the slot to the node; its place. */
size_t osy_redis_slots_give(struct osy_redis_slots *slots, uint16_t slot,
                            const struct osy_redis_address *address);
