/* The second factor: codes as RFC 6238 has them, and recovery codes as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth/totp.h"

static const uint8_t secret[API_TOTP_SECRET_BYTES] =
    "12345678901234567890"; /* RFC 6238, appendix B */

static void codes_are_those_of_the_standard(void **state)
{
    static const struct {
        int64_t now_s;
        const char *code; /* the last six digits of the eight in the standard */
    } rows[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(api_totp_find_step(secret, rows[i].code, rows[i].now_s),
                         rows[i].now_s / 30);
}

static void a_code_is_good_a_step_early_or_late_and_no_more(void **state)
{
    const int64_t step = 1111111111 / 30;
    (void)state;
    for (int64_t away = -3; away <= 3; away++)
        assert_int_equal(api_totp_find_step(secret, "050471", 1111111111 + 30 * away),
                         away >= -1 && away <= 1 ? step : 0);
}

static void what_is_no_code_is_of_no_step(void **state)
{
    static const char *const texts[] = {"", "05047", "0504711", "abcdef", "05047 ", "-50471"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(api_totp_find_step(secret, texts[i], 1111111111), 0);
}

static void the_uri_has_the_secret_in_base32(void **state)
{
    struct osy_buffer uri = OSY_BUFFER_INIT;
    (void)state;
    api_totp_append_uri(&uri, secret, "a+b@example.com");
    assert_string_equal(uri.bytes, "otpauth://totp/OrderSync:a%2Bb%40example.com?"
                                   "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=OrderSync");
    osy_buffer_deinit(&uri);
}

static void recovery_codes_differ_and_are_read_however_they_are_typed(void **state)
{
    char code[API_RECOVERY_CODE_BYTES], other[API_RECOVERY_CODE_BYTES],
        read[API_RECOVERY_CODE_BYTES];
    (void)state;
    api_recovery_code_make(code);
    api_recovery_code_make(other);
    assert_string_not_equal(code, other);
    assert_int_equal(strlen(code), API_RECOVERY_CODE_BYTES - 1);
    assert_true(api_recovery_code_parse(code, read));
    assert_string_equal(read, code);
    assert_true(api_recovery_code_parse("ABCD efgh--jkmnPQRS ", read));
    assert_string_equal(read, "abcd-efgh-jkmn-pqrs");
}

static void what_is_no_recovery_code_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "abcd-efgh-jkmn-pqr",
                                        "abcd-efgh-jkmn-pqrst",
                                        "abcd-efgh-jkmn-pqr0",
                                        "abcd_efgh_jkmn_pqrs",
                                        "abcd-efgh-jkmn-pqr\xc3\xa9"};
    char read[API_RECOVERY_CODE_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(api_recovery_code_parse(texts[i], read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_the_standard),
        cmocka_unit_test(a_code_is_good_a_step_early_or_late_and_no_more),
        cmocka_unit_test(what_is_no_code_is_of_no_step),
        cmocka_unit_test(the_uri_has_the_secret_in_base32),
        cmocka_unit_test(recovery_codes_differ_and_are_read_however_they_are_typed),
        cmocka_unit_test(what_is_no_recovery_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
