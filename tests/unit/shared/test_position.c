#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/base64url.h"
#include "shared/position.h"
#include "shared/random.h"

static void every_position_survives_its_text(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct osy_position position = {
            .kind = i % 2 ? OSY_POSITION_RESTAURANT : OSY_POSITION_ORDER,
            .number = 1 + osy_random_below(INT64_MAX),
            .event_id = osy_uuid_v4(),
        };
        struct osy_position back;
        char text[OSY_POSITION_TEXT_BYTES];

        osy_position_format(&position, text);
        assert_int_equal(strlen(text), OSY_POSITION_TEXT_BYTES - 1);
        assert_true(osy_position_parse(text, strlen(text), &back));
        assert_int_equal(back.kind, position.kind);
        assert_true(back.number == position.number);
        assert_true(osy_uuid_equal(&back.event_id, &position.event_id));
    }
}

static void a_known_position_has_a_known_text(void **state)
{
    struct osy_position position = {.kind = OSY_POSITION_RESTAURANT, .number = 0x2A};
    char text[OSY_POSITION_TEXT_BYTES];

    (void)state;
    memset(position.event_id.bytes, 0xFF, OSY_UUID_BYTES);
    osy_position_format(&position, text);
    assert_string_equal(text, "AQAAAAAAAAAq_____________________w");
}

static void the_position_before_the_first_event_has_no_event_id(void **state)
{
    struct osy_position position = {.kind = OSY_POSITION_ORDER};
    char text[OSY_POSITION_TEXT_BYTES];

    (void)state;
    osy_position_format(&position, text);
    assert_true(osy_position_parse(text, strlen(text), &position));
    position.event_id = osy_uuid_v4();
    osy_position_format(&position, text);
    assert_false(osy_position_parse(text, strlen(text), &position));
    position = (struct osy_position){.kind = OSY_POSITION_ORDER, .number = 1};
    osy_position_format(&position, text);
    assert_false(osy_position_parse(text, strlen(text), &position));
}

static void other_texts_are_refused(void **state)
{
    static const struct {
        uint8_t kind, highest_byte;
    } forged[] = {{0, 0}, {3, 0}, {255, 0}, {1, 0x80}, {2, 0xFF}};
    struct osy_position position = {.kind = OSY_POSITION_ORDER, .number = 7};
    char text[OSY_POSITION_TEXT_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        uint8_t bytes[25] = {forged[i].kind, forged[i].highest_byte};

        bytes[8] = bytes[24] = 1;
        osy_base64url_encode(bytes, sizeof bytes, text);
        assert_false(osy_position_parse(text, strlen(text), &position));
    }
    position.event_id = osy_uuid_v4();
    osy_position_format(&position, text);
    for (size_t length = 0; length < 34; length++)
        assert_false(osy_position_parse(text, length, &position));
    text[34] = 'A';
    assert_false(osy_position_parse(text, 35, &position));
    text[33] = '=';
    assert_false(osy_position_parse(text, 34, &position));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_position_survives_its_text),
        cmocka_unit_test(a_known_position_has_a_known_text),
        cmocka_unit_test(the_position_before_the_first_event_has_no_event_id),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
