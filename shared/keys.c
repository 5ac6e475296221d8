#include "shared/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/random.h"

#define KIND_COUNT         6
#define RSA_BITS_GENERATED 3072
#define RSA_BITS_LEAST     2048
#define RSA_BITS_MOST      8192 /* a larger one would only slow every request down */
#define FILE_BYTES_MAX     16384
#define SECRET_TEXT_BYTES  (2 * OSY_SECRET_BYTES)

/* The keys of one kind, ascending by kid. */
struct key_list {
    struct osy_key *keys; /* owned, and so are their pkeys */
    size_t count;
};

/* What the folder held when it was read. */
struct key_set {
    struct key_list lists[KIND_COUNT];
    struct key_set *older; /* owned; what was read before: somebody may still hold a key of it */
};

struct osy_keyring {
    _Atomic(struct key_set *) newest; /* owned; replaced by osy_keyring_reload alone */
    char *folder;                     /* owned */
    unsigned want;
    struct osy_key_service *service; /* owned; NULL: none */
};

/* The keys of a kind as of now. */
static const struct key_list *list_of(const struct osy_keyring *keyring, enum osy_key_kind kind)
{
    return &atomic_load(&keyring->newest)->lists[kind];
}

enum file_form { FORM_PUBLIC_PEM = 0, FORM_PRIVATE_PEM, FORM_SECRET, FORM_WRAPPED };

/* A key file's name is prefix, kid, suffix. Two forms of a jwt key share one kid. */
static const struct file_type {
    enum osy_key_kind kind;
    enum file_form form;
    const char *prefix, *suffix;
    unsigned wanted_by;
} file_types[] = {
    {OSY_KEY_JWT, FORM_PUBLIC_PEM, "jwt-", ".pub.pem", OSY_KEYS_JWT_PUBLIC | OSY_KEYS_JWT_PRIVATE},
    {OSY_KEY_JWT, FORM_PRIVATE_PEM, "jwt-", ".key.pem", OSY_KEYS_JWT_PRIVATE},
    {OSY_KEY_TRACKING, FORM_SECRET, "tracking-", ".key", OSY_KEYS_TRACKING},
    {OSY_KEY_DATA, FORM_SECRET, "data-", ".key", OSY_KEYS_DATA},
    {OSY_KEY_DATA, FORM_WRAPPED, "data-", ".kms", OSY_KEYS_DATA},
    {OSY_KEY_INDEX, FORM_SECRET, "index-", ".key", OSY_KEYS_INDEX},
    {OSY_KEY_PEPPER, FORM_SECRET, "pepper-", ".key", OSY_KEYS_PEPPER},
    {OSY_KEY_AUDIT, FORM_PUBLIC_PEM, "audit-", ".pub.pem",
     OSY_KEYS_AUDIT_PUBLIC | OSY_KEYS_AUDIT_PRIVATE},
    {OSY_KEY_AUDIT, FORM_PRIVATE_PEM, "audit-", ".key.pem", OSY_KEYS_AUDIT_PRIVATE},
};
#define FILE_TYPE_COUNT (sizeof file_types / sizeof *file_types)

static const char *const kind_names[KIND_COUNT] = {"jwt",   "tracking", "data",
                                                   "index", "pepper",   "audit"};

static bool kid_is_valid(const char *kid, size_t length)
{
    if (length == 0 || length >= OSY_KID_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = kid[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
        if (!ok)
            return false;
    }
    return true;
}

/* True when name is a file of that type; kid receives its middle. */
static bool match_file_name(const struct file_type *type, const char *name, char kid[OSY_KID_BYTES])
{
    size_t length = strlen(name), prefix = strlen(type->prefix), suffix = strlen(type->suffix);

    if (length <= prefix + suffix || strncmp(name, type->prefix, prefix) != 0 ||
        strcmp(name + length - suffix, type->suffix) != 0)
        return false;
    length -= prefix + suffix;
    if (!kid_is_valid(name + prefix, length))
        return false;
    memcpy(kid, name + prefix, length);
    kid[length] = '\0';
    return true;
}

/* A file that begins like a key and is none is a mistake that somebody wants to hear of; anything
 * else in the folder (a README, lost+found) is no business of ours. */
static bool looks_like_key(const char *name)
{
    for (size_t i = 0; i < FILE_TYPE_COUNT; i++)
        if (strncmp(name, file_types[i].prefix, strlen(file_types[i].prefix)) == 0)
            return true;
    return false;
}

/* ---- reading files ---- */

struct file_content {
    char bytes[FILE_BYTES_MAX + 1]; /* NUL-terminated */
    size_t length;
};

static bool check_file_mode(const struct stat *status, enum file_form form, const char *name,
                            struct osy_error *err)
{
    if (!S_ISREG(status->st_mode))
        return osy_error_set(err, OSY_ERR_INVALID, "key file '%s' is not a regular file", name);
    /* A group may read (that is how a cluster hands secrets to a service), the world may not. */
    if (form != FORM_PUBLIC_PEM && (status->st_mode & S_IRWXO))
        return osy_error_set(err, OSY_ERR_INVALID, "key file '%s' is open to other users", name);
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return osy_error_set(err, OSY_ERR_INVALID, "key file '%s' can be written by others", name);
    return true;
}

static bool read_file(int folder_fd, const char *name, enum file_form form,
                      struct file_content *content, struct osy_error *err)
{
    struct stat status;
    bool ok = false;
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    content->length = 0;
    if (fd < 0)
        return osy_error_set(err, OSY_ERR_IO, "key file '%s': %s", name, strerror(errno));
    if (fstat(fd, &status) != 0) {
        osy_error_set(err, OSY_ERR_IO, "key file '%s': %s", name, strerror(errno));
        goto done;
    }
    if (!check_file_mode(&status, form, name, err))
        goto done;
    while (content->length < FILE_BYTES_MAX) {
        ssize_t got = read(fd, content->bytes + content->length, FILE_BYTES_MAX - content->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            osy_error_set(err, OSY_ERR_IO, "key file '%s': %s", name, strerror(errno));
            goto done;
        }
        if (got == 0)
            break;
        content->length += (size_t)got;
    }
    content->bytes[content->length] = '\0';
    ok = content->length < FILE_BYTES_MAX ||
         osy_error_set(err, OSY_ERR_LIMIT, "key file '%s' is too big", name);
done:
    close(fd);
    return ok;
}

/* ---- parsing keys ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_secret(const struct file_content *content, uint8_t secret[OSY_SECRET_BYTES])
{
    size_t length = content->length;

    if (length == SECRET_TEXT_BYTES + 1 && content->bytes[SECRET_TEXT_BYTES] == '\n')
        length--;
    if (length != SECRET_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < OSY_SECRET_BYTES; i++) {
        int high = hex_digit(content->bytes[2 * i]), low = hex_digit(content->bytes[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* OpenSSL would ask on the terminal otherwise. */
static int refuse_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static bool rsa_is_sound(EVP_PKEY *pkey, bool is_private)
{
    EVP_PKEY_CTX *check = NULL;
    bool ok = false;

    if (!EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_get_bits(pkey) < RSA_BITS_LEAST ||
        EVP_PKEY_get_bits(pkey) > RSA_BITS_MOST)
        return false;
    check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    ok = check && (is_private ? EVP_PKEY_pairwise_check(check) : EVP_PKEY_public_check(check)) == 1;
    EVP_PKEY_CTX_free(check);
    return ok;
}

static bool is_sound(EVP_PKEY *pkey, enum osy_key_kind kind, bool is_private)
{
    return kind == OSY_KEY_AUDIT ? EVP_PKEY_is_a(pkey, "ED25519") : rsa_is_sound(pkey, is_private);
}

/* NULL when it is not the PEM of a key as that kind has them. */
static EVP_PKEY *parse_pem(const struct file_content *content, enum osy_key_kind kind,
                           bool is_private)
{
    BIO *bio = BIO_new_mem_buf(content->bytes, (int)content->length);
    EVP_PKEY *pkey = NULL;

    if (bio)
        pkey = is_private ? PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL)
                          : PEM_read_bio_PUBKEY(bio, NULL, refuse_passphrase, NULL);
    BIO_free(bio);
    if (pkey && !is_sound(pkey, kind, is_private)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    ERR_clear_error(); /* our answer is the whole story; nobody else shall find this */
    return pkey;
}

/* ---- the keyring ---- */

/* What is being read, and with whom. */
struct reading {
    struct key_set *set;          /* receives the keys */
    const struct key_set *before; /* what was read last time; NULL: nothing */
    int folder_fd;
    unsigned want;
    struct osy_key_service *service; /* NULL: none */
};

static const struct osy_key *find_key(const struct key_list *list, const char *kid,
                                      size_t kid_length)
{
    /* There are a handful of keys, so a walk is the fastest look-up. A kid is no secret. */
    for (size_t i = 0; i < list->count; i++)
        if (strlen(list->keys[i].kid) == kid_length &&
            memcmp(list->keys[i].kid, kid, kid_length) == 0)
            return &list->keys[i];
    return NULL;
}

/* The entry of that kid, made when it is not there yet. Valid until the next call. */
static struct osy_key *ensure_key(struct key_list *list, const char *kid)
{
    struct osy_key *key = NULL;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->keys[i].kid, kid) == 0)
            return &list->keys[i];
    list->keys = osy_realloc_array(list->keys, list->count + 1, sizeof *list->keys);
    key = &list->keys[list->count++];
    memset(key, 0, sizeof *key);
    memcpy(key->kid, kid, strlen(kid) + 1);
    return key;
}

/* A jwt key's two files may come in either order; the private one, where there, holds both halves.
 */
static bool add_pem(struct osy_key *key, EVP_PKEY *pkey, bool is_private)
{
    EVP_PKEY *other = key->pkey;

    if (other && EVP_PKEY_eq(other, pkey) != 1) {
        EVP_PKEY_free(pkey);
        return false;
    }
    if (other && key->has_private) {
        EVP_PKEY_free(pkey);
        return true;
    }
    EVP_PKEY_free(other);
    key->pkey = pkey;
    key->has_private = is_private;
    return true;
}

static bool add_pem_file(struct osy_key *key, const struct file_type *type,
                         const struct file_content *content, const char *name,
                         struct osy_error *err)
{
    bool is_private = type->form == FORM_PRIVATE_PEM;
    const char *half = is_private ? "private" : "public";
    EVP_PKEY *pkey = parse_pem(content, type->kind, is_private);

    if (!pkey && type->kind == OSY_KEY_AUDIT)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "key file '%s' is not the PEM of an Ed25519 %s key", name, half);
    if (!pkey)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "key file '%s' is not the PEM of a sound RSA %s key of %d to %d bits",
                             name, half, RSA_BITS_LEAST, RSA_BITS_MOST);
    return add_pem(key, pkey, is_private) ||
           osy_error_set(err, OSY_ERR_INVALID,
                         "key file '%s' does not belong to the other file of its kid", name);
}

/* A kid names one secret for good, so what was opened once is not asked for again: a folder that changes while the service
 * is away can be read as far as it is known. */
static bool open_wrapped(const struct reading *reading, struct osy_key *key,
                         const struct file_content *content, const char *name,
                         struct osy_error *err)
{
    const struct osy_key *known = NULL;

    key->is_wrapped = true;
    if (reading->before)
        known = find_key(&reading->before->lists[OSY_KEY_DATA], key->kid, strlen(key->kid));
    if (known) {
        memcpy(key->secret, known->secret, sizeof key->secret);
        return true;
    }
    if (!reading->service)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "key file '%s' is wrapped, and no key service is set", name);
    return reading->service->open(reading->service, key->kid, content->bytes, content->length,
                                  key->secret, err) ||
           osy_error_prefix(err, "key file '%s'", name);
}

static bool load_file(const struct reading *reading, const char *name, const struct file_type *type,
                      const char *kid, struct osy_error *err)
{
    struct key_list *list = &reading->set->lists[type->kind];
    struct file_content content;
    bool ok = read_file(reading->folder_fd, name, type->form, &content, err);

    if (!ok)
        goto done;
    if (type->form == FORM_PUBLIC_PEM || type->form == FORM_PRIVATE_PEM)
        ok = add_pem_file(ensure_key(list, kid), type, &content, name, err);
    else if (find_key(list, kid, strlen(kid)))
        ok = osy_error_set(err, OSY_ERR_INVALID, "key file '%s' has the kid of another one", name);
    else if (type->form == FORM_WRAPPED)
        ok = open_wrapped(reading, ensure_key(list, kid), &content, name, err);
    else
        ok = parse_secret(&content, ensure_key(list, kid)->secret) ||
             osy_error_set(err, OSY_ERR_INVALID, "key file '%s' is not %d hex digits", name,
                           SECRET_TEXT_BYTES);
done:
    OPENSSL_cleanse(&content, sizeof content);
    return ok;
}

/* Loads name if it is a key of a wanted kind. */
static bool load_entry(const struct reading *reading, const char *name, struct osy_error *err)
{
    char kid[OSY_KID_BYTES];

    for (size_t i = 0; i < FILE_TYPE_COUNT; i++) {
        if (!match_file_name(&file_types[i], name, kid))
            continue;
        if (!(file_types[i].wanted_by & reading->want))
            return true;
        return load_file(reading, name, &file_types[i], kid, err);
    }
    return !looks_like_key(name) ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' is not a valid name of a key file", name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct osy_key *)a)->kid, ((const struct osy_key *)b)->kid);
}

/* A retired signing key may live on as its public half alone, so for jwt the greatest that can
 * sign; and one that others need not know yet waits, unless there is no other. */
static const struct osy_key *choose_active(const struct key_list *list)
{
    const struct osy_key *waiting = NULL;

    for (size_t i = list->count; i-- > 0;) {
        const struct osy_key *key = &list->keys[i];
        if (key->pkey && !key->has_private)
            continue;
        if (key->active_from_ms == 0 || key->active_from_ms <= osy_clock_monotonic_ms())
            return key;
        if (!waiting)
            waiting = key;
    }
    if (waiting)
        return waiting;
    return list->count > 0 ? &list->keys[list->count - 1] : NULL;
}

/* Whatever was asked for is there. */
static bool check_complete(const struct key_set *set, const char *folder, unsigned want,
                           struct osy_error *err)
{
    const struct osy_key *signer = choose_active(&set->lists[OSY_KEY_JWT]);
    const struct osy_key *auditor = choose_active(&set->lists[OSY_KEY_AUDIT]);
    const char *missing = NULL;

    if ((want & OSY_KEYS_JWT_PUBLIC) && !signer)
        missing = "jwt-<kid>.pub.pem";
    if ((want & OSY_KEYS_JWT_PRIVATE) && (!signer || !signer->has_private))
        missing = "jwt-<kid>.key.pem";
    if ((want & OSY_KEYS_TRACKING) && set->lists[OSY_KEY_TRACKING].count == 0)
        missing = "tracking-<kid>.key";
    if ((want & OSY_KEYS_DATA) && set->lists[OSY_KEY_DATA].count == 0)
        missing = "data-<kid>.key or .kms";
    if ((want & OSY_KEYS_AUDIT_PUBLIC) && !auditor)
        missing = "audit-<kid>.pub.pem";
    if ((want & OSY_KEYS_AUDIT_PRIVATE) && (!auditor || !auditor->has_private))
        missing = "audit-<kid>.key.pem";
    if ((want & OSY_KEYS_INDEX) && set->lists[OSY_KEY_INDEX].count == 0)
        missing = "index-<kid>.key";
    if ((want & OSY_KEYS_PEPPER) && set->lists[OSY_KEY_PEPPER].count == 0)
        missing = "pepper-<kid>.key";
    if (set->lists[OSY_KEY_INDEX].count > 1)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "key folder '%s' has more than one index-<kid>.key", folder);
    return !missing ||
           osy_error_set(err, OSY_ERR_NOT_FOUND, "key folder '%s' has no %s", folder, missing);
}

/* With all that were before it. */
static void destroy_sets(struct key_set *set)
{
    while (set) {
        struct key_set *older = set->older;
        for (size_t kind = 0; kind < KIND_COUNT; kind++) {
            struct key_list *list = &set->lists[kind];
            for (size_t i = 0; i < list->count; i++) {
                EVP_PKEY_free(list->keys[i].pkey);
                OPENSSL_cleanse(list->keys[i].secret, OSY_SECRET_BYTES);
            }
            free(list->keys);
        }
        free(set);
        set = older;
    }
}

static bool read_folder(const struct reading *reading, DIR *dir, struct osy_error *err)
{
    struct key_list *lists = reading->set->lists;
    struct dirent *entry = NULL;

    while ((entry = readdir(dir)) != NULL)
        if (!load_entry(reading, entry->d_name, err))
            return false;
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        if (lists[kind].count > 0)
            qsort(lists[kind].keys, lists[kind].count, sizeof(struct osy_key), compare_keys);
    return true;
}

/* before: what was read last time, or NULL. */
static struct key_set *load_set(const struct osy_keyring *keyring, const struct key_set *before,
                                struct osy_error *err)
{
    struct reading reading = {.before = before, .want = keyring->want, .service = keyring->service};
    DIR *dir = opendir(keyring->folder);

    if (!dir) {
        osy_error_set(err, OSY_ERR_IO, "key folder '%s': %s", keyring->folder, strerror(errno));
        return NULL;
    }
    reading.set = osy_alloc(sizeof *reading.set);
    reading.folder_fd = dirfd(dir);
    bool ok = read_folder(&reading, dir, err) &&
              check_complete(reading.set, keyring->folder, keyring->want, err);
    closedir(dir);
    if (ok)
        return reading.set;
    destroy_sets(reading.set);
    return NULL;
}

struct osy_keyring *osy_keyring_load_with(const char *folder, unsigned want,
                                          struct osy_key_service *service, struct osy_error *err)
{
    struct osy_keyring *keyring = osy_alloc(sizeof *keyring);

    keyring->folder = osy_strdup(folder);
    keyring->want = want;
    keyring->service = service;
    atomic_init(&keyring->newest, load_set(keyring, NULL, err));
    if (atomic_load(&keyring->newest))
        return keyring;
    osy_keyring_destroy(keyring);
    return NULL;
}

struct osy_keyring *osy_keyring_load(const char *folder, unsigned want, struct osy_error *err)
{
    return osy_keyring_load_with(folder, want, NULL, err);
}

/* Lets what is new wait, and what was there before go on; returns whether anything has changed. */
static bool compare_sets(const struct key_set *before, struct key_set *after)
{
    const int64_t active_from_ms = osy_clock_monotonic_ms() + OSY_KEY_SETTLE_MS;
    bool is_changed = false;

    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        const struct key_list *old = &before->lists[kind];
        struct key_list *list = &after->lists[kind];
        is_changed |= old->count != list->count;
        for (size_t i = 0; i < list->count; i++) {
            const struct osy_key *known =
                find_key(old, list->keys[i].kid, strlen(list->keys[i].kid));
            bool is_known = known && known->has_private == list->keys[i].has_private;
            list->keys[i].active_from_ms = is_known ? known->active_from_ms : active_from_ms;
            is_changed |= !is_known;
        }
    }
    return is_changed;
}

bool osy_keyring_reload(struct osy_keyring *keyring, bool *is_changed, struct osy_error *err)
{
    struct key_set *before = atomic_load(&keyring->newest);
    struct key_set *after = load_set(keyring, before, err);

    *is_changed = false;
    if (!after)
        return false;
    *is_changed = compare_sets(before, after);
    if (*is_changed) {
        after->older = before;
        atomic_store(&keyring->newest, after);
    } else {
        destroy_sets(after);
    }
    return true;
}

const char *osy_keyring_folder(const struct osy_keyring *keyring)
{
    return keyring->folder;
}

void osy_keyring_destroy(struct osy_keyring *keyring)
{
    if (!keyring)
        return;
    destroy_sets(atomic_load(&keyring->newest));
    if (keyring->service)
        keyring->service->destroy(keyring->service);
    free(keyring->folder);
    free(keyring);
}

const struct osy_key *osy_keyring_find(const struct osy_keyring *keyring, enum osy_key_kind kind,
                                       const char *kid, size_t kid_length)
{
    return find_key(list_of(keyring, kind), kid, kid_length);
}

const struct osy_key *osy_keyring_active(const struct osy_keyring *keyring, enum osy_key_kind kind)
{
    return choose_active(list_of(keyring, kind));
}

size_t osy_keyring_count(const struct osy_keyring *keyring, enum osy_key_kind kind)
{
    return list_of(keyring, kind)->count;
}

const struct osy_key *osy_keyring_at(const struct osy_keyring *keyring, enum osy_key_kind kind,
                                     size_t i)
{
    const struct key_list *list = list_of(keyring, kind);

    return i < list->count ? &list->keys[i] : NULL;
}

/* ---- making keys ---- */

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* Writes beside the final name, on disk, and then renames: a reader sees all of it or nothing. */
static bool write_file(int folder_fd, const char *name, const char *bytes, size_t length,
                       struct osy_error *err)
{
    char draft[NAME_MAX + 1];
    bool ok = false;
    int fd = -1;

    snprintf(draft, sizeof draft, ".%s.%08x", name, (unsigned)osy_random_below(UINT32_MAX));
    fd = openat(folder_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return osy_error_set(err, OSY_ERR_IO, "key file '%s': %s", name, strerror(errno));
    ok = write_all(fd, bytes, length) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(folder_fd, draft, folder_fd, name) == 0 && fsync(folder_fd) == 0;
    if (!ok) {
        osy_error_set(err, OSY_ERR_IO, "key file '%s': %s", name, strerror(errno));
        unlinkat(folder_fd, draft, 0);
    }
    return ok;
}

static bool write_bio(int folder_fd, const char *name, BIO *bio, struct osy_error *err)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(bio, &bytes);

    return write_file(folder_fd, name, bytes, (size_t)length, err);
}

static bool write_key_pair(int folder_fd, enum osy_key_kind kind, const char *kid,
                           struct osy_error *err)
{
    char private_name[NAME_MAX + 1], public_name[NAME_MAX + 1];
    BIO *private_pem = BIO_new(BIO_s_secmem()), *public_pem = BIO_new(BIO_s_mem());
    EVP_PKEY *pkey = kind == OSY_KEY_AUDIT ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                           : EVP_RSA_gen(RSA_BITS_GENERATED);
    bool ok = private_pem && public_pem && pkey &&
              PEM_write_bio_PrivateKey(private_pem, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_PUBKEY(public_pem, pkey) == 1;

    snprintf(private_name, sizeof private_name, "%s-%s.key.pem", kind_names[kind], kid);
    snprintf(public_name, sizeof public_name, "%s-%s.pub.pem", kind_names[kind], kid);
    if (!ok) {
        osy_error_set(err, OSY_ERR_IO, "cannot make a %s key", kind_names[kind]);
        ERR_clear_error();
    }
    /* The public half first: nothing is ever signed that the readers of the folder cannot verify.
     */
    ok = ok && write_bio(folder_fd, public_name, public_pem, err) &&
         write_bio(folder_fd, private_name, private_pem, err);
    EVP_PKEY_free(pkey);
    BIO_free(private_pem);
    BIO_free(public_pem);
    return ok;
}

static bool write_secret(int folder_fd, const struct file_type *type, const char *kid,
                         struct osy_error *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t secret[OSY_SECRET_BYTES];
    char text[SECRET_TEXT_BYTES + 1], name[NAME_MAX + 1];
    bool ok = false;

    osy_random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++) {
        text[2 * i] = digits[secret[i] >> 4];
        text[2 * i + 1] = digits[secret[i] & 15];
    }
    text[SECRET_TEXT_BYTES] = '\n';
    snprintf(name, sizeof name, "%s%s%s", type->prefix, kid, type->suffix);
    ok = write_file(folder_fd, name, text, sizeof text, err);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(text, sizeof text);
    return ok;
}

/* The greatest kid of that kind which the folder has; empty when it has none. */
static bool find_greatest_kid(int folder_fd, enum osy_key_kind kind, char greatest[OSY_KID_BYTES],
                              struct osy_error *err)
{
    char kid[OSY_KID_BYTES];
    struct dirent *entry = NULL;
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        osy_error_set(err, OSY_ERR_IO, "cannot list the key folder: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    greatest[0] = '\0';
    while ((entry = readdir(dir)) != NULL)
        for (size_t i = 0; i < FILE_TYPE_COUNT; i++)
            if (file_types[i].kind == kind && match_file_name(&file_types[i], entry->d_name, kid) &&
                strcmp(kid, greatest) > 0)
                memcpy(greatest, kid, strlen(kid) + 1);
    closedir(dir);
    return true;
}

/* YYYYMMDDhhmmss-xxxx, greater than every kid that is there: a new key must become the active one.
 */
static bool choose_kid(int folder_fd, enum osy_key_kind kind, char kid[OSY_KID_BYTES],
                       struct osy_error *err)
{
    char greatest[OSY_KID_BYTES];
    time_t now = time(NULL);

    if (!find_greatest_kid(folder_fd, kind, greatest, err))
        return false;
    if (kind == OSY_KEY_INDEX && *greatest)
        return osy_error_set(err, OSY_ERR_CONFLICT,
                             "there is one index key only, and the folder has it: '%s'", greatest);
    for (int ahead_s = 0; ahead_s < 60; ahead_s++) {
        time_t stamp = now + ahead_s; /* two keys in one second: the second one is a second ahead */
        struct tm utc;
        size_t length = 0;
        gmtime_r(&stamp, &utc);
        length = strftime(kid, OSY_KID_BYTES, "%Y%m%d%H%M%S", &utc);
        snprintf(kid + length, OSY_KID_BYTES - length, "-%04x",
                 (unsigned)osy_random_below(0x10000));
        if (strcmp(kid, greatest) > 0)
            return true;
    }
    return osy_error_set(err, OSY_ERR_CONFLICT,
                         "a new %s key would not become active: the folder has '%s'",
                         kind_names[kind], greatest);
}

/* The secret is never here in the clear: the service gives it to who reads the folder. */
static bool write_wrapped(int folder_fd, struct osy_key_service *service, const char *kid,
                          struct osy_error *err)
{
    struct osy_buffer wrapped = OSY_BUFFER_INIT;
    char name[NAME_MAX + 1];

    snprintf(name, sizeof name, "data-%s.kms", kid);
    bool ok = service->make(service, kid, &wrapped, err) &&
              write_file(folder_fd, name, wrapped.bytes, wrapped.length, err);
    osy_buffer_deinit(&wrapped);
    return ok;
}

static bool write_key(int folder_fd, enum osy_key_kind kind, const char *kid, struct osy_error *err)
{
    if (kind == OSY_KEY_JWT || kind == OSY_KEY_AUDIT)
        return write_key_pair(folder_fd, kind, kid, err);
    for (size_t i = 0; i < FILE_TYPE_COUNT; i++)
        if (file_types[i].kind == kind && file_types[i].form == FORM_SECRET)
            return write_secret(folder_fd, &file_types[i], kid, err);
    return osy_error_set(err, OSY_ERR_INVALID, "no such kind of key");
}

/* service: who wraps the new key; NULL: nobody. */
static bool generate(const char *folder, enum osy_key_kind kind, struct osy_key_service *service,
                     char kid[OSY_KID_BYTES], struct osy_error *err)
{
    int folder_fd = -1;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return osy_error_set(err, OSY_ERR_IO, "key folder '%s': %s", folder, strerror(errno));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return osy_error_set(err, OSY_ERR_IO, "key folder '%s': %s", folder, strerror(errno));
    bool ok = choose_kid(folder_fd, kind, kid, err);
    if (ok && service)
        ok = write_wrapped(folder_fd, service, kid, err);
    else if (ok)
        ok = write_key(folder_fd, kind, kid, err);
    close(folder_fd);
    return ok;
}

bool osy_keys_generate(const char *folder, enum osy_key_kind kind, char kid[OSY_KID_BYTES],
                       struct osy_error *err)
{
    return generate(folder, kind, NULL, kid, err);
}

bool osy_keys_generate_wrapped(const char *folder, struct osy_key_service *service,
                               char kid[OSY_KID_BYTES], struct osy_error *err)
{
    return generate(folder, OSY_KEY_DATA, service, kid, err);
}
