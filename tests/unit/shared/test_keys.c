#include "shared/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/clock.h"
#include "tests/unit/shared/key_folder.h"

#define SECRET_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SECRET_B "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n"
#define NOT_HEX  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n"

static EVP_PKEY *rsa; /* 2048 bits; made once, because that takes long */

static int make_rsa(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    return rsa ? 0 : -1;
}

static int free_rsa(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    return 0;
}

static int make_folder(void **state)
{
    static struct key_folder folder;

    key_folder_make(&folder);
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    key_folder_remove(*state);
    return 0;
}

/* Loading must fail, and the message must name what is wrong. */
static void expect_refused(const struct key_folder *folder, unsigned want, const char *part)
{
    struct osy_error err = {OSY_OK, ""};

    assert_null(osy_keyring_load(folder->path, want, &err));
    assert_int_not_equal(err.code, OSY_OK);
    if (!strstr(err.message, part))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void generated_keys_load_and_are_private_to_their_owner(void **state)
{
    const struct key_folder *folder = *state;
    const char *suffixes[] = {"jwt-%s.key.pem",   "jwt-%s.pub.pem",  "tracking-%s.key",
                              "data-%s.key",      "index-%s.key",    "pepper-%s.key",
                              "audit-%s.key.pem", "audit-%s.pub.pem"};
    const enum osy_key_kind kinds[] = {OSY_KEY_JWT,   OSY_KEY_JWT,   OSY_KEY_TRACKING,
                                       OSY_KEY_DATA,  OSY_KEY_INDEX, OSY_KEY_PEPPER,
                                       OSY_KEY_AUDIT, OSY_KEY_AUDIT};
    char kids[6][OSY_KID_BYTES];
    struct osy_error err = {OSY_OK, ""};
    struct osy_keyring *keyring = NULL;

    for (int kind = 0; kind < 6; kind++)
        assert_true(osy_keys_generate(folder->path, (enum osy_key_kind)kind, kids[kind], &err));
    for (size_t i = 0; i < 8; i++) {
        struct stat status;
        char name[128], path[256];
        snprintf(name, sizeof name, suffixes[i], kids[kinds[i]]);
        snprintf(path, sizeof path, "%s/%s", folder->path, name);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    keyring = osy_keyring_load(folder->path,
                               OSY_KEYS_JWT_PRIVATE | OSY_KEYS_TRACKING | OSY_KEYS_DATA |
                                   OSY_KEYS_INDEX | OSY_KEYS_PEPPER | OSY_KEYS_AUDIT_PRIVATE,
                               &err);
    assert_non_null(keyring);
    for (int kind = 0; kind < 6; kind++)
        assert_string_equal(osy_keyring_active(keyring, (enum osy_key_kind)kind)->kid, kids[kind]);
    assert_true(osy_keyring_active(keyring, OSY_KEY_JWT)->has_private);
    assert_int_equal(EVP_PKEY_get_bits(osy_keyring_active(keyring, OSY_KEY_JWT)->pkey), 3072);
    assert_true(EVP_PKEY_is_a(osy_keyring_active(keyring, OSY_KEY_AUDIT)->pkey, "ED25519"));
    osy_keyring_destroy(keyring);
}

static void generating_makes_the_folder_and_the_newest_key_active(void **state)
{
    const struct key_folder *outer = *state;
    struct key_folder folder;
    char kids[5][OSY_KID_BYTES];
    struct osy_keyring *keyring = NULL;

    snprintf(folder.path, sizeof folder.path, "%.40s/sub", outer->path);
    for (size_t i = 0; i < 5; i++)
        assert_true(osy_keys_generate(folder.path, OSY_KEY_DATA, kids[i], NULL));
    keyring = osy_keyring_load(folder.path, OSY_KEYS_DATA, NULL);
    assert_non_null(keyring);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_DATA), 5);
    for (size_t i = 0; i < 5; i++) /* all in the same second or two, and yet in their order */
        assert_string_equal(osy_keyring_at(keyring, OSY_KEY_DATA, i)->kid, kids[i]);
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_DATA)->kid, kids[4]);
    osy_keyring_destroy(keyring);
    key_folder_remove(&folder);
}

static void a_key_that_appears_is_known_at_once_and_active_later(void **state)
{
    const struct key_folder *folder = *state;
    char first[OSY_KID_BYTES], second[OSY_KID_BYTES];
    bool is_changed = true;

    assert_true(osy_keys_generate(folder->path, OSY_KEY_JWT, first, NULL));
    struct osy_keyring *keyring = osy_keyring_load(folder->path, OSY_KEYS_JWT_PRIVATE, NULL);
    assert_non_null(keyring);
    assert_true(osy_keyring_reload(keyring, &is_changed, NULL));
    assert_false(is_changed);
    assert_true(osy_keys_generate(folder->path, OSY_KEY_JWT, second, NULL));
    const struct osy_key *held = osy_keyring_active(keyring, OSY_KEY_JWT);
    assert_true(osy_keyring_reload(keyring, &is_changed, NULL));
    assert_true(is_changed);
    const struct osy_key *key = osy_keyring_find(keyring, OSY_KEY_JWT, second, strlen(second));
    assert_non_null(key);
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_JWT)->kid, first);
    assert_in_range(key->active_from_ms, osy_clock_monotonic_ms() + 1,
                    osy_clock_monotonic_ms() + OSY_KEY_SETTLE_MS);
    ((struct osy_key *)(uintptr_t)key)->active_from_ms = osy_clock_monotonic_ms(); /* time passes */
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_JWT)->kid, second);
    assert_string_equal(held->kid, first); /* and whoever held the old one still does */
    assert_int_equal(EVP_PKEY_get_bits(held->pkey), 3072);
    osy_keyring_destroy(keyring);
}

static void a_key_that_is_taken_away_is_not_found_any_more(void **state)
{
    const struct key_folder *folder = *state;
    struct osy_error err = {OSY_OK, ""};
    char path[128];
    bool is_changed = false;

    key_folder_write(folder, "data-a.key", SECRET_A, 0600);
    key_folder_write(folder, "data-b.key", SECRET_B, 0600);
    struct osy_keyring *keyring = osy_keyring_load(folder->path, OSY_KEYS_DATA, NULL);
    assert_non_null(keyring);
    snprintf(path, sizeof path, "%s/data-a.key", folder->path);
    assert_int_equal(unlink(path), 0);
    assert_true(osy_keyring_reload(keyring, &is_changed, NULL));
    assert_true(is_changed);
    assert_null(osy_keyring_find(keyring, OSY_KEY_DATA, "a", 1));
    assert_non_null(osy_keyring_find(keyring, OSY_KEY_DATA, "b", 1));
    snprintf(path, sizeof path, "%s/data-b.key", folder->path);
    assert_int_equal(unlink(path), 0);
    assert_false(osy_keyring_reload(keyring, &is_changed,
                                    &err)); /* none is left: go on with those of before */
    assert_int_equal(err.code, OSY_ERR_NOT_FOUND);
    assert_non_null(osy_keyring_find(keyring, OSY_KEY_DATA, "b", 1));
    osy_keyring_destroy(keyring);
}

static void a_key_that_would_not_become_active_is_not_made(void **state)
{
    const struct key_folder *folder = *state;
    struct osy_error err = {OSY_OK, ""};
    char kid[OSY_KID_BYTES];

    key_folder_write(folder, "data-zzz.key", SECRET_A, 0600);
    assert_false(osy_keys_generate(folder->path, OSY_KEY_DATA, kid, &err));
    assert_int_equal(err.code, OSY_ERR_CONFLICT);
    assert_non_null(strstr(err.message, "zzz"));
}

static void there_is_only_one_index_key(void **state)
{
    const struct key_folder *folder = *state;
    struct osy_error err = {OSY_OK, ""};
    char kid[OSY_KID_BYTES];

    assert_true(osy_keys_generate(folder->path, OSY_KEY_INDEX, kid, NULL));
    assert_false(osy_keys_generate(folder->path, OSY_KEY_INDEX, kid, &err));
    assert_int_equal(err.code, OSY_ERR_CONFLICT);
    key_folder_write(folder, "index-a.key", SECRET_A, 0600);
    expect_refused(folder, OSY_KEYS_INDEX, "more than one index-<kid>.key");
}

static void secrets_are_read_as_hex_and_found_by_kid(void **state)
{
    const struct key_folder *folder = *state;
    const struct osy_key *key = NULL;
    struct osy_keyring *keyring = NULL;

    key_folder_write(folder, "data-b.key", SECRET_B, 0600);
    key_folder_write(folder, "data-a.key", SECRET_A, 0640); /* a group may read */
    key_folder_write(folder, "tracking-c.key", "not wanted, so not read", 0666);
    key_folder_write(folder, "README", "not a key", 0666);
    keyring = osy_keyring_load(folder->path, OSY_KEYS_DATA, NULL);
    assert_non_null(keyring);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_DATA), 2);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_TRACKING), 0);
    assert_null(osy_keyring_active(keyring, OSY_KEY_TRACKING));
    key = osy_keyring_find(keyring, OSY_KEY_DATA, "a-and-more", 1); /* need not end */
    assert_non_null(key);
    for (uint8_t i = 0; i < OSY_SECRET_BYTES; i++)
        assert_int_equal(key->secret[i], i);
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_DATA)->kid, "b");
    assert_null(osy_keyring_find(keyring, OSY_KEY_DATA, "", 0));
    assert_null(osy_keyring_find(keyring, OSY_KEY_DATA, "a\0", 2));
    assert_null(osy_keyring_find(keyring, OSY_KEY_DATA, "../data-a", 9));
    assert_null(osy_keyring_find(keyring, OSY_KEY_TRACKING, "a", 1));
    osy_keyring_destroy(keyring);
}

static void broken_secret_files_are_refused_by_name(void **state)
{
    static const struct {
        const char *name, *text;
        mode_t mode;
        const char *part;
    } rows[] = {
        {"data-a.key", SECRET_A, 0604, "open to other users"},
        {"data-a.key", SECRET_A, 0620, "written by others"},
        {"data-a.key", "", 0600, "hex digits"},
        {"data-a.key", "0011\n", 0600, "hex digits"},
        {"data-a.key", SECRET_A "\n", 0600, "hex digits"},
        {"data-a.key", NOT_HEX, 0600, "hex digits"},
        {"data-a.key", SECRET_A SECRET_A, 0600, "hex digits"},
        {"data-.key", SECRET_A, 0600, "valid name"},
        {"data-a b.key", SECRET_A, 0600, "valid name"},
        {"data-a.key.bak", SECRET_A, 0600, "valid name"},
        {"data-0123456789012345678901234567890123456789012345678901234567890123x.key", SECRET_A,
         0600, "valid name"},
    };
    const struct key_folder *folder = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[256];
        key_folder_write(folder, rows[i].name, rows[i].text, rows[i].mode);
        expect_refused(folder, OSY_KEYS_DATA, rows[i].part);
        expect_refused(folder, OSY_KEYS_DATA, rows[i].name);
        snprintf(path, sizeof path, "%s/%s", folder->path, rows[i].name);
        unlink(path);
    }
}

static void what_is_missing_is_said(void **state)
{
    const struct key_folder *folder = *state;

    expect_refused(folder, OSY_KEYS_JWT_PUBLIC, "jwt-<kid>.pub.pem");
    expect_refused(folder, OSY_KEYS_TRACKING, "tracking-<kid>.key");
    expect_refused(folder, OSY_KEYS_DATA, "data-<kid>.key or .kms");
    expect_refused(folder, OSY_KEYS_INDEX, "index-<kid>.key");
    key_folder_write_public(folder, "jwt-a.pub.pem", rsa);
    expect_refused(folder, OSY_KEYS_JWT_PRIVATE, "jwt-<kid>.key.pem");
    expect_refused(&(struct key_folder){"/tmp/ordersync-no-such-folder"}, OSY_KEYS_DATA,
                   "No such file");
}

static void only_who_signs_loads_private_keys(void **state)
{
    const struct key_folder *folder = *state;
    struct osy_keyring *keyring = NULL;

    key_folder_write_private(folder, "jwt-a.key.pem", rsa);
    key_folder_write_public(folder, "jwt-a.pub.pem", rsa);
    key_folder_write_public(folder, "jwt-z.pub.pem", rsa);
    keyring = osy_keyring_load(folder->path, OSY_KEYS_JWT_PUBLIC, NULL);
    assert_non_null(keyring);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_JWT), 2);
    assert_false(osy_keyring_at(keyring, OSY_KEY_JWT, 0)->has_private);
    assert_false(osy_keyring_at(keyring, OSY_KEY_JWT, 1)->has_private);
    osy_keyring_destroy(keyring);
    keyring = osy_keyring_load(folder->path, OSY_KEYS_JWT_PRIVATE, NULL);
    assert_non_null(keyring);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_JWT), 2);
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_JWT)->kid, "a"); /* z cannot sign */
    osy_keyring_destroy(keyring);
}

static void weak_foreign_and_mismatched_pems_are_refused(void **state)
{
    const struct key_folder *folder = *state;
    EVP_PKEY *weak = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256"), *other = EVP_RSA_gen(2048);

    key_folder_write_public(folder, "jwt-a.pub.pem", weak);
    expect_refused(folder, OSY_KEYS_JWT_PUBLIC, "jwt-a.pub.pem");
    key_folder_write_public(folder, "jwt-a.pub.pem", curve);
    expect_refused(folder, OSY_KEYS_JWT_PUBLIC, "jwt-a.pub.pem");
    key_folder_write_private(folder, "jwt-a.pub.pem", rsa);
    expect_refused(folder, OSY_KEYS_JWT_PUBLIC, "jwt-a.pub.pem");
    key_folder_write(folder, "jwt-a.pub.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n", 0644);
    expect_refused(folder, OSY_KEYS_JWT_PUBLIC, "jwt-a.pub.pem");
    key_folder_write_public(folder, "jwt-a.pub.pem", rsa);
    key_folder_write_private(folder, "jwt-a.key.pem", other);
    expect_refused(folder, OSY_KEYS_JWT_PRIVATE, "does not belong");
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(other);
}

/* A key service whose wrapped form is a byte more than each of the key's; it counts how often it is asked. */
struct fake_service {
    struct osy_key_service service;
    int opened, destroyed;
    bool is_away;
};

static bool open_fake(struct osy_key_service *service, const char *kid, const void *wrapped,
                      size_t length, uint8_t secret[OSY_SECRET_BYTES], struct osy_error *err)
{
    struct fake_service *fake = (struct fake_service *)service;
    (void)kid;
    if (fake->is_away)
        return osy_error_set(err, OSY_ERR_IO, "the service is away");
    if (length != OSY_SECRET_BYTES)
        return osy_error_set(err, OSY_ERR_INVALID, "not mine");
    fake->opened++;
    for (size_t i = 0; i < length; i++)
        secret[i] = (uint8_t)(((const uint8_t *)wrapped)[i] - 1);
    return true;
}

static bool make_fake(struct osy_key_service *service, const char *kid, struct osy_buffer *wrapped,
                      struct osy_error *err)
{
    (void)kid;
    if (((struct fake_service *)service)->is_away)
        return osy_error_set(err, OSY_ERR_IO, "the service is away");
    for (uint8_t i = 0; i < OSY_SECRET_BYTES; i++)
        osy_buffer_char(wrapped, (char)(i + 1));
    return true;
}

static void destroy_fake(struct osy_key_service *service)
{
    ((struct fake_service *)service)->destroyed++;
}

static struct fake_service fake_service(void)
{
    return (struct fake_service){
        .service = {.open = open_fake, .make = make_fake, .destroy = destroy_fake}};
}

static void a_wrapped_key_is_opened_once_and_then_known(void **state)
{
    const struct key_folder *folder = *state;
    struct fake_service fake = fake_service();
    struct osy_error err = {OSY_OK, ""};
    char first[OSY_KID_BYTES], second[OSY_KID_BYTES];
    struct osy_keyring *keyring = NULL;
    const struct osy_key *key = NULL;
    bool is_changed = true;

    assert_true(osy_keys_generate_wrapped(folder->path, &fake.service, first, &err));
    keyring = osy_keyring_load_with(folder->path, OSY_KEYS_DATA, &fake.service, &err);
    assert_non_null(keyring);
    key = osy_keyring_active(keyring, OSY_KEY_DATA);
    assert_string_equal(key->kid, first);
    assert_true(key->is_wrapped);
    for (uint8_t i = 0; i < OSY_SECRET_BYTES; i++)
        assert_int_equal(key->secret[i], i);
    assert_true(osy_keyring_reload(keyring, &is_changed, &err));
    assert_false(is_changed);
    assert_int_equal(fake.opened, 1);

    assert_true(osy_keys_generate_wrapped(folder->path, &fake.service, second, &err));
    fake.is_away = true;
    assert_false(osy_keyring_reload(keyring, &is_changed, &err));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_DATA), 1);
    fake.is_away = false;
    assert_true(osy_keyring_reload(keyring, &is_changed, &err));
    assert_true(is_changed);
    assert_int_equal(fake.opened, 2);
    assert_int_equal(osy_keyring_count(keyring, OSY_KEY_DATA), 2);
    assert_string_equal(osy_keyring_active(keyring, OSY_KEY_DATA)->kid, first); /* for now */
    osy_keyring_destroy(keyring);
    assert_int_equal(fake.destroyed, 1);
}

static void a_wrapped_key_that_cannot_be_opened_is_refused_by_name(void **state)
{
    const struct key_folder *folder = *state;
    struct fake_service fake = fake_service();
    struct osy_error err = {OSY_OK, ""};
    char kid[OSY_KID_BYTES];

    key_folder_write(folder, "data-0.kms", "too short", 0600);
    expect_refused(folder, OSY_KEYS_DATA, "'data-0.kms' is wrapped, and no key service is set");
    assert_null(osy_keyring_load_with(folder->path, OSY_KEYS_DATA, &fake.service, &err));
    assert_string_equal(err.message, "key file 'data-0.kms': not mine");
    assert_int_equal(fake.destroyed, 1);
    fake.is_away = true;
    assert_false(osy_keys_generate_wrapped(folder->path, &fake.service, kid, &err));
    assert_int_equal(err.code, OSY_ERR_IO);
}

static void a_kid_is_there_wrapped_or_in_the_clear(void **state)
{
    const struct key_folder *folder = *state;
    struct fake_service fake = fake_service();
    struct osy_error err = {OSY_OK, ""};

    key_folder_write(folder, "data-a.kms", "0123456789abcdef0123456789abcdef", 0600);
    key_folder_write(folder, "data-a.key", SECRET_A, 0600);
    assert_null(osy_keyring_load_with(folder->path, OSY_KEYS_DATA, &fake.service, &err));
    assert_non_null(strstr(err.message, "has the kid of another one"));
    key_folder_write(folder, "tracking-a.kms", "only data keys are wrapped", 0600);
    expect_refused(folder, OSY_KEYS_TRACKING, "'tracking-a.kms' is not a valid name");
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(generated_keys_load_and_are_private_to_their_owner),
        WITH_FOLDER(generating_makes_the_folder_and_the_newest_key_active),
        WITH_FOLDER(a_key_that_appears_is_known_at_once_and_active_later),
        WITH_FOLDER(a_key_that_is_taken_away_is_not_found_any_more),
        WITH_FOLDER(a_key_that_would_not_become_active_is_not_made),
        WITH_FOLDER(there_is_only_one_index_key),
        WITH_FOLDER(secrets_are_read_as_hex_and_found_by_kid),
        WITH_FOLDER(broken_secret_files_are_refused_by_name),
        WITH_FOLDER(what_is_missing_is_said),
        WITH_FOLDER(a_wrapped_key_is_opened_once_and_then_known),
        WITH_FOLDER(a_wrapped_key_that_cannot_be_opened_is_refused_by_name),
        WITH_FOLDER(a_kid_is_there_wrapped_or_in_the_clear),
        WITH_FOLDER(only_who_signs_loads_private_keys),
        WITH_FOLDER(weak_foreign_and_mismatched_pems_are_refused),
    };

    return cmocka_run_group_tests(tests, make_rsa, free_rsa);
}
