#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/clock.h"
#include "shared/random.h"
#include "shared/uuid.h"

static void the_examples_of_rfc_9562_are_read(void **state)
{
    static const char v7[] = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"; /* appendix A.6 */
    static const char v4[] = "919108f7-52d1-4320-9bac-f847db4148a8"; /* appendix A.3 */
    char text[OSY_UUID_TEXT_BYTES];
    struct osy_uuid uuid;

    (void)state;
    assert_true(osy_uuid_parse(v7, strlen(v7), &uuid));
    assert_int_equal(osy_uuid_v7_time_ms(&uuid), 0x017F22E279B0);
    osy_uuid_format(&uuid, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_true(osy_uuid_parse(v4, strlen(v4), &uuid));
    assert_int_equal(osy_uuid_v7_time_ms(&uuid), 0);
    osy_uuid_format(&uuid, text);
    assert_string_equal(text, v4);
}

static void every_uuid_survives_its_text(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct osy_uuid uuid, back;
        char text[OSY_UUID_TEXT_BYTES];

        osy_random_bytes(uuid.bytes, sizeof uuid.bytes);
        osy_uuid_format(&uuid, text);
        assert_int_equal(strlen(text), 36);
        assert_true(osy_uuid_parse(text, 36, &back));
        assert_true(osy_uuid_equal(&uuid, &back));
    }
}

static void version_7_ascends_and_carries_its_time(void **state)
{
    struct osy_uuid before = {{0}};
    int64_t begun_ms = osy_clock_wall_ms();

    (void)state;
    for (int i = 0; i < 50000; i++) {
        struct osy_uuid uuid = osy_uuid_v7();

        assert_true(memcmp(before.bytes, uuid.bytes, OSY_UUID_BYTES) < 0);
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
        assert_true(osy_uuid_v7_time_ms(&uuid) >= begun_ms);
        before = uuid;
    }
}

static void version_4_has_its_marks_and_repeats_nothing(void **state)
{
    struct osy_uuid first = osy_uuid_v4(), second = osy_uuid_v4();

    (void)state;
    assert_int_equal(first.bytes[6] >> 4, 4);
    assert_int_equal(first.bytes[8] >> 6, 2);
    assert_false(osy_uuid_equal(&first, &second));
    assert_false(osy_uuid_is_nil(&first));
}

static void other_forms_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4dc0c0c0-7398f",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "+17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    };
    struct osy_uuid uuid = {{0}};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(osy_uuid_parse(texts[i], strlen(texts[i]), &uuid));
    assert_true(osy_uuid_is_nil(&uuid)); /* what is refused leaves no trace */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_9562_are_read),
        cmocka_unit_test(every_uuid_survives_its_text),
        cmocka_unit_test(version_7_ascends_and_carries_its_time),
        cmocka_unit_test(version_4_has_its_marks_and_repeats_nothing),
        cmocka_unit_test(other_forms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
