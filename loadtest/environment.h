/*
 * The environment of the stack under test. `.local/env` is a file of shell assignments
 * (`export NAME='value'`); it is parsed here, so that the load test runs in a shell that has not
 * sourced it. What is in the process's environment already wins.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/error.h"

/*
 * Parses one line: [export ]NAME=VALUE with single quotes, double quotes and backslashes as in a POSIX
 * shell, without expansions. Writes two NUL-terminated texts. False for blank lines, comments and
 * everything else.
 */
bool load_environment_parse_line(const char *line, char *name, size_t name_capacity, char *value,
                                 size_t value_capacity);
/* Calls on_pair for each assignment of the file. OSY_ERR_NOT_FOUND when it cannot be opened. */
OSY_MUST_CHECK bool load_environment_read(const char *path,
                                          void (*on_pair)(void *context, const char *name,
                                                          const char *value),
                                          void *context, struct osy_error *err);
/* Puts what the file assigns, and the environment lacks, into the environment. */
OSY_MUST_CHECK bool load_environment_import(const char *path, struct osy_error *err);
