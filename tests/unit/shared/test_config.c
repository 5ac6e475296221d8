#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/config.h"

struct sample {
    int64_t idle_ms;
    bool tls;
    char *listen, *level, *hub_id, *database_url;
};

static const struct osy_setting settings[] = {
    OSY_SETTING_INT(struct sample, idle_ms, "ORDERSYNC_IDLE_MS", "25000", -1, 600000,
                    "silence after which a socket is pinged, ms"),
    OSY_SETTING_BOOL(struct sample, tls, "ORDERSYNC_TLS", "no", "speak TLS"),
    OSY_SETTING_ADDRESS(struct sample, listen, "ORDERSYNC_LISTEN", "127.0.0.1:8082",
                        "where to listen"),
    OSY_SETTING_CHOICE(struct sample, level, "ORDERSYNC_LOG_LEVEL", "info", "debug|info|warn|error",
                       "least level that is logged"),
    OSY_SETTING_STRING(struct sample, hub_id, "ORDERSYNC_HUB_ID", "", 0, 8, "name in hello"),
    OSY_SETTING_SECRET(struct sample, database_url, "ORDERSYNC_DATABASE_URL", NULL, 1, 100,
                       "libpq URI"),
    OSY_SETTING_END,
};

static char database[] = "ORDERSYNC_DATABASE_URL=postgresql://u:secret@h/d";

/* Loads the required variable and `variable`, which may be NULL. */
static bool load(const char *variable, struct sample *sample, struct osy_error *err)
{
    char copy[200] = "";
    char *environment[] = {"PATH=/bin", database, copy, NULL};

    snprintf(copy, sizeof copy, "%s", variable ? variable : "HOME=/");
    *sample = (struct sample){0};
    return osy_config_load(settings, environment, sample, err);
}

static void defaults_fill_what_is_not_set(void **state)
{
    struct sample sample;
    struct osy_error err;

    (void)state;
    assert_true(load(NULL, &sample, &err));
    assert_int_equal(sample.idle_ms, 25000);
    assert_false(sample.tls);
    assert_string_equal(sample.listen, "127.0.0.1:8082");
    assert_string_equal(sample.level, "info");
    assert_string_equal(sample.hub_id, "");
    assert_string_equal(sample.database_url, "postgresql://u:secret@h/d");
    osy_config_free(settings, &sample);
    assert_null(sample.listen);
}

static void good_values_are_taken(void **state)
{
    static const char *const variables[] = {
        "ORDERSYNC_IDLE_MS=-1",      "ORDERSYNC_IDLE_MS=600000",
        "ORDERSYNC_TLS=Yes",         "ORDERSYNC_TLS=0",
        "ORDERSYNC_LISTEN=[::1]:0",  "ORDERSYNC_LISTEN=localhost:65535",
        "ORDERSYNC_LOG_LEVEL=error", "ORDERSYNC_LOG_LEVEL=debug",
        "ORDERSYNC_HUB_ID=12345678", "ORDERSYNC_HUB_ID=",
        "ORDERSYN=not ours",         "XORDERSYNC_IDLE_MS=not ours",
    };
    struct sample sample;
    struct osy_error err;

    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        assert_true(load(variables[i], &sample, &err));
        osy_config_free(settings, &sample);
    }
}

static void bad_values_are_refused_by_name(void **state)
{
    static const struct {
        const char *variable, *message;
    } cases[] = {
        {"ORDERSYNC_IDLE_MS=600001", "ORDERSYNC_IDLE_MS must be an integer from -1 to 600000"},
        {"ORDERSYNC_IDLE_MS=", "ORDERSYNC_IDLE_MS must be an integer from -1 to 600000"},
        {"ORDERSYNC_IDLE_MS= 5", "ORDERSYNC_IDLE_MS must be an integer from -1 to 600000"},
        {"ORDERSYNC_IDLE_MS=5s", "ORDERSYNC_IDLE_MS must be an integer from -1 to 600000"},
        {"ORDERSYNC_IDLE_MS=99999999999999999999",
         "ORDERSYNC_IDLE_MS must be an integer from -1 to 600000"},
        {"ORDERSYNC_TLS=maybe", "ORDERSYNC_TLS must be true or false"},
        {"ORDERSYNC_TLS=", "ORDERSYNC_TLS must be true or false"},
        {"ORDERSYNC_LISTEN=8082", "ORDERSYNC_LISTEN: an address is host:port or [ipv6]:port"},
        {"ORDERSYNC_LISTEN=hub:8082", "ORDERSYNC_LISTEN: 'hub' is not an IP address to listen on"},
        {"ORDERSYNC_LOG_LEVEL=inf", "ORDERSYNC_LOG_LEVEL must be one of debug|info|warn|error"},
        {"ORDERSYNC_LOG_LEVEL=info|warn",
         "ORDERSYNC_LOG_LEVEL must be one of debug|info|warn|error"},
        {"ORDERSYNC_LOG_LEVEL=", "ORDERSYNC_LOG_LEVEL must be one of debug|info|warn|error"},
        {"ORDERSYNC_HUB_ID=123456789", "ORDERSYNC_HUB_ID must have 0 to 8 bytes"},
        {"ORDERSYNC_IDEL_MS=1",
         "ORDERSYNC_IDEL_MS is not a known setting (did you mean ORDERSYNC_IDLE_MS?)"},
        {"ORDERSYNC_IDLE=1",
         "ORDERSYNC_IDLE is not a known setting (did you mean ORDERSYNC_IDLE_MS?)"},
        {"ORDERSYNC_SOMETHING_ELSE=1", "ORDERSYNC_SOMETHING_ELSE is not a known setting"},
    };
    struct sample sample;
    struct osy_error err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(load(cases[i].variable, &sample, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_string_equal(err.message, cases[i].message);
        assert_null(sample.listen); /* nothing to free is left behind */
    }
}

static void a_required_variable_must_be_there(void **state)
{
    char *environment[] = {NULL};
    struct sample sample = {0};
    struct osy_error err;

    (void)state;
    assert_false(osy_config_load(settings, environment, &sample, &err));
    assert_string_equal(err.message, "ORDERSYNC_DATABASE_URL is required: libpq URI");
    assert_null(sample.listen);
}

static void a_secret_is_printed_nowhere(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct sample sample;
    struct osy_error err;

    (void)state;
    assert_true(load("ORDERSYNC_TLS=on", &sample, &err));
    osy_config_print(settings, &sample, out);
    fclose(out);
    assert_string_equal(text, "ORDERSYNC_IDLE_MS=25000\n"
                              "ORDERSYNC_TLS=true\n"
                              "ORDERSYNC_LISTEN=127.0.0.1:8082\n"
                              "ORDERSYNC_LOG_LEVEL=info\n"
                              "ORDERSYNC_HUB_ID=\n"
                              "ORDERSYNC_DATABASE_URL=(set)\n");
    free(text);
    osy_config_free(settings, &sample);
}

static void help_is_a_table(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    osy_config_print_help(settings, out);
    fclose(out);
    assert_string_equal(
        text,
        "  VARIABLE                VALUES                 DEFAULT         MEANING\n"
        "  ORDERSYNC_IDLE_MS       -1 to 600000           25000           silence after which a "
        "socket is pinged, ms\n"
        "  ORDERSYNC_TLS           true|false             no              speak TLS\n"
        "  ORDERSYNC_LISTEN        ip:port                127.0.0.1:8082  where to listen\n"
        "  ORDERSYNC_LOG_LEVEL     debug|info|warn|error  info            least level that is "
        "logged\n"
        "  ORDERSYNC_HUB_ID        text                   (empty)         name in hello\n"
        "  ORDERSYNC_DATABASE_URL  secret text            (required)      libpq URI\n");
    free(text);
}

static void addresses_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"localhost:0", "localhost", 0},
        {"[::1]:65535", "::1", 65535},
        {"[2001:db8::7]:443", "2001:db8::7", 443},
    };
    static const char *const bad[] = {
        "",       ":80",   "host",    "host:", "host:65536", "host:-1",  "host:+1",   "host:8a",
        "::1:80", "[::1]", "[::1]80", "[]:80", "[::1:80",    "host: 80", "[::1]]:80", "host:000080",
    };
    char host[256];
    uint16_t port;
    struct osy_error err;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(osy_address_parse(good[i].text, host, &port, &err));
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(osy_address_parse(bad[i], host, &port, &err));
}

static void addresses_to_listen_on_are_ip_addresses(void **state)
{
    static const char *const good[] = {"127.0.0.1:80", "localhost:80", "[::1]:80", "0.0.0.0:80"};
    static const char *const bad[] = {"127.0.0.256:80", "example:80", "[127.0.0.1:80", "127.1:80"};
    struct sockaddr_storage address;
    struct osy_error err;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(osy_address_to_listen(good[i], &address, &err));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(osy_address_to_listen(bad[i], &address, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
    }
}

static void a_host_that_does_not_fit_is_refused(void **state)
{
    char text[300], host[256];
    uint16_t port;
    struct osy_error err;

    (void)state;
    memset(text, 'h', sizeof text);
    memcpy(text + 255, ":80", 4);
    assert_true(osy_address_parse(text, host, &port, &err));
    memset(text, 'h', sizeof text);
    memcpy(text + 256, ":80", 4);
    assert_false(osy_address_parse(text, host, &port, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_set),
        cmocka_unit_test(good_values_are_taken),
        cmocka_unit_test(bad_values_are_refused_by_name),
        cmocka_unit_test(a_required_variable_must_be_there),
        cmocka_unit_test(a_secret_is_printed_nowhere),
        cmocka_unit_test(help_is_a_table),
        cmocka_unit_test(addresses_are_split),
        cmocka_unit_test(addresses_to_listen_on_are_ip_addresses),
        cmocka_unit_test(a_host_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
