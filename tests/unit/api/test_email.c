/* E-mail addresses: which are taken, and in which form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth/email.h"

static void an_address_has_one_form(void **state)
{
    static const char *const rows[][2] = {
        {"kim@example.com", "kim@example.com"},
        {"  Kim.Lee+Orders@Sub.Example.COM ", "kim.lee+orders@sub.example.com"},
        {"o'neil@xn--exmple-cua.com", "o'neil@xn--exmple-cua.com"},
    };
    char email[API_EMAIL_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(api_email_parse("email", rows[i][0], email, NULL));
        assert_string_equal(email, rows[i][1]);
    }
}

static void what_is_no_address_is_refused_by_the_name_of_its_field(void **state)
{
    static const char *const texts[] = {
        "",
        "@",
        "kim",
        "kim@",
        "@example.com",
        "kim@localhost",
        "kim@example..com",
        "kim@.example.com",
        "kim@example.com.",
        "kim@-example.com",
        ".kim@example.com",
        "kim.@example.com",
        "k..im@example.com",
        "a@b@example.com",
        "kim lee@example.com",
        "\"kim\"@example.com",
        "kim@exam_ple.com",
        "kim@example.com\nbcc: x@example.com",
        "k\xc3\xadm@example.com",
    };
    char email[API_EMAIL_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct osy_error err = {0};
        if (api_email_parse("owner.email", texts[i], email, &err))
            fail_msg("'%s' was taken", texts[i]);
        assert_non_null(strstr(err.message, "'owner.email'"));
    }
}

static void parts_have_their_lengths(void **state)
{
    char text[API_EMAIL_BYTES + 80], email[API_EMAIL_BYTES];
    (void)state;
    memset(text, 'a', sizeof text);
    strcpy(text + 64, "@example.com");
    assert_true(api_email_parse("email", text, email, NULL));
    memset(text, 'a', sizeof text);
    strcpy(text + 65, "@example.com");
    assert_false(api_email_parse("email", text, email, NULL));
    memset(text, 'a', sizeof text);
    text[1] = '@';
    strcpy(text + API_EMAIL_MAX - 3, ".com");
    assert_false(api_email_parse("email", text, email, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_form),
        cmocka_unit_test(what_is_no_address_is_refused_by_the_name_of_its_field),
        cmocka_unit_test(parts_have_their_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
