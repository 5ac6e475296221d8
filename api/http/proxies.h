/*
 * Trusted proxies: whose X-Forwarded-For is believed. Anybody can send that header, so only addresses
 * of this list count as ours; walking it from the right, the first foreign address is the client.
 */
#pragma once
#include "shared/error.h"

#define API_ADDRESS_TEXT_BYTES 46

struct api_proxies;

/* list: addresses and networks separated by commas ("127.0.0.1, ::1, 10.0.0.0/8"); may be empty.
 * NULL with OSY_ERR_INVALID naming the bad one. */
struct api_proxies *api_proxies_create(const char *list, struct osy_error *err);
void api_proxies_destroy(struct api_proxies *proxies); /* NULL is fine */
/* peer: address of the other end. forwarded: the header, or NULL. A proxies of NULL trusts nobody. */
void api_proxies_client(const struct api_proxies *proxies, const char *peer, const char *forwarded,
                        char client[API_ADDRESS_TEXT_BYTES]);
