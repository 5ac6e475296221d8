/*
 * The ordersync-api program that lies beside this one: seeds restaurants, mints tokens. Blocking, so
 * only before the loop starts.
 */
#pragma once
#include <stdio.h>
#include <sys/types.h>

#include "shared/error.h"

#define LOAD_PROGRAM_LINE_BYTES 8192

struct load_program {
    pid_t pid;
    FILE *out; /* its standard output */
};

/*
 * argv as for execve; input is what it finds on its standard input, NULL: nothing. OSY_ERR_IO names what failed;
 * there is then nothing to finish.
 */
OSY_MUST_CHECK bool load_program_start(struct load_program *program, char *const argv[],
                                       const char *input, struct osy_error *err);
/* The next line without its newline; false at the end. */
bool load_program_read_line(struct load_program *program, char line[LOAD_PROGRAM_LINE_BYTES]);
/* Waits for its end. Its own words are on standard error already; what names it in ours. */
OSY_MUST_CHECK bool load_program_finish(struct load_program *program, const char *what,
                                        struct osy_error *err);
