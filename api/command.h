/* How subcommands begin and end. */
#pragma once
#include <stdbool.h>

#include "shared/error.h"

/* Whether the first argument asks for help: then the usage is on standard output, and there is nothing else to do. */
bool api_command_helps(int argc, char **argv, const char *usage);
/* The exit code; on standard error what went wrong, behind the name of the command. */
int api_command_end(const char *name, bool ok, const struct osy_error *err);
