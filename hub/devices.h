/*
 * The devices that have a socket here, and which of them PostgreSQL has yet to hear about. Only a device's
 * latest state counts, so however long PostgreSQL is away, each waits once. Pure data: whoever owns it
 * does the locking (hub/reports.c).
 *
 *   SAID -> WAITING -> TAKEN -> SAID                  (written)
 *              ^         |-> WAITING                  (not written)
 *              `---- TAKEN_CHANGED                    (it came or left while it was being written)
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/uuid.h"

#define HUB_DEVICE_NAME_BYTES 65 /* 64 characters and the NUL */

/* One tablet of one restaurant. A key of hashes: make it with hub_device_make. */
struct hub_device {
    struct osy_uuid restaurant_id;
    char name[HUB_DEVICE_NAME_BYTES]; /* zeros behind the text */
};

/* name: 1 to 64 of A-Za-z0-9_-. */
struct hub_device hub_device_make(const struct osy_uuid *restaurant_id, const char *name);

/* What is to be said about a device. */
struct hub_device_state {
    struct hub_device device;
    int64_t connected_ms; /* monotonic; when its latest socket came */
    int64_t left_ms;      /* when its last socket went; 0: it has one */
};

struct hub_devices;

struct hub_devices *hub_devices_create(size_t most);
void hub_devices_destroy(struct hub_devices *devices); /* NULL is fine */

/* A socket of the device has come. False: so many devices are known that this one is left out. */
OSY_MUST_CHECK bool hub_devices_come(struct hub_devices *devices, const struct hub_device *device,
                                     int64_t now_ms);
/* One of the sockets that hub_devices_come has taken is gone. */
void hub_devices_leave(struct hub_devices *devices, const struct hub_device *device,
                       int64_t now_ms);
/* Everything about devices with a socket is to be said again: PostgreSQL has forgotten it. */
void hub_devices_repeat(struct hub_devices *devices);
/* PostgreSQL takes the device for one with a socket here since connected_ms: unless it has one, it is to be
 * said that it has left. False: so many devices are known that this one is left out. */
OSY_MUST_CHECK bool hub_devices_doubt(struct hub_devices *devices, const struct hub_device *device,
                                      int64_t connected_ms, int64_t now_ms);

/* Hands out up to `most` of what waits, oldest first. hub_devices_settle must follow. */
size_t hub_devices_take(struct hub_devices *devices, struct hub_device_state *states, size_t most);
/* What was taken has been written, or has not and waits again. */
void hub_devices_settle(struct hub_devices *devices, bool is_written);
size_t hub_devices_waiting(const struct hub_devices *devices);
