/* E-mail addresses: the one form in which they are kept and compared, and how a person is found by one. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/blind_index.h"
#include "shared/error.h"

#define API_EMAIL_MAX   254 /* RFC 5321 section 4.5.3.1 */
#define API_EMAIL_BYTES (API_EMAIL_MAX + 1)

/* Lower case, without the white space around it. OSY_ERR_INVALID, naming field, for what cannot be an address (RFC 5321's
 * usual form; quoted and international ones are refused). Whether it exists only a letter could tell. */
OSY_MUST_CHECK bool api_email_parse(const char *field, const char *text,
                                    char email[API_EMAIL_BYTES], struct osy_error *err);
/* Of an address in that form: the key of user_emails. */
void api_email_index(const struct osy_keyring *keyring, const char *email,
                     uint8_t digest[OSY_BLIND_INDEX_BYTES]);
