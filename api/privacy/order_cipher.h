/*
 * The personal columns of an order: name, phone, address and note. They are encrypted on the loop before the order is
 * written, and decrypted for whoever may see them. The key is the customer's, who has an account (subject_keys.h), or
 * one that the order brings along, wrapped, in its own row: so a guest's order costs no query more than it did.
 * What was erased reads as null, and is no error.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>

#include "shared/data_key.h"
#include "shared/error.h"

struct api_new_order;
struct api_order_command;

/* Fills the personal part of command's draft; its order_id and restaurant_id are there. customer: the key of whoever
 * orders, NULL for a guest. Fails only when OpenSSL does. */
OSY_MUST_CHECK bool api_order_seal(const struct osy_keyring *keyring, const char *phone_country,
                                   const struct osy_data_key *customer,
                                   const struct api_new_order *order,
                                   struct api_order_command *command, struct osy_error *err);

/* Reads the columns of one order. */
struct api_order_opener {
    const struct osy_keyring *keyring; /* borrowed */
    struct osy_uuid order_id;
    bool has_key;
    struct osy_data_key key;
};

/*
 * column and the two behind it are orders.data_key, and id and wrapped form of the customer's key, all of which may be
 * null. False: a key that is there cannot be unwrapped. Deinit it after success.
 */
OSY_MUST_CHECK bool api_order_opener_init(struct api_order_opener *opener,
                                          const struct osy_keyring *keyring,
                                          const struct osy_uuid *order_id, const PGresult *result,
                                          int row, int column, struct osy_error *err);
void api_order_opener_deinit(struct api_order_opener *opener); /* wipes the key */
/* Appends the plain text of that column, which has the name that it has in orders. *is_there false (and nothing
 * appended): it was never there, or has been erased. */
OSY_MUST_CHECK bool api_order_opener_read(const struct api_order_opener *opener,
                                          const PGresult *result, int row, int column,
                                          struct osy_buffer *out, bool *is_there,
                                          struct osy_error *err);
/* The same as a JSON string, or null. */
OSY_MUST_CHECK bool api_order_opener_append_json(const struct api_order_opener *opener,
                                                 const PGresult *result, int row, int column,
                                                 struct osy_buffer *out, struct osy_error *err);
