#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/base64url.h"
#include "shared/random.h"

static void the_vectors_of_rfc_4648_hold(void **state)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xBF", "-_-_"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].bytes), decoded = 99;
        char text[16];
        uint8_t bytes[16];

        osy_base64url_encode(cases[i].bytes, length, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(strlen(text), OSY_BASE64URL_LENGTH(length));
        assert_true(osy_base64url_decode(text, strlen(text), bytes, &decoded));
        assert_int_equal(decoded, length);
        assert_memory_equal(bytes, cases[i].bytes, length);
    }
}

static void every_byte_string_survives_its_text(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 300; length++) {
        uint8_t bytes[300], back[300];
        char text[OSY_BASE64URL_LENGTH(300) + 1];
        size_t decoded;

        osy_random_bytes(bytes, length);
        osy_base64url_encode(bytes, length, text);
        assert_int_equal(strlen(text), OSY_BASE64URL_LENGTH(length));
        assert_true(osy_base64url_decode(text, strlen(text), back, &decoded));
        assert_int_equal(decoded, length);
        assert_memory_equal(back, bytes, length);
    }
}

static void a_value_has_one_text_only(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[4];
    size_t accepted = 0, decoded;

    (void)state;
    /* One byte has 256 values; of the 4,096 texts of two characters just as many may be accepted. */
    for (size_t i = 0; i < 64; i++) {
        for (size_t j = 0; j < 64; j++) {
            const char text[2] = {alphabet[i], alphabet[j]};

            accepted += osy_base64url_decode(text, 2, bytes, &decoded);
        }
    }
    assert_int_equal(accepted, 256);
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {"Zg==", "Zm8=", "Z",  "Zm9vY", "Zm9v Yg",    "Zm9v\n",
                                        "Zm+v", "Zm/v", "Zh", "Zm9",   "Zm\xC3\xA9", "Zm9v.Zg"};
    uint8_t bytes[16];
    size_t decoded;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(osy_base64url_decode(texts[i], strlen(texts[i]), bytes, &decoded));
    assert_false(osy_base64url_decode("Zg\0v", 4, bytes, &decoded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648_hold),
        cmocka_unit_test(every_byte_string_survives_its_text),
        cmocka_unit_test(a_value_has_one_text_only),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
