/* Webhooks: which URLs are taken, and how a message is signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/escalation/webhook_client.h"
#include "api/escalation/webhook_signature.h"

static void only_public_https_urls_are_taken(void **state)
{
    static const char *const good[] = {
        "https://example.com",        "https://example.com/hooks/orders?shop=1",
        "https://example.com:443/",   "https://example.com:8443/a",
        "https://EXAMPLE.com/",       "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    };
    static const char *const bad[] = {
        "",
        "example.com",
        "/hooks",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://",
        "https://example.com:80/",
        "https://example.com:6379/",
        "https://example.com:0/",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://exam ple.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00::1]/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct osy_error err = {0};
        if (!api_webhook_check_url(good[i], false, &err))
            fail_msg("refused: %s: %s", good[i], err.message);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct osy_error err = {0};
        if (api_webhook_check_url(bad[i], false, &err))
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_non_null(strstr(err.message, "'url'"));
    }
}

static void tests_on_one_machine_may_use_more(void **state)
{
    (void)state;
    assert_true(api_webhook_check_url("http://127.0.0.1:9000/hook", true, NULL));
    assert_true(api_webhook_check_url("http://[::1]:9000/hook", true, NULL));
    assert_false(api_webhook_check_url("file:///etc/passwd", true, NULL));
    assert_false(api_webhook_check_url("http://user@127.0.0.1/", true, NULL));
}

/* The value was computed with `openssl dgst -sha256 -mac HMAC`. */
static void a_signature_covers_time_delivery_and_body(void **state)
{
    static const char body[] = "{\"order_id\":\"1\"}";
    static const char delivery[] = "6c0f0000-0000-4000-8000-000000000001";
    uint8_t secret[API_WEBHOOK_SECRET_BYTES];
    char signature[API_WEBHOOK_SIGNATURE_BYTES], other[API_WEBHOOK_SIGNATURE_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    api_webhook_sign(secret, 1769860800, delivery, body, strlen(body), signature);
    assert_string_equal(
        signature,
        "t=1769860800,v1=2c83819f3b824e6873fd68f1591d4e0f207ed3810e23748cf1bff512ecb1fecb");
    api_webhook_sign(secret, 1769860801, delivery, body, strlen(body), other);
    assert_string_not_equal(signature + 13, other + 13);
    api_webhook_sign(secret, 1769860800, delivery, body, strlen(body) - 1, other);
    assert_string_not_equal(signature, other);
    secret[31] ^= 1;
    api_webhook_sign(secret, 1769860800, delivery, body, strlen(body), other);
    assert_string_not_equal(signature, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_public_https_urls_are_taken),
        cmocka_unit_test(tests_on_one_machine_may_use_more),
        cmocka_unit_test(a_signature_covers_time_delivery_and_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
