#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/stats.h"

static struct load_stats one, other;

static void merging_adds_every_counter(void **state)
{
    (void)state;
    one = (struct load_stats){.lost = 1, .orders.accepted = 2, .sockets.live = 3, .behind = 4};
    other = (struct load_stats){.lost = 10,
                                .orders.accepted = 20,
                                .sockets.live = 30,
                                .behind = 40,
                                .sockets.oldest_view_ms = 7,
                                .sockets.last_error = "late",
                                .changes.refused[503] = 5};
    load_histogram_record(&other.to_socket[LOAD_PART_MARKED], 9);
    load_stats_merge(&one, &other);
    assert_int_equal(one.lost, 11);
    assert_int_equal(one.orders.accepted, 22);
    assert_int_equal(one.sockets.live, 33);
    assert_int_equal(one.behind, 44);
    assert_int_equal(one.sockets.oldest_view_ms, 7);
    assert_string_equal(one.sockets.last_error, "late");
    assert_int_equal(load_posts_refused(&one.changes), 5);
    assert_int_equal(one.to_socket[LOAD_PART_MARKED].total, 1);
}

static void close_codes_are_told_apart_and_merged(void **state)
{
    struct load_socket_counts *closes = &one.sockets;
    (void)state;
    one = other = (struct load_stats){.lost = 0};
    load_socket_counts_close(closes, 1006, 1);
    load_socket_counts_close(closes, 4008, 2);
    load_socket_counts_close(&other.sockets, 4008, 3);
    load_stats_merge(&one, &other);
    assert_int_equal(closes->closes[0].count, 1);
    assert_int_equal(closes->closes[1].code, 4008);
    assert_int_equal(closes->closes[1].count, 5);
    for (int code = 3000; code < 3100; code++)
        load_socket_counts_close(closes, code, 1);
    assert_int_equal(closes->closes[LOAD_CLOSE_CODES - 1].code, 0);
    assert_int_equal(closes->closes[LOAD_CLOSE_CODES - 1].count, 100 - (LOAD_CLOSE_CODES - 3));
}

static void one_lost_event_of_any_generator_is_no_good_run(void **state)
{
    (void)state;
    one = other = (struct load_stats){.lost = 0};
    assert_true(load_stats_are_good(&one));
    other.lost = 1;
    load_stats_merge(&one, &other);
    assert_false(load_stats_are_good(&one));
}

static void a_run_in_which_every_order_was_refused_is_no_good_run(void **state)
{
    (void)state;
    one = (struct load_stats){.orders.offered = 10};
    load_posts_refuse(&one.orders, 503);
    assert_false(load_stats_are_good(&one));
    one.orders.accepted = 1;
    assert_true(load_stats_are_good(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_adds_every_counter),
        cmocka_unit_test(close_codes_are_told_apart_and_merged),
        cmocka_unit_test(one_lost_event_of_any_generator_is_no_good_run),
        cmocka_unit_test(a_run_in_which_every_order_was_refused_is_no_good_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
