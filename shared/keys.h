/*
 * The key provider: where secret keys come from. A folder of files; wrapping keys may lie in it wrapped by a key
 * service, which is asked when they are read, never when they are used.
 *
 *   jwt-<kid>.key.pem   RSA private key (3072 bits), only where tokens are signed
 *   jwt-<kid>.pub.pem   its public key
 *   tracking-<kid>.key  64 hex digits: the key of tracking tokens
 *   data-<kid>.key      64 hex digits: AES-256 key for columns
 *   data-<kid>.kms      the same, as a key service has wrapped it: bytes that only the service can read
 *   audit-<kid>.key.pem Ed25519 private key of signed audit heads, only where they are written
 *   audit-<kid>.pub.pem its public key
 *   index-<kid>.key     64 hex digits: the key of blind indexes; there is only ever one
 *   pepper-<kid>.key    64 hex digits: what passwords are digested with before they are hashed
 *
 * kid is 1 to 64 of [A-Za-z0-9_-]. All keys of a kind verify and decrypt; the one with the greatest
 * kid (byte order) signs and encrypts; of jwt keys, the greatest whose private key is there. A
 * keyring may be used by any thread.
 *
 * A folder that changes is read again (osy_keyring_reload; shared/key_watch.h does so). A key that appears then verifies
 * and decrypts at once, but signs and encrypts only OSY_KEY_SETTLE_MS later, when the other processes have it, too. A key
 * that somebody holds stays as it is until the keyring's end.
 */
#pragma once
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"

#define OSY_KID_BYTES     65 /* with the NUL */
#define OSY_SECRET_BYTES  32
#define OSY_KEY_SETTLE_MS 30000

enum osy_key_kind {
    OSY_KEY_JWT = 0,
    OSY_KEY_TRACKING,
    OSY_KEY_DATA,
    OSY_KEY_INDEX,
    OSY_KEY_PEPPER,
    OSY_KEY_AUDIT
};

struct osy_key {
    char kid[OSY_KID_BYTES];
    EVP_PKEY *pkey;         /* OSY_KEY_JWT: RSA of at least 2048 bits; OSY_KEY_AUDIT: Ed25519 */
    bool has_private;       /* pkey can sign */
    bool is_wrapped;        /* lies in the folder as a key service has wrapped it */
    int64_t active_from_ms; /* monotonic: before, others may not know it; 0: from the beginning */
    uint8_t secret[OSY_SECRET_BYTES]; /* the other kinds */
};

struct osy_keyring;

/* A key service keeps the key that keys of the folder are wrapped with (api/privacy/aws_kms.h). Its functions may block,
 * until a time limit of their own; one caller at a time. What fails now and may not fail later is not OSY_ERR_INVALID. */
struct osy_key_service {
    /* Opens what was wrapped under that kid; under another one it is invalid. */
    bool (*open)(struct osy_key_service *service, const char *kid, const void *wrapped,
                 size_t length, uint8_t secret[OSY_SECRET_BYTES], struct osy_error *err);
    /* Appends a new key, wrapped under that kid. */
    bool (*make)(struct osy_key_service *service, const char *kid, struct osy_buffer *wrapped,
                 struct osy_error *err);
    void (*destroy)(struct osy_key_service *service);
};

enum osy_keys_want {
    OSY_KEYS_JWT_PUBLIC = 1 << 0,
    OSY_KEYS_JWT_PRIVATE = 1 << 1, /* implies the public ones */
    OSY_KEYS_TRACKING = 1 << 2,
    OSY_KEYS_DATA = 1 << 3,
    OSY_KEYS_INDEX = 1 << 4,
    OSY_KEYS_PEPPER = 1 << 5,
    OSY_KEYS_AUDIT_PUBLIC = 1 << 8,
    OSY_KEYS_AUDIT_PRIVATE = 1 << 9, /* implies the public ones */
};

/* Loads the wanted kinds; at least one key of each must be there. A secret that the world
 * can read (its group may), a file that others can write, a bad name, a weak or broken key is an
 * error that names the file. */
struct osy_keyring *osy_keyring_load(const char *folder, unsigned want, struct osy_error *err);
/* The same, with keys that service has wrapped; without one they are an error. Takes service, on failure, too. */
struct osy_keyring *osy_keyring_load_with(const char *folder, unsigned want,
                                          struct osy_key_service *service, struct osy_error *err);
/* Reads the folder again; the key service is asked only for kids that are new. On failure the keys stay as they are. One caller at a time, beside any readers. */
OSY_MUST_CHECK bool osy_keyring_reload(struct osy_keyring *keyring, bool *is_changed,
                                       struct osy_error *err);
const char *osy_keyring_folder(const struct osy_keyring *keyring);
void osy_keyring_destroy(struct osy_keyring *keyring); /* wipes the secrets; NULL is fine */
/* Memory only. NULL when unknown. kid need not be NUL-terminated and may hold anything. */
const struct osy_key *osy_keyring_find(const struct osy_keyring *keyring, enum osy_key_kind kind,
                                       const char *kid, size_t kid_length);
const struct osy_key *osy_keyring_active(const struct osy_keyring *keyring, enum osy_key_kind kind);
size_t osy_keyring_count(const struct osy_keyring *keyring, enum osy_key_kind kind);
/* NULL behind the last one. */
const struct osy_key *osy_keyring_at(const struct osy_keyring *keyring, enum osy_key_kind kind,
                                     size_t i);

/* Makes a new key of that kind in folder (created with 0700 when missing), files 0600, written
 * whole or not at all. kid receives its name, YYYYMMDDhhmmss-xxxx. It is the active key afterwards:
 * OSY_ERR_CONFLICT when a kid that is there already is greater than any of today could be, and when there is an index
 * key: under a second one nothing that the first one indexed would be found. */
OSY_MUST_CHECK bool osy_keys_generate(const char *folder, enum osy_key_kind kind,
                                      char kid[OSY_KID_BYTES], struct osy_error *err);
/* A new data key of service's, of which the folder has only the wrapped form. */
OSY_MUST_CHECK bool osy_keys_generate_wrapped(const char *folder, struct osy_key_service *service,
                                              char kid[OSY_KID_BYTES], struct osy_error *err);
