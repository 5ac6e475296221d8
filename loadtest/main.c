/* ordersync-loadtest: reads the command line and the stack's environment, then runs; or compares runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "loadtest/compare.h"
#include "loadtest/conductor.h"
#include "loadtest/environment.h"
#include "loadtest/options.h"

enum { EXIT_USAGE = 2 };

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct load_options options;
    struct osy_error err = {0};
    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return load_compare_main(argc - 1, argv + 1);
    if (!load_options_parse(&options, argc, argv, &err)) {
        fprintf(stderr, "ordersync-loadtest: %s (--help tells more)\n", err.message);
        return EXIT_USAGE;
    }
    if (options.help) {
        load_options_print_help();
        return 0;
    }
    if (options.version) {
        puts("ordersync-loadtest " ORDERSYNC_VERSION);
        return 0;
    }
    if (!load_environment_import(options.env, &err) && options.env_is_required) {
        fprintf(stderr, "ordersync-loadtest: %s\n", err.message);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    return load_conduct(&options);
}
