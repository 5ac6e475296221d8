#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/http_reader.h"

/* Feeds piece by piece until a reply is complete; *used: bytes of the text that belong to it. */
static const struct load_http_reply *read_reply(struct load_http_reader *reader, const char *text,
                                                size_t piece, size_t *used)
{
    const struct load_http_reply *reply = NULL;
    struct osy_error err;
    *used = 0;
    while (*used < strlen(text) && !reply) {
        size_t left = strlen(text) - *used, count = left < piece ? left : piece, taken;
        if (!load_http_reader_feed(reader, text + *used, count, &taken, &reply, &err))
            return NULL;
        *used += taken;
    }
    return reply;
}

static void a_reply_reads_the_same_however_it_is_cut(void **state)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    (void)state;
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct load_http_reader *reader = load_http_reader_create();
        size_t used;
        const struct load_http_reply *reply = read_reply(reader, text, piece, &used);
        assert_non_null(reply);
        assert_int_equal(reply->status, 503);
        assert_int_equal(reply->retry_after_s, 7);
        assert_true(reply->keep_alive);
        assert_string_equal(reply->body, "hello");
        load_http_reader_destroy(reader);
    }
}

static void chunks_are_joined_and_the_next_reply_starts_clean(void **state)
{
    struct load_http_reader *reader = load_http_reader_create();
    const struct load_http_reply *reply;
    size_t used;
    (void)state;
    reply = read_reply(reader,
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                       1000, &used);
    assert_non_null(reply);
    assert_string_equal(reply->body, "abcde");
    assert_false(reply->keep_alive);
    load_http_reader_reset(reader);
    reply = read_reply(reader, "HTTP/1.1 204 No Content\r\n\r\n", 1000, &used);
    assert_non_null(reply);
    assert_int_equal(reply->status, 204);
    assert_int_equal(reply->body_length, 0);
    load_http_reader_destroy(reader);
}

static void an_upgrade_leaves_the_first_frames_behind(void **state)
{
    static const char head[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char text[sizeof(head) + 8];
    (void)state;
    snprintf(text, sizeof(text), "%s\x81\x02hi", head);
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct load_http_reader *reader = load_http_reader_create();
        size_t used;
        const struct load_http_reply *reply = read_reply(reader, text, piece, &used);
        assert_non_null(reply);
        assert_int_equal(reply->status, 101);
        assert_string_equal(reply->websocket_accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_int_equal(used, sizeof(head) - 1);
        load_http_reader_destroy(reader);
    }
}

static void what_is_no_reply_is_refused(void **state)
{
    static const char *const cases[] = {
        "hello\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_http_reader *reader = load_http_reader_create();
        const struct load_http_reply *reply;
        struct osy_error err;
        size_t used;
        if (load_http_reader_feed(reader, cases[i], strlen(cases[i]), &used, &reply, &err))
            fail_msg("was taken: %s", cases[i]);
        assert_int_equal(err.code, OSY_ERR_INVALID);
        load_http_reader_destroy(reader);
    }
}

static void nobody_is_kept_away_for_longer_than_an_hour(void **state)
{
    static const struct {
        const char *value;
        uint32_t seconds;
    } cases[] = {{"7", 7},  {"3600", 3600}, {"99999999999999999999", 3600},
                 {"-1", 0}, {"7s", 0},      {"Sat, 21 Nov 2026 19:00:00 GMT", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct load_http_reader *reader = load_http_reader_create();
        char text[200];
        size_t used;
        snprintf(text, sizeof(text),
                 "HTTP/1.1 503 No\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", cases[i].value);
        const struct load_http_reply *reply = read_reply(reader, text, sizeof(text), &used);
        assert_non_null(reply);
        assert_int_equal(reply->retry_after_s, cases[i].seconds);
        load_http_reader_destroy(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_reads_the_same_however_it_is_cut),
        cmocka_unit_test(chunks_are_joined_and_the_next_reply_starts_clean),
        cmocka_unit_test(an_upgrade_leaves_the_first_frames_behind),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(nobody_is_kept_away_for_longer_than_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
