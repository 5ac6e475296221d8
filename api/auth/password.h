/*
 * Passwords: what is stored of them, and whether one fits.
 *
 *   stored     <kid of the pepper> ':' <crypt(3)'s hash of the pre-hash>
 *   pre-hash   base64(HMAC-SHA256(pepper, NFC(password))): 44 characters
 *
 * The pre-hash frees us of bcrypt's limit of 72 bytes and of NUL characters, and makes a stolen database useless without
 * the key folder. NFC, because the same password comes composed from one keyboard and decomposed from another.
 * yescrypt takes 26 ms and 16 MiB, bcrypt of cost 12 ten times as long: on the pool for passwords only. Thread-safe.
 */
#pragma once
#include <stdbool.h>

#include "shared/error.h"
#include "shared/keys.h"

#define API_PASSWORD_MIN        10  /* characters */
#define API_PASSWORD_MAX        256 /* characters */
#define API_PASSWORD_HASH_BYTES 512 /* of what is stored, with the NUL */

enum api_password_method { API_PASSWORD_YESCRYPT = 0, API_PASSWORD_BCRYPT };

#define API_PASSWORD_METHODS "yescrypt|bcrypt" /* for the setting */
bool api_password_method_parse(const char *text, enum api_password_method *method);

/* OSY_ERR_IO: the library could not (out of memory). The keyring has OSY_KEYS_PEPPER. */
OSY_MUST_CHECK bool api_password_hash(const struct osy_keyring *keyring,
                                      enum api_password_method method, const char *password,
                                      char stored[API_PASSWORD_HASH_BYTES], struct osy_error *err);
/* Whether it is this password. False, too, for what is no hash of ours, or of a pepper that is gone. */
bool api_password_fits(const struct osy_keyring *keyring, const char *password, const char *stored);
/* It should be hashed anew, with the present method and pepper: possible whenever somebody signs in. */
bool api_password_is_outdated(const struct osy_keyring *keyring, enum api_password_method method,
                              const char *stored);
