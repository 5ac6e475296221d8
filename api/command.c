#include "api/command.h"

#include <stdio.h>
#include <string.h>

bool api_command_helps(int argc, char **argv, const char *usage)
{
    if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0))
        return false;
    fputs(usage, stdout);
    return true;
}

int api_command_end(const char *name, bool ok, const struct osy_error *err)
{
    if (ok)
        return 0;
    fprintf(stderr, "ordersync-api %s: %s\n", name, err->message);
    return err->code == OSY_ERR_INVALID ? 2 : 1;
}
