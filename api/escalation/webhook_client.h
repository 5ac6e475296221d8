/*
 * The webhook client: sends signed messages over HTTPS to addresses that restaurants have chosen, many at a
 * time. libcurl is met here and in api/privacy/aws_kms.c.
 *
 * A restaurant must not be able to make us connect to our own machines. So each address is checked where
 * the connection is made (public_address.h), after every resolution, whatever the URL spells; the port is
 * 443 or 8443; redirects are not followed, proxies of the environment not used; the answer is read up to
 * 64 KiB and thrown away. allow_private lifts this for tests on one machine, and also allows plain HTTP.
 *
 * One thread at a time. A process that sends calls api_webhook_init before its first thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/escalation/webhook_signature.h"
#include "shared/error.h"

#define API_WEBHOOK_URL_MAX 1000 /* characters */

struct api_webhook_client;

struct api_webhook_client_options {
    uint32_t timeout_ms; /* for all of one message */
    bool allow_private;
};

struct api_webhook_message {
    const char *url;
    const uint8_t *secret;   /* API_WEBHOOK_SECRET_BYTES */
    const char *delivery_id; /* a UUID; the same in each try */
    const char *body;
    size_t body_length;
};

/* detail: what the receiver answered or why it did not, for people; borrowed. */
typedef void (*api_webhook_done_fn)(void *context, void *tag, bool is_delivered,
                                    const char *detail);

OSY_MUST_CHECK bool api_webhook_init(struct osy_error *err);
/* Whether messages may be sent there, as far as the text tells. OSY_ERR_INVALID names 'url'. */
OSY_MUST_CHECK bool api_webhook_check_url(const char *url, bool allow_private,
                                          struct osy_error *err);

struct api_webhook_client *
api_webhook_client_create(const struct api_webhook_client_options *options);
/* Drops what is under way, without a word about it. NULL is fine. */
void api_webhook_client_destroy(struct api_webhook_client *client);
/* Begins to send; everything is copied. tag is given back when it is over. */
void api_webhook_client_send(struct api_webhook_client *client,
                             const struct api_webhook_message *message, void *tag);
size_t api_webhook_client_pending(const struct api_webhook_client *client);
/* Works for up to wait_ms, or until something has happened; on_done once for each message that is over. */
void api_webhook_client_run(struct api_webhook_client *client, int wait_ms,
                            api_webhook_done_fn on_done, void *context);
