#include "shared/redis_topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_cluster_is_told_by_its_scheme(void **state)
{
    (void)state;
    assert_true(osy_redis_topology_is_cluster("cluster://host:1"));
    assert_false(osy_redis_topology_is_cluster("redis://host:1"));
    assert_false(osy_redis_topology_is_cluster("a=cluster://host:1"));
}

static void seeds_are_checked_and_nothing_is_quoted(void **state)
{
    static const struct {
        const char *url, *says; /* NULL: it is good */
    } rows[] = {
        {"cluster://host:1", NULL},
        {"cluster://:hunter2@host:1;[::1]:2", NULL},
        {"cluster://user:hunter2%40@host:1", NULL},
        {"cluster://", "no valid host:port"},
        {"cluster://:hunter2@", "no valid host:port"},
        {"cluster://:hunter2@host:1;", "no valid host:port"},
        {"cluster://:hunter2@host:1;;other:2", "no valid host:port"},
        {"cluster://:hunter2@host:1;other", "no valid host:port"},
        {"cluster://:hunter2@host:1/0", "a cluster has none"},
        {"cluster://hunter2@host:1", "a user without a password"},
        {"cluster://:hunter2%zz@host:1", "percent-encoding"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct osy_error err = {0};
        bool ok = osy_redis_topology_check(rows[i].url, &err);
        if (ok != !rows[i].says)
            fail_msg("%s: %s", rows[i].url, err.message);
        if (!ok && (!strstr(err.message, rows[i].says) || strstr(err.message, "hunter2")))
            fail_msg("%s: %s", rows[i].url, err.message);
    }
}

static void nodes_have_user_and_password_of_the_cluster(void **state)
{
    static const struct {
        const char *url;
        struct osy_redis_address node;
        const char *node_url;
    } rows[] = {
        {"cluster://a:1;b:2", {"c", 3}, "redis://c:3"},
        {"cluster://:p%40@a:1", {"c", 3}, "redis://:p%40@c:3"},
        {"cluster://u:p@a:1;b:2", {"::1", 3}, "redis://u:p@[::1]:3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *url = osy_redis_topology_url_of(rows[i].url, &rows[i].node);
        assert_string_equal(url, rows[i].node_url);
        osy_redis_topology_url_free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_is_told_by_its_scheme),
        cmocka_unit_test(seeds_are_checked_and_nothing_is_quoted),
        cmocka_unit_test(nodes_have_user_and_password_of_the_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
