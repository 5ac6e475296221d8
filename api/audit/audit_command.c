/* `ordersync-api audit`: verifies the audit log. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/audit/verify.h"
#include "api/command.h"
#include "api/config.h"
#include "api/main.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/keys.h"
#include "shared/pg.h"

#define DAY_MS (24 * 3600 * 1000)

static const char usage[] =
    "Usage: ordersync-api audit verify [--since TIME] [--until TIME] [--heads DIR] [--json]\n"
    "\n"
    "Finds rows of the audit log that were altered, taken out, put in, moved or forked, and chains that\n"
    "were cut or made anew; a line for each, with its chain, number and row.\n"
    "\n"
    "  --since TIME  only what was recorded from then on, e.g. 2026-01-31T00:00:00.000Z, and\n"
    "  --until TIME  before then; the ends of chains are not looked at then\n"
    "  --heads DIR   also compare with the signed heads of this folder (ORDERSYNC_AUDIT_HEADS_DIR of the\n"
    "                worker); needs ORDERSYNC_KEYS_DIR. Without them, whoever owns the database can cut a\n"
    "                chain, or make it anew, unseen\n"
    "  --json        findings and the summary as a JSON object each\n"
    "\n"
    "Exit code: 0 all is as it was recorded, 1 something is not, 2 it could not be verified.\n"
    "Uses ORDERSYNC_DATABASE_URL, and the log as it is at one moment: the programs may go on.\n";

struct audit_options {
    const char *since, *until, *heads_dir; /* borrowed from argv; NULL: none */
    bool is_json;
};

static bool is_time(const char *name, const char *text, struct osy_error *err)
{
    int64_t time_ms = 0;
    return !text || osy_time_parse(text, strlen(text), &time_ms) ||
           osy_error_set(err, OSY_ERR_INVALID, "%s must be a time such as 2026-01-31T00:00:00.000Z",
                         name);
}

static bool parse_options(int argc, char **argv, struct audit_options *options,
                          struct osy_error *err)
{
    static const struct option known[] = {{"since", required_argument, NULL, 's'},
                                          {"until", required_argument, NULL, 'u'},
                                          {"heads", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {0}};
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 's': options->since = optarg; break;
        case 'u': options->until = optarg; break;
        case 'd': options->heads_dir = optarg; break;
        case 'j': options->is_json = true; break;
        default: return osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api audit --help");
        }
    }
    if (optind < argc)
        return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[optind]);
    return is_time("--since", options->since, err) && is_time("--until", options->until, err);
}

static void print_finding(void *context, const struct api_audit_finding *finding)
{
    const struct audit_options *options = context;
    const char *fault = api_audit_fault_name(finding->fault);
    char row[OSY_UUID_TEXT_BYTES];
    bool has_row = !osy_uuid_is_nil(&finding->row_id);
    osy_uuid_format(&finding->row_id, row);
    if (options->is_json) {
        printf("{\"fault\":\"%s\",\"chain\":%" PRId32 ",\"number\":%" PRId64 ",\"last\":%" PRId64
               ",\"row\":%s%s%s,\"detail\":\"%s\"}\n",
               fault, finding->chain_id, finding->first, finding->last, has_row ? "\"" : "",
               has_row ? row : "null", has_row ? "\"" : "", finding->detail);
        return;
    }
    printf("%s: chain %" PRId32 " number %" PRId64, fault, finding->chain_id, finding->first);
    if (finding->last != finding->first)
        printf(" to %" PRId64, finding->last);
    printf("%s%s: %s\n", has_row ? " row " : "", has_row ? row : "", finding->detail);
}

/* For people alone: one line that is written over. */
static void print_progress(void *context, int64_t rows)
{
    (void)context;
    fprintf(stderr, "\r%" PRId64 " rows", rows);
}

static void print_summary(const struct audit_options *options,
                          const struct api_audit_verification *verification, int64_t took_ms)
{
    printf(options->is_json
               ? "{\"rows\":%" PRId64 ",\"chains\":%" PRId64 ",\"signed_heads\":%" PRId64
                 ",\"findings\":%" PRId64 ",\"ms\":%" PRId64 "}\n"
               : "%" PRId64 " rows of %" PRId64 " chains, %" PRId64 " signed heads: %" PRId64
                 " findings (%" PRId64 " ms)\n",
           verification->rows, verification->chains, verification->signed_heads,
           verification->findings, took_ms);
}

static int verify(const struct api_config *config, struct audit_options *options,
                  struct osy_error *err)
{
    struct osy_keyring *keyring = NULL;
    struct osy_pg *pg = NULL;
    int64_t begun_ms = osy_clock_monotonic_ms();
    int exit_code = 2;
    if (options->heads_dir &&
        !(keyring = osy_keyring_load(config->keys_dir, OSY_KEYS_AUDIT_PUBLIC, err)))
        goto done;
    pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                .application_name = "ordersync-api audit",
                                                .statement_timeout_ms = DAY_MS,
                                                .read_only = true});
    struct api_audit_verification verification = {
        .since = options->since,
        .until = options->until,
        .heads_dir = options->heads_dir,
        .keyring = keyring,
        .on_finding = print_finding,
        .on_progress = isatty(STDERR_FILENO) ? print_progress : NULL,
        .context = options,
    };
    if (!api_audit_verify(pg, &verification, err))
        goto done;
    if (verification.on_progress)
        fputs("\r", stderr);
    print_summary(options, &verification, osy_clock_monotonic_ms() - begun_ms);
    exit_code = verification.findings > 0 ? 1 : 0;
done:
    osy_pg_destroy(pg);
    osy_keyring_destroy(keyring);
    return exit_code;
}

int api_audit_main(int argc, char **argv)
{
    struct api_config config = {0};
    struct audit_options options = {0};
    struct osy_error err = {0};
    int exit_code = 2;

    if (api_command_helps(argc, argv, usage))
        return 0;
    if (argc < 2 || strcmp(argv[1], "verify") != 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (parse_options(argc - 1, argv + 1, &options, &err) &&
        api_config_load(&config, API_CONFIG_DATABASE | (options.heads_dir ? API_CONFIG_KEYS : 0u),
                        &err))
        exit_code = verify(&config, &options, &err);
    api_config_deinit(&config);
    if (err.code != OSY_OK)
        fprintf(stderr, "ordersync-api audit: %s\n", err.message);
    return exit_code;
}
