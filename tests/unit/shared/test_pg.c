#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/pg.h"

static void a_url_that_cannot_be_parsed_is_not_quoted(void **state)
{
    static const char *const urls[] = {"postgresql://user:hunter2%zz@host/db",
                                       "postgresql://user:hunter2@host:1:2/db?x", "hunter2"};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const struct osy_pg_options options = {.url = urls[i], .application_name = "test"};
        struct osy_pg *pg = osy_pg_create(&options);
        struct osy_error err = {0};

        assert_null(osy_pg_query(pg, "SELECT 1", 0, NULL, &err));
        assert_int_equal(err.code, OSY_ERR_INVALID);
        assert_null(strstr(err.message, "hunter2"));
        osy_pg_destroy(pg);
    }
}

static void a_server_that_is_not_there_is_an_io_error_each_time(void **state)
{
    const struct osy_pg_options options = {
        .url = "postgresql://user:hunter2@/db?host=/nonexistent&options=-c%20work_mem%3D1MB",
        .read_only = true,
    };
    struct osy_pg *pg = osy_pg_create(&options);

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct osy_error err = {0};

        assert_null(osy_pg_connection(pg, &err));
        assert_int_equal(err.code, OSY_ERR_IO);
        assert_non_null(strstr(err.message, "/nonexistent"));
        assert_null(strstr(err.message, "hunter2"));
        assert_null(strchr(err.message, '\n'));
        assert_null(osy_pg_prepare(pg, "SELECT 1", 0, &err));
    }
    osy_pg_reset(pg);
    osy_pg_destroy(pg);
}

static void a_failure_without_a_server_s_words_is_an_io_error(void **state)
{
    struct osy_error err = {0};

    (void)state;
    assert_false(osy_pg_error(NULL, NULL, &err));
    assert_int_equal(err.code, OSY_ERR_IO);
    assert_false(osy_pg_error(NULL, NULL, NULL));
    osy_pg_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_that_cannot_be_parsed_is_not_quoted),
        cmocka_unit_test(a_server_that_is_not_there_is_an_io_error_each_time),
        cmocka_unit_test(a_failure_without_a_server_s_words_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
