/*
 * The sender: tells the world outside of orders that wait. The watchdog leaves messages in order_alerts; a
 * thread of `ordersync-api work` claims those that are due, hands each to the channel of its action and
 * writes down how it went. Webhooks are sent, many at a time, and tried again after 1, 2, 4 ... s, seven
 * times in all; a channel without a provider skips the message and says why.
 *
 * A message is claimed for one try by moving its next time beyond the try's end. So any number of workers
 * share them, and one that dies leaves its messages to the others: a message may arrive twice, with the same
 * delivery id, and is never lost while its receiver answers within the tries.
 */
#pragma once
#include "shared/error.h"

struct api_config;
struct api_sender;
struct osy_keyring;
struct osy_metrics;

/* Starts the thread. All is borrowed; keyring: with data keys. NULL: OSY_ERR_IO without a thread. */
struct api_sender *api_sender_start(const struct api_config *config,
                                    const struct osy_keyring *keyring, struct osy_metrics *metrics,
                                    struct osy_error *err);
/* Drops what is under way: it is sent again by whoever works next. NULL is fine. */
void api_sender_stop(struct api_sender *sender);
