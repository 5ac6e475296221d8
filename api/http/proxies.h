/*
 * Trusted proxies: whose X-Forwarded-For is believed. Anybody can send that header, so only addresses
 * of this list count as ours; walking it from the right, the first foreign address is the client.
 */
#pragma once
#include "api/http/networks.h"

/*
 * peer: address of the other end. forwarded: the header, or NULL. Trusted networks of NULL are none. What is not
 * an address ends the walk: the client is then the last one that is known. Ports, which some proxies write
 * ("203.0.113.9:4711", "[2001:db8::1]:4711"), are left out.
 */
void api_proxies_client(const struct api_networks *trusted, const char *peer, const char *forwarded,
                        char client[API_ADDRESS_TEXT_BYTES]);
