/*
 * The blind index: how an encrypted e-mail address or phone number is found again. Beside the ciphertext stands the
 * HMAC-SHA256 of the text under the index key. Equal texts have equal digests, and nobody without the key can try texts
 * out, although there are few phone numbers.
 *
 * The purpose is part of what is digested ("users.email", "orders.phone:<restaurant>"): the same number has another
 * digest in another column or restaurant, so two tables cannot be joined over it. There is one index key, made once
 * and never rotated: under another one nothing would be found (shared/keys.h). From any thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "shared/keys.h"
#include "shared/uuid.h"

#define OSY_BLIND_INDEX_BYTES 32

/* The keyring has OSY_KEYS_INDEX. text as it is: whoever compares brings it into one form first. */
void osy_blind_index(const struct osy_keyring *keyring, const char *purpose, const void *text,
                     size_t length, uint8_t digest[OSY_BLIND_INDEX_BYTES]);

/* Of a phone number in one restaurant's orders, however it was written: of its digits, with a country code (behind `+`
 * or `00`) in the place of the leading zero. Without country code it is a number of `country` ("82"). */
void osy_blind_index_phone(const struct osy_keyring *keyring, const char *country,
                           const struct osy_uuid *restaurant_id, const char *phone, size_t length,
                           uint8_t digest[OSY_BLIND_INDEX_BYTES]);
