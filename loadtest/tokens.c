#include "loadtest/tokens.h"

#include <stdio.h>

#include "loadtest/program.h"
#include "shared/alloc.h"

#define MINTS_AT_ONCE 4 /* ordersync-api token processes */

static bool start_mint(struct load_program *program, const struct load_token *token,
                       const char *ttl, struct osy_error *err)
{
    const char *argv[8 + 2 * LOAD_TOKEN_RESTAURANTS] = {"ordersync-api", "token", "--role",
                                                        token->role,     "--ttl", ttl};
    size_t count = 6;
    for (size_t i = 0; i < token->restaurant_count; i++) {
        argv[count++] = "--restaurant";
        argv[count++] = token->restaurants[i];
    }
    return load_program_start(program, (char *const *)argv, err);
}

static bool finish_mint(struct load_program *program, struct load_token *token,
                        struct osy_error *err)
{
    char line[LOAD_PROGRAM_LINE_BYTES];
    if (load_program_read_line(program, line))
        token->text = osy_strdup(line);
    if (!load_program_finish(program, "token", err))
        return false;
    if (!token->text)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api token printed nothing");
    return true;
}

bool load_tokens_mint(struct load_token *tokens, size_t count, long ttl_seconds,
                      struct osy_error *err)
{
    char ttl[24];
    bool ok = true;
    snprintf(ttl, sizeof(ttl), "%ld", ttl_seconds);
    for (size_t first = 0; ok && first < count; first += MINTS_AT_ONCE) {
        struct load_program programs[MINTS_AT_ONCE];
        size_t started = 0;
        while (ok && started < MINTS_AT_ONCE && first + started < count) {
            ok = start_mint(&programs[started], &tokens[first + started], ttl, err);
            started += ok;
        }
        for (size_t i = 0; i < started; i++)
            ok = finish_mint(&programs[i], &tokens[first + i], ok ? err : NULL) && ok;
    }
    return ok;
}
