#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/pg_array.h"

/* array_recv()'s format: dimensions, has null, type, count, lower bound; then length and bytes each. */
static void an_array_is_what_postgresql_reads(void **state)
{
    static const unsigned char wire[] = {0, 0,  0, 1, 0,   0,   0,    1,    0,    0,
                                         0, 25, 0, 0, 0,   2,   0,    0,    0,    1,
                                         0, 0,  0, 2, 'h', 'i', 0xff, 0xff, 0xff, 0xff};
    struct osy_pg_array array = {0};
    int length = 0;
    (void)state;
    for (int round = 0; round < 2; round++) { /* it can be used again */
        osy_pg_array_begin(&array, OSY_PG_TEXT);
        osy_pg_array_add_text(&array, "hi");
        osy_pg_array_add_text(&array, NULL);
        const char *bytes = osy_pg_array_end(&array, &length);
        assert_int_equal(length, sizeof wire);
        assert_memory_equal(bytes, wire, sizeof wire);
    }
    osy_pg_array_deinit(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_what_postgresql_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
