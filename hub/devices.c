#include "hub/devices.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "shared/alloc.h"

enum said { SAID = 0, WAITING, TAKEN, TAKEN_CHANGED };

struct entry {
    struct hub_device_state state;
    size_t sockets;
    enum said said;
    struct entry *prev, *next; /* in the list of WAITING ones, or of the TAKEN */
    UT_hash_handle hh;
};

struct hub_devices {
    struct entry *entries;         /* a hash by device; owned */
    struct entry *waiting, *taken; /* borrowed from it */
    size_t most, waiting_count;
};

struct hub_device hub_device_make(const struct osy_uuid *restaurant_id, const char *name)
{
    struct hub_device device = {.restaurant_id = *restaurant_id};
    size_t length = strlen(name);
    assert(length > 0 && length < sizeof device.name);
    memcpy(device.name, name, length);
    return device;
}

struct hub_devices *hub_devices_create(size_t most)
{
    struct hub_devices *devices = osy_alloc(sizeof *devices);
    devices->most = most;
    return devices;
}

void hub_devices_destroy(struct hub_devices *devices)
{
    struct entry *entry, *following;
    if (!devices)
        return;
    HASH_ITER(hh, devices->entries, entry, following) {
        HASH_DEL(devices->entries, entry);
        free(entry);
    }
    free(devices);
}

static struct entry *find(const struct hub_devices *devices, const struct hub_device *device)
{
    struct entry *entry;
    HASH_FIND(hh, devices->entries, device, sizeof *device, entry);
    return entry;
}

static void wait_for_writing(struct hub_devices *devices, struct entry *entry)
{
    entry->said = WAITING;
    DL_APPEND(devices->waiting, entry);
    devices->waiting_count++;
}

static void note_change(struct hub_devices *devices, struct entry *entry)
{
    switch (entry->said) {
    case SAID: wait_for_writing(devices, entry); break;
    case TAKEN: entry->said = TAKEN_CHANGED; break;
    case WAITING:
    case TAKEN_CHANGED: break;
    }
}

/* NULL: there is no room. */
static struct entry *add(struct hub_devices *devices, const struct hub_device *device)
{
    if (HASH_COUNT(devices->entries) >= devices->most)
        return NULL;
    struct entry *entry = osy_alloc(sizeof *entry);
    entry->state.device = *device;
    HASH_ADD(hh, devices->entries, state.device, sizeof *device, entry);
    return entry;
}

bool hub_devices_come(struct hub_devices *devices, const struct hub_device *device, int64_t now_ms)
{
    struct entry *entry = find(devices, device);
    if (!entry)
        entry = add(devices, device);
    if (!entry)
        return false;
    entry->sockets++;
    entry->state.connected_ms = now_ms;
    entry->state.left_ms = 0;
    note_change(devices, entry);
    return true;
}

void hub_devices_leave(struct hub_devices *devices, const struct hub_device *device, int64_t now_ms)
{
    struct entry *entry = find(devices, device);
    assert(entry && entry->sockets > 0);
    if (--entry->sockets > 0)
        return;
    entry->state.left_ms = now_ms;
    note_change(devices, entry);
}

void hub_devices_repeat(struct hub_devices *devices)
{
    struct entry *entry, *following;
    HASH_ITER(hh, devices->entries, entry, following) {
        note_change(devices, entry);
    }
}

bool hub_devices_doubt(struct hub_devices *devices, const struct hub_device *device,
                       int64_t connected_ms, int64_t now_ms)
{
    if (find(devices, device)) /* with a socket, or with a leave that waits to be said */
        return true;
    struct entry *entry = add(devices, device);
    if (!entry)
        return false;
    entry->state.connected_ms = connected_ms;
    entry->state.left_ms = now_ms;
    note_change(devices, entry);
    return true;
}

size_t hub_devices_take(struct hub_devices *devices, struct hub_device_state *states, size_t most)
{
    size_t count = 0;
    assert(!devices->taken);
    while (devices->waiting && count < most) {
        struct entry *entry = devices->waiting;
        DL_DELETE(devices->waiting, entry);
        devices->waiting_count--;
        entry->said = TAKEN;
        DL_APPEND(devices->taken, entry);
        states[count++] = entry->state;
    }
    return count;
}

static void settle(struct hub_devices *devices, struct entry *entry, bool is_written)
{
    if (!is_written || entry->said == TAKEN_CHANGED) {
        wait_for_writing(devices, entry);
    } else if (entry->sockets > 0) {
        entry->said = SAID;
    } else {
        assert(devices->entries); /* it is one of them */
        HASH_DEL(devices->entries, entry);
        free(entry);
    }
}

void hub_devices_settle(struct hub_devices *devices, bool is_written)
{
    while (devices->taken) {
        struct entry *entry = devices->taken;
        DL_DELETE(devices->taken, entry);
        settle(devices, entry, is_written);
    }
}

size_t hub_devices_waiting(const struct hub_devices *devices)
{
    return devices->waiting_count;
}
