/* Watching a folder of keys: what a look at the folder alone would miss. */
#include "shared/key_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "tests/unit/shared/key_folder.h"

struct fixture {
    uv_loop_t loop;
    struct key_folder folder;
    struct osy_keyring *keyring;
    struct osy_key_watch *watch;
    int changes, failures; /* told since the last wait */
};

static void on_changed(void *context, const struct osy_error *err)
{
    struct fixture *fixture = context;
    if (err)
        fixture->failures++;
    else
        fixture->changes++;
}

static void setup(struct fixture *fixture)
{
    char kid[OSY_KID_BYTES];
    *fixture = (struct fixture){0};
    key_folder_make(&fixture->folder);
    assert_true(osy_keys_generate(fixture->folder.path, OSY_KEY_TRACKING, kid, NULL));
    fixture->keyring = osy_keyring_load(fixture->folder.path, OSY_KEYS_TRACKING, NULL);
    assert_non_null(fixture->keyring);
    uv_loop_init(&fixture->loop);
    fixture->watch = osy_key_watch_create(&fixture->loop, fixture->keyring, on_changed, fixture);
}

static void teardown(struct fixture *fixture)
{
    osy_key_watch_destroy(fixture->watch);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    osy_keyring_destroy(fixture->keyring);
    key_folder_remove(&fixture->folder);
}

static void wait_for(struct fixture *fixture, const int *count)
{
    fixture->changes = fixture->failures = 0;
    while (*count == 0)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void a_key_that_came_before_the_first_look_is_found(void **state)
{
    (void)state;
    struct fixture fixture;
    char kid[OSY_KID_BYTES];
    setup(&fixture);
    assert_true(osy_keys_generate(fixture.folder.path, OSY_KEY_TRACKING, kid, NULL));
    wait_for(&fixture, &fixture.changes);
    assert_int_equal(osy_keyring_count(fixture.keyring, OSY_KEY_TRACKING), 2);
    teardown(&fixture);
}

/* The folder itself has not changed when the file in it has. */
static void a_broken_key_is_read_again_once_it_is_mended(void **state)
{
    (void)state;
    struct fixture fixture;
    setup(&fixture);
    key_folder_write(&fixture.folder, "tracking-zz.key", "broken", 0600);
    wait_for(&fixture, &fixture.failures);
    key_folder_write(&fixture.folder, "tracking-zz.key",
                     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
    wait_for(&fixture, &fixture.changes);
    assert_non_null(osy_keyring_find(fixture.keyring, OSY_KEY_TRACKING, "zz", 2));
    teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_came_before_the_first_look_is_found),
        cmocka_unit_test(a_broken_key_is_read_again_once_it_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
