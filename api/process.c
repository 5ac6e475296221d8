#include "api/process.h"

#include <jansson.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "shared/log.h"
#include "shared/random.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        OSY_WARN("open_files_limit_kept");
}

static void hide_memory(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        OSY_WARN("memory_not_hidden");
}

void api_process_note_keys(void *context, const struct osy_error *err)
{
    (void)context;
    if (err)
        OSY_ERROR("keys_not_read", OSY_ERR(err)); /* those of before are used on */
    else
        OSY_INFO("keys_changed");
}

void api_process_prepare(bool holds_keys)
{
    size_t seed = 0;

    signal(SIGPIPE, SIG_IGN);
    raise_open_files();
    while (seed == 0) /* 0 would make jansson choose by itself */
        osy_random_bytes(&seed, sizeof seed);
    json_object_seed(seed);
    if (holds_keys && !IS_SANITIZED)
        hide_memory();
}
