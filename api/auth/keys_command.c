/* `ordersync-api keys`: makes and lists the keys of ORDERSYNC_KEYS_DIR (shared/keys.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/command.h"
#include "api/config.h"
#include "api/main.h"
#include "api/privacy/keyring.h"
#include "api/privacy/keys_report.h"
#include "shared/keys.h"

static const char usage[] =
    "Usage: ordersync-api keys init [--kms]   make one key of each kind that has none yet\n"
    "       ordersync-api keys generate KIND  make a new key; programs take it up by themselves, and use it 30 s later\n"
    "       ordersync-api keys rotate KIND    the same: the first step of a rotation\n"
    "       ordersync-api keys rewrap         encrypt anew what is under older data keys: the second\n"
    "       ordersync-api keys status         how many values need each data key, and what to do next\n"
    "       ordersync-api keys list           print kind, name and use of each key\n"
    "\n"
    "--kms, behind init and behind `generate data` and `rotate data`: AWS KMS makes the data key, and the folder\n"
    "gets only what KMS can open (settings ORDERSYNC_KMS_*).\n"
    "\n"
    "KIND is jwt, tracking, data, pepper, audit or index (of which there is only ever one). The folder is\n"
    "ORDERSYNC_KEYS_DIR. Old keys still verify and decrypt;\n"
    "a key that is not needed any more is removed by deleting its files.\n";

static const struct kind {
    const char *name;
    enum osy_key_kind kind;
    unsigned want;
} kinds[] = {
    {"jwt", OSY_KEY_JWT, OSY_KEYS_JWT_PRIVATE},  {"tracking", OSY_KEY_TRACKING, OSY_KEYS_TRACKING},
    {"data", OSY_KEY_DATA, OSY_KEYS_DATA},       {"index", OSY_KEY_INDEX, OSY_KEYS_INDEX},
    {"pepper", OSY_KEY_PEPPER, OSY_KEYS_PEPPER}, {"audit", OSY_KEY_AUDIT, OSY_KEYS_AUDIT_PRIVATE},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static bool generate_with_kms(const struct api_config *config, char kid[OSY_KID_BYTES],
                              struct osy_error *err)
{
    struct osy_key_service *service = api_key_service_create(config, err);
    bool ok = service && osy_keys_generate_wrapped(config->keys_dir, service, kid, err);

    if (service)
        service->destroy(service);
    return ok;
}

static bool generate(const struct api_config *config, const struct kind *kind, bool with_kms,
                     struct osy_error *err)
{
    char kid[OSY_KID_BYTES];
    bool is_wrapped = with_kms && kind->kind == OSY_KEY_DATA;

    if (!(is_wrapped ? generate_with_kms(config, kid, err)
                     : osy_keys_generate(config->keys_dir, kind->kind, kid, err)))
        return false;
    printf("%-8s  %s%s\n", kind->name, kid, is_wrapped ? "  in KMS" : "");
    return true;
}

/* Loads the keys of one kind. True with *keyring NULL when there are none, or no folder. */
static bool load_kind(const struct api_config *config, const struct kind *kind,
                      struct osy_keyring **keyring, struct osy_error *err)
{
    *keyring = NULL;
    if (access(config->keys_dir, F_OK) != 0 && errno == ENOENT)
        return true;
    *keyring = api_keyring_load(config, kind->want, err);
    return *keyring || err->code == OSY_ERR_NOT_FOUND;
}

static bool run_init(const struct api_config *config, bool with_kms, struct osy_error *err)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct osy_keyring *keyring;
        bool is_there;

        if (!load_kind(config, &kinds[i], &keyring, err))
            return false; /* a broken key is not covered up by a new one */
        is_there = keyring != NULL;
        osy_keyring_destroy(keyring);
        if (!is_there && !generate(config, &kinds[i], with_kms, err))
            return false;
    }
    return true;
}

static bool run_list(const struct api_config *config, struct osy_error *err)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct osy_keyring *keyring;
        const struct osy_key *active;

        if (!load_kind(config, &kinds[i], &keyring, err))
            return false;
        if (!keyring)
            continue;
        active = osy_keyring_active(keyring, kinds[i].kind);
        for (size_t j = 0; j < osy_keyring_count(keyring, kinds[i].kind); j++) {
            const struct osy_key *key = osy_keyring_at(keyring, kinds[i].kind, j);
            printf("%-8s  %s%s%s\n", kinds[i].name, key->kid, key->is_wrapped ? "  in KMS" : "",
                   key == active ? "  active" : "");
        }
        osy_keyring_destroy(keyring);
    }
    return true;
}

static bool run_generate(const struct api_config *config, const char *name, bool with_kms,
                         struct osy_error *err)
{
    if (with_kms && strcmp(name, "data") != 0)
        return osy_error_set(err, OSY_ERR_INVALID, "--kms is for data keys, not for '%s'", name);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return generate(config, &kinds[i], with_kms, err);
    }
    return osy_error_set(err, OSY_ERR_INVALID,
                         "unknown kind '%s': jwt, tracking, data, index, pepper or audit", name);
}

/* argc without --kms. */
static bool is_usage_right(int argc, char **argv, bool with_kms)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "generate") == 0 || strcmp(verb, "rotate") == 0)
        return argc == 3;
    if (strcmp(verb, "init") == 0)
        return argc == 2;
    return argc == 2 && !with_kms &&
           (strcmp(verb, "list") == 0 || strcmp(verb, "rewrap") == 0 ||
            strcmp(verb, "status") == 0);
}

static bool run(const struct api_config *config, char **argv, bool with_kms, struct osy_error *err)
{
    const char *verb = argv[1];
    if (strcmp(verb, "init") == 0)
        return run_init(config, with_kms, err);
    if (strcmp(verb, "list") == 0)
        return run_list(config, err);
    if (strcmp(verb, "rewrap") == 0)
        return api_keys_rewrap(config, err);
    if (strcmp(verb, "status") == 0)
        return api_keys_status(config, err);
    return run_generate(config, argv[2], with_kms, err);
}

static unsigned find_needs(const char *verb)
{
    bool uses_database = strcmp(verb, "rewrap") == 0 || strcmp(verb, "status") == 0;
    return API_CONFIG_KEYS | (uses_database ? API_CONFIG_DATABASE : 0U);
}

int api_keys_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    const bool with_kms = argc > 2 && strcmp(argv[argc - 1], "--kms") == 0;
    bool ok;

    if (api_command_helps(argc, argv, usage))
        return 0;
    if (!is_usage_right(argc - with_kms, argv, with_kms)) {
        fputs(usage, stderr);
        return 2;
    }
    ok = api_config_load(&config, find_needs(argv[1]), &err) && run(&config, argv, with_kms, &err);
    api_config_deinit(&config);
    return api_command_end("keys", ok, &err);
}
