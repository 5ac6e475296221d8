#include "shared/redis_slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- addresses ---- */

bool osy_redis_address_equal(const struct osy_redis_address *a, const struct osy_redis_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void osy_redis_address_format(const struct osy_redis_address *address,
                              char text[OSY_REDIS_ADDRESS_BYTES])
{
    bool is_ipv6 = strchr(address->host, ':') != NULL;
    snprintf(text, OSY_REDIS_ADDRESS_BYTES, is_ipv6 ? "[%s]:%u" : "%s:%u", address->host,
             address->port);
}

/* A cluster says nothing, or "?", where it does not know a node's address. */
static bool set_address(const char *host, size_t length, int64_t port,
                        const struct osy_redis_address *from, struct osy_redis_address *address)
{
    if (port < 1 || port > UINT16_MAX || length >= sizeof address->host ||
        memchr(host, '\0', length) || (length == 1 && host[0] == '?'))
        return false;
    *address = (struct osy_redis_address){.port = (uint16_t)port};
    if (length == 0)
        memcpy(address->host, from->host, sizeof address->host);
    else
        memcpy(address->host, host, length);
    return address->host[0] != '\0';
}

/* ---- slots ---- */

/* CRC-16/XMODEM, bit by bit: a tag has 36 bytes. */
static uint16_t crc16(const char *bytes, size_t length)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint16_t)((uint8_t)bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

uint16_t osy_redis_slot_of_key(const char *key, size_t length)
{
    const char *open = length ? memchr(key, '{', length) : NULL;
    const char *tag = open ? open + 1 : key;
    const char *close = open ? memchr(tag, '}', length - (size_t)(tag - key)) : NULL;
    if (close && close > tag)
        return crc16(tag, (size_t)(close - tag)) % OSY_REDIS_SLOT_COUNT;
    return crc16(key, length) % OSY_REDIS_SLOT_COUNT;
}

uint16_t osy_redis_slot_of(const struct osy_uuid *restaurant_id)
{
    char tag[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, tag);
    return crc16(tag, OSY_UUID_TEXT_BYTES - 1) % OSY_REDIS_SLOT_COUNT;
}

/* ---- redirections ---- */

/* Digits up to the end character, which it moves behind; false: there is something else. */
static bool take_number(const char **at, const char *end, char stop, int64_t most, int64_t *number)
{
    const char *first = *at;
    *number = 0;
    for (; *at < end && **at >= '0' && **at <= '9' && *number <= most; (*at)++)
        *number = *number * 10 + (**at - '0');
    if (*at == first || *number > most)
        return false;
    if (stop == '\0')
        return *at == end;
    return *at < end && *(*at)++ == stop;
}

/* "MOVED <slot> <host>:<port>"; the host may be missing, and one of IPv6 has no brackets. */
bool osy_redis_redirection_parse(const char *text, size_t length,
                                 const struct osy_redis_address *from,
                                 struct osy_redis_redirection *redirection)
{
    static const char moved[] = "MOVED ", ask[] = "ASK ";
    const char *at = text, *end = text + length;
    int64_t slot, port;
    redirection->is_ask = length >= strlen(ask) && memcmp(text, ask, strlen(ask)) == 0;
    if (redirection->is_ask)
        at += strlen(ask);
    else if (length >= strlen(moved) && memcmp(text, moved, strlen(moved)) == 0)
        at += strlen(moved);
    else
        return false;
    if (!take_number(&at, end, ' ', OSY_REDIS_SLOT_COUNT - 1, &slot))
        return false;
    const char *host = at, *colon = memrchr(at, ':', (size_t)(end - at));
    if (!colon)
        return false;
    at = colon + 1;
    redirection->slot = (uint16_t)slot;
    return take_number(&at, end, '\0', UINT16_MAX, &port) &&
           set_address(host, (size_t)(colon - host), port, from, &redirection->address);
}

bool osy_redis_is_cluster_down(const char *text, size_t length)
{
    static const char down[] = "CLUSTERDOWN";
    return length >= strlen(down) && memcmp(text, down, strlen(down)) == 0;
}

/* ---- the table ---- */

void osy_redis_slots_init(struct osy_redis_slots *slots)
{
    memset(slots, 0, sizeof *slots);
    memset(slots->owners, OSY_REDIS_NO_NODE, sizeof slots->owners);
}

size_t osy_redis_slots_place(struct osy_redis_slots *slots, const struct osy_redis_address *address)
{
    size_t free_place = OSY_REDIS_NO_NODE;
    for (size_t i = OSY_REDIS_NODES_MAX; i-- > 0;) {
        if (osy_redis_address_equal(&slots->nodes[i], address))
            return i;
        if (slots->nodes[i].port == 0)
            free_place = i;
    }
    if (free_place < OSY_REDIS_NO_NODE) {
        slots->nodes[free_place] = *address;
        slots->is_hearsay[free_place] = true;
    }
    return free_place;
}

static void give(struct osy_redis_slots *slots, size_t slot, size_t node)
{
    size_t former = slots->owners[slot];
    if (former < OSY_REDIS_NO_NODE)
        slots->slot_counts[former]--;
    if (node < OSY_REDIS_NO_NODE)
        slots->slot_counts[node]++;
    slots->owners[slot] = (uint8_t)node;
}

size_t osy_redis_slots_give(struct osy_redis_slots *slots, uint16_t slot,
                            const struct osy_redis_address *address)
{
    size_t node = osy_redis_slots_place(slots, address);
    give(slots, slot, node);
    return node;
}

/* [first, last, [host, port, ...], replicas...] */
static bool read_range(const struct osy_redis_reply *range, const struct osy_redis_address *from,
                       struct osy_redis_slots *slots, struct osy_error *err)
{
    struct osy_redis_reply first = osy_redis_reply_at(range, 0);
    struct osy_redis_reply last = osy_redis_reply_at(range, 1);
    struct osy_redis_reply master = osy_redis_reply_at(range, 2);
    struct osy_redis_reply host = osy_redis_reply_at(&master, 0);
    struct osy_redis_reply port = osy_redis_reply_at(&master, 1);
    struct osy_redis_address address;
    if (first.type != OSY_REDIS_INTEGER || last.type != OSY_REDIS_INTEGER || first.integer < 0 ||
        last.integer < first.integer || last.integer >= OSY_REDIS_SLOT_COUNT)
        return osy_error_set(err, OSY_ERR_INVALID, "the cluster has slots that do not exist");
    if (host.type == OSY_REDIS_NIL)
        host = (struct osy_redis_reply){.type = OSY_REDIS_STRING, .text = ""};
    if (host.type != OSY_REDIS_STRING || port.type != OSY_REDIS_INTEGER ||
        !set_address(host.text, host.length, port.integer, from, &address))
        return osy_error_set(err, OSY_ERR_INVALID, "the cluster has a node without an address");
    size_t node = osy_redis_slots_place(slots, &address);
    if (node == OSY_REDIS_NO_NODE)
        return osy_error_set(err, OSY_ERR_INVALID, "the cluster has more than %d masters",
                             OSY_REDIS_NODES_MAX);
    for (int64_t slot = first.integer; slot <= last.integer; slot++)
        give(slots, (size_t)slot, node);
    return true;
}

bool osy_redis_slots_read(const struct osy_redis_reply *reply, const struct osy_redis_address *from,
                          struct osy_redis_slots *slots, struct osy_error *err)
{
    osy_redis_slots_init(slots);
    if (reply->type != OSY_REDIS_ARRAY)
        return osy_error_set(err, OSY_ERR_INVALID, "the server does not know its slots");
    if (reply->count == 0)
        return osy_error_set(err, OSY_ERR_INVALID, "nobody has any slot yet");
    for (size_t i = 0; i < reply->count; i++) {
        struct osy_redis_reply range = osy_redis_reply_at(reply, i);
        if (!read_range(&range, from, slots, err))
            return false;
    }
    return true;
}

static void free_place(struct osy_redis_slots *slots, size_t node)
{
    for (size_t slot = 0; slot < OSY_REDIS_SLOT_COUNT; slot++) {
        if (slots->owners[slot] == node)
            give(slots, slot, OSY_REDIS_NO_NODE);
    }
    slots->nodes[node] = (struct osy_redis_address){.port = 0};
    slots->is_hearsay[node] = false;
}

static bool is_listed(const struct osy_redis_slots *slots, const struct osy_redis_address *address)
{
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        if (slots->slot_counts[i] > 0 && osy_redis_address_equal(&slots->nodes[i], address))
            return true;
    }
    return false;
}

/* Places are freed before they are given away, or a table that is full could not follow a failover. */
void osy_redis_slots_merge(struct osy_redis_slots *slots, const struct osy_redis_slots *fresh)
{
    size_t places[OSY_REDIS_NODES_MAX + 1];
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        bool stays = slots->is_hearsay[i] || is_listed(fresh, &slots->nodes[i]);
        slots->is_hearsay[i] = false;
        if (!stays && slots->nodes[i].port != 0)
            free_place(slots, i);
    }
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++) {
        places[i] = OSY_REDIS_NO_NODE;
        if (fresh->slot_counts[i] == 0)
            continue;
        places[i] = osy_redis_slots_place(slots, &fresh->nodes[i]);
        if (places[i] < OSY_REDIS_NO_NODE)
            slots->is_hearsay[places[i]] = false;
    }
    places[OSY_REDIS_NO_NODE] = OSY_REDIS_NO_NODE;
    for (size_t slot = 0; slot < OSY_REDIS_SLOT_COUNT; slot++)
        give(slots, slot, places[fresh->owners[slot]]);
}
