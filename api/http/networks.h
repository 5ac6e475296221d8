/*
 * Lists of IP networks, and the addresses that are looked for in them. Addresses are 16 bytes: IPv4 is kept as
 * the IPv6 address that maps it (RFC 4291 section 2.5.5.2), so both ways of writing it are one address.
 * Immutable once made: any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

#define API_ADDRESS_BYTES      16
#define API_ADDRESS_TEXT_BYTES 46

struct api_networks;

/* list: addresses and networks separated by commas ("127.0.0.1, ::1, 10.0.0.0/8"); may be empty.
 * NULL with OSY_ERR_INVALID naming the bad one. */
struct api_networks *api_networks_create(const char *list, struct osy_error *err);
void api_networks_destroy(struct api_networks *networks); /* NULL is fine */
/* NULL holds no address. */
bool api_networks_contain(const struct api_networks *networks,
                          const uint8_t address[API_ADDRESS_BYTES]);

bool api_address_parse(const char *text, uint8_t address[API_ADDRESS_BYTES]);
/* What one subscriber has: the address itself, or the /64 of an IPv6 address, for within that he may choose. */
void api_address_to_subscriber(uint8_t address[API_ADDRESS_BYTES]);
