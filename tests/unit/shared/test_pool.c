#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/pool.h"

static void an_empty_pool_has_nothing(void **state)
{
    struct osy_pool pool = {.most = 2};

    (void)state;
    assert_null(osy_pool_take(&pool));
}

/* Whatever it keeps (nothing, when built with the address sanitizer) comes back once, and as it was. */
static void what_is_kept_comes_back_once(void **state)
{
    struct osy_pool pool = {.most = 2};
    int objects[3] = {1, 2, 3};
    bool kept[3];
    size_t count = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        kept[i] = osy_pool_give(&pool, &objects[i]);
    assert_int_equal(kept[0], kept[1]);
    assert_false(kept[2]);
    for (int *object; (object = osy_pool_take(&pool)) != NULL; count++) {
        assert_true(kept[object - objects]);
        assert_int_equal(*object, object - objects + 1);
        kept[object - objects] = false;
    }
    assert_true(count == 0 || count == 2);
    free(pool.objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_pool_has_nothing),
        cmocka_unit_test(what_is_kept_comes_back_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
