#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/config.h"

static const char *const names[] = {"ORDERSYNC_DATABASE_URL", "ORDERSYNC_REDIS_URL",
                                    "ORDERSYNC_KEYS_DIR",     "ORDERSYNC_TRUSTED_PROXIES",
                                    "ORDERSYNC_LISTEN",       "ORDERSYNC_LISTN"};

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static void assert_refused(unsigned needs, const char *named)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    assert_false(api_config_load(&config, needs, &err));
    assert_int_equal(err.code, OSY_ERR_INVALID);
    assert_non_null(strstr(err.message, named));
    api_config_deinit(&config);
}

static void every_default_is_within_its_own_limits(void **state)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    (void)state;
    assert_true(api_config_load(&config, 0, &err));
    assert_string_equal(config.listen, "127.0.0.1:8081");
    assert_string_equal(config.trusted_proxies, "127.0.0.1");
    assert_int_equal(config.http_body_bytes, 65536);
    assert_int_equal(config.shutdown_ms, 15000);
    api_config_deinit(&config);
}

static void what_a_command_needs_is_named_when_it_is_missing(void **state)
{
    struct api_config config = {0};
    struct osy_error err = {0};
    (void)state;
    assert_refused(API_CONFIG_DATABASE | API_CONFIG_REDIS, "ORDERSYNC_DATABASE_URL");
    setenv("ORDERSYNC_DATABASE_URL", "postgresql://x", 1);
    assert_refused(API_CONFIG_DATABASE | API_CONFIG_REDIS, "ORDERSYNC_REDIS_URL");
    assert_refused(API_CONFIG_KEYS, "ORDERSYNC_KEYS_DIR");
    assert_true(api_config_load(&config, API_CONFIG_DATABASE, &err));
    api_config_deinit(&config);
}

static void bad_and_unknown_settings_stop_the_start(void **state)
{
    (void)state;
    setenv("ORDERSYNC_LISTN", "127.0.0.1:1", 1);
    assert_refused(0, "ORDERSYNC_LISTEN"); /* the name that was meant */
    unsetenv("ORDERSYNC_LISTN");
    setenv("ORDERSYNC_LISTEN", "nowhere", 1);
    assert_refused(0, "ORDERSYNC_LISTEN");
    unsetenv("ORDERSYNC_LISTEN");
    setenv("ORDERSYNC_TRUSTED_PROXIES", "10.0.0.0/33", 1);
    assert_refused(0, "ORDERSYNC_TRUSTED_PROXIES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_default_is_within_its_own_limits, clear),
        cmocka_unit_test_setup(what_a_command_needs_is_named_when_it_is_missing, clear),
        cmocka_unit_test_setup(bad_and_unknown_settings_stop_the_start, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
