#include "loadtest/tokens.h"

#include <stdio.h>

#include "loadtest/program.h"
#include "shared/alloc.h"
#include "shared/buffer.h"

/* A line for each token, with the restaurants that it is for. */
static void list_restaurants(struct osy_buffer *out, const struct load_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < tokens[i].restaurant_count; j++)
            osy_buffer_printf(out, "%s%c", tokens[i].restaurants[j],
                              j + 1 < tokens[i].restaurant_count ? ' ' : '\n');
}

static bool read_tokens(struct load_program *program, struct load_token *tokens, size_t count,
                        struct osy_error *err)
{
    char line[LOAD_PROGRAM_LINE_BYTES];
    size_t found = 0;
    while (load_program_read_line(program, line))
        if (found < count)
            tokens[found++].text = osy_strdup(line);
    if (!load_program_finish(program, "token", err))
        return false;
    return found == count ||
           osy_error_set(err, OSY_ERR_IO, "ordersync-api token printed %zu tokens, not %zu", found,
                         count);
}

bool load_tokens_mint(const char *role, struct load_token *tokens, size_t count, long ttl_seconds,
                      struct osy_error *err)
{
    char ttl[24];
    if (count == 0)
        return true;
    snprintf(ttl, sizeof(ttl), "%ld", ttl_seconds);
    const char *argv[] = {"ordersync-api", "token", "--each", "--role", role, "--ttl", ttl, NULL};
    struct osy_buffer lines = OSY_BUFFER_INIT;
    struct load_program program;
    list_restaurants(&lines, tokens, count);
    osy_buffer_char(&lines, '\0');
    bool ok = load_program_start(&program, (char *const *)argv, lines.bytes, err) &&
              read_tokens(&program, tokens, count, err);
    osy_buffer_deinit(&lines);
    return ok;
}
