#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/receipt.h"

#define ID "01900000-0000-7000-8000-000000000001"
#define RECEIPT(id, version, token, position)                                        \
    "{\"order\":{\"order_id\":" id ",\"status\":\"created\",\"version\":" version    \
    ",\"items\":[{\"order_id\":\"x\",\"version\":9}]},\"tracking_token\":" token "," \
    "\"position\":" position "}"
#define SIXTEEN    "0123456789abcdef"
#define SIXTY_FOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static struct load_receipt read(const char *body)
{
    struct load_receipt receipt;
    load_receipt_read(&receipt, body, strlen(body));
    return receipt;
}

static void a_receipt_names_order_version_token_and_position(void **state)
{
    struct load_receipt receipt = read(RECEIPT("\"" ID "\"", "1", "\"t\"", "\"p\""));
    (void)state;
    assert_int_equal(receipt.version, 1);
    assert_int_equal(receipt.order_id.bytes[15], 1);
    assert_string_equal(receipt.token, "t");
    assert_string_equal(receipt.position, "p");
}

/* \u0074 is a "t" that only the parser reads. */
static void an_escape_changes_nothing(void **state)
{
    struct load_receipt receipt = read(RECEIPT("\"" ID "\"", "2", "\"\\u0074\"", "\"p\""));
    (void)state;
    assert_int_equal(receipt.version, 2);
    assert_int_equal(receipt.order_id.bytes[15], 1);
    assert_string_equal(receipt.token, "t");
    assert_string_equal(receipt.position, "p");
}

static void an_order_without_token_or_position_is_still_one(void **state)
{
    static const char *const bodies[] = {
        RECEIPT("\"" ID "\"", "1", "null", "1"),
        RECEIPT("\"" ID "\"", "1", "\"" SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR "\"",
                "\"" SIXTY_FOUR "\""),
        "{\"order\":{\"order_id\":\"" ID "\",\"version\":1}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct load_receipt receipt = read(bodies[i]);
        assert_int_equal(receipt.version, 1);
        assert_string_equal(receipt.token, "");
        assert_string_equal(receipt.position, "");
    }
}

static void what_names_no_order_is_none(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"order\":1}",
        RECEIPT("\"x\"", "1", "\"t\"", "\"p\""),
        RECEIPT("7", "1", "\"t\"", "\"p\""),
        RECEIPT("\"" ID "\"", "0", "\"t\"", "\"p\""),
        RECEIPT("\"" ID "\"", "9", "\"t\"", "\"p\""),
        RECEIPT("\"" ID "\"", "\"1\"", "\"t\"", "\"p\""),
        RECEIPT("\"" ID "\"", "1.0", "\"t\"", "\"p\""),
        RECEIPT("\"" ID "\"", "1", "\"t\"", "\"p\"") "}",
        RECEIPT("\"" ID "\"", "1,\"version\":1", "\"t\"", "\"p\""),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        if (read(bodies[i]).version != 0)
            fail_msg("was taken: %s", bodies[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_names_order_version_token_and_position),
        cmocka_unit_test(an_escape_changes_nothing),
        cmocka_unit_test(an_order_without_token_or_position_is_still_one),
        cmocka_unit_test(what_names_no_order_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
