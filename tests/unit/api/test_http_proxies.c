#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/proxies.h"

static void client_is_the_first_foreign_address_from_the_right(void **state)
{
    static const struct {
        const char *trusted, *peer, *forwarded, *client;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", "203.0.113.9", "203.0.113.9"},
        {"127.0.0.1", "127.0.0.1", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "", "127.0.0.1"},
        {"127.0.0.1", "198.51.100.1", "203.0.113.9", "198.51.100.1"}, /* anybody can claim */
        {"127.0.0.1", "127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "6.6.6.6, 203.0.113.9,10.1.2.3", "203.0.113.9"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.9, nonsense", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.9:80", "203.0.113.9"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1]:80", "2001:db8::1"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1]", "2001:db8::1"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1]80", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[]:80", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", ":80", "127.0.0.1"},
        {"127.0.0.1,::1", "127.0.0.1", "6.6.6.6, 203.0.113.9:1, [::1]:443", "203.0.113.9"},
        {"127.0.0.1", "127.0.0.1", ",", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", " \t2001:db8::1 ", "2001:db8::1"},
        {"::1", "::1", "203.0.113.9", "203.0.113.9"},
        {"127.0.0.1", "::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"},
        {"10.1.2.0/23", "10.1.3.255", "203.0.113.9", "203.0.113.9"},
        {"10.1.2.0/23", "10.1.4.0", "203.0.113.9", "10.1.4.0"},
        {"2001:db8::/33", "2001:db8:7fff::1", "203.0.113.9", "203.0.113.9"},
        {"2001:db8::/33", "2001:db8:8000::1", "203.0.113.9", "2001:db8:8000::1"},
        {"0.0.0.0/0", "9.9.9.9", "8.8.8.8", "8.8.8.8"},
        {"", "127.0.0.1", "203.0.113.9", "127.0.0.1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_networks *proxies = api_networks_create(rows[i].trusted, NULL);
        char client[API_ADDRESS_TEXT_BYTES];
        assert_non_null(proxies);
        api_proxies_client(proxies, rows[i].peer, rows[i].forwarded, client);
        assert_string_equal(client, rows[i].client);
        api_networks_destroy(proxies);
    }
}

static void nobody_is_trusted_without_a_list(void **state)
{
    char client[API_ADDRESS_TEXT_BYTES];
    (void)state;
    api_proxies_client(NULL, "127.0.0.1", "203.0.113.9", client);
    assert_string_equal(client, "127.0.0.1");
}

static void bad_list_is_refused(void **state)
{
    static const char *const lists[] = {"localhost", "1.2.3",     "1.2.3.4/33", "1.2.3.4/",
                                        "::1/129",   "1.2.3.4/x", "1.2.3.4/-1", "127.0.0.1,,x"};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct osy_error err = {0};
        assert_null(api_networks_create(lists[i], &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_is_the_first_foreign_address_from_the_right),
        cmocka_unit_test(nobody_is_trusted_without_a_list),
        cmocka_unit_test(bad_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
