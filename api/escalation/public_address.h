/*
 * Whether an address belongs to the public internet. Where a restaurant may name the machine that we
 * connect to, everything else is refused: our own networks, the machine itself, and whatever leads there by
 * another spelling (IPv4 inside IPv6, translation prefixes, tunnels).
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/* IPv4 and IPv6; false for any other family. */
bool api_address_is_public(const struct sockaddr *address);
