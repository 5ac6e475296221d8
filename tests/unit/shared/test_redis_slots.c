#include "shared/redis_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "shared/redis_common.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct osy_redis_address asked = {"10.0.0.9", 7009};

/* ---- slots ---- */

/* As redis-cli's CLUSTER KEYSLOT has it; the first is CRC-16/XMODEM's check value, 0x31C3. */
static void slots_are_those_of_the_servers(void **state)
{
    static const struct {
        const char *key;
        uint16_t slot;
    } rows[] = {
        {"123456789", 0x31C3},    {"", 0},
        {"hello", 866},           {"foo", 12182},
        {"{hello}:log", 866},     {"os:{hello}:live", 866},
        {"os:{hello}{foo}", 866}, {"os:{hello", 14231},
        {"os:{}hello", 2922},     {"os:}hello{foo}", 12182},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(osy_redis_slot_of_key(rows[i].key, strlen(rows[i].key)), rows[i].slot);
}

static void all_names_of_a_restaurant_have_its_slot(void **state)
{
    static const char *const names[] = {"log", "live", "presence"};
    struct osy_uuid id = osy_uuid_v7();
    char text[OSY_UUID_TEXT_BYTES], name[64];
    (void)state;
    osy_uuid_format(&id, text);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(name, sizeof name, "os:{%s}:%s", text, names[i]);
        assert_int_equal(osy_redis_slot_of_key(name, strlen(name)), osy_redis_slot_of(&id));
    }
}

/* ---- redirections ---- */

static bool parse(const char *text, struct osy_redis_redirection *redirection)
{
    return osy_redis_redirection_parse(text, strlen(text), &asked, redirection);
}

static void redirections_are_read(void **state)
{
    static const struct {
        const char *text;
        bool is_ask;
        uint16_t slot;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"MOVED 3999 127.0.0.1:6381", false, 3999, "127.0.0.1", 6381},
        {"ASK 0 redis-3.example:1", true, 0, "redis-3.example", 1},
        {"MOVED 16383 ::1:65535", false, 16383, "::1", 65535},
        {"MOVED 5 :7000", false, 5, "10.0.0.9", 7000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct osy_redis_redirection redirection;
        assert_true(parse(rows[i].text, &redirection));
        assert_int_equal(redirection.is_ask, rows[i].is_ask);
        assert_int_equal(redirection.slot, rows[i].slot);
        assert_string_equal(redirection.address.host, rows[i].host);
        assert_int_equal(redirection.address.port, rows[i].port);
    }
}

static void other_errors_are_no_redirections(void **state)
{
    static const char *const rows[] = {
        "",
        "MOVED",
        "MOVED ",
        "MOVED 1",
        "MOVED 1 ",
        "MOVED 1 host",
        "MOVED 1 host:",
        "MOVED 1 host:0",
        "MOVED 1 host:65536",
        "MOVED 1 host:99999999999999999999",
        "MOVED 1 host:1x",
        "MOVED 16384 host:1",
        "MOVED -1 host:1",
        "MOVED x host:1",
        "MOVED 1 ?:1",
        "MOVED1 host:1",
        "moved 1 host:1",
        "ASKING 1 host:1",
        "CLUSTERDOWN Hash slot not served",
        "ERR MOVED 1 host:1",
    };
    struct osy_redis_redirection redirection;
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (parse(rows[i], &redirection))
            fail_msg("accepted: %s", rows[i]);
    }
    snprintf(text, sizeof text, "MOVED 1 %0300d:1", 7);
    assert_false(parse(text, &redirection));
    assert_true(osy_redis_is_cluster_down(rows[18], strlen(rows[18])));
    assert_false(osy_redis_is_cluster_down("CLUSTER", 7));
}

/* ---- tables ---- */

/* resp: of a server's answer, lines by blanks. */
static bool read_table(const char *resp, struct osy_redis_slots *slots, struct osy_error *err)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    for (const char *at = resp; *at; at++)
        redisReaderFeed(reader, *at == ' ' ? "\r\n" : at, *at == ' ' ? 2 : 1);
    redisReaderFeed(reader, "\r\n", 2);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    struct osy_redis_reply view = osy_redis_reply_view(reply);
    bool ok = osy_redis_slots_read(&view, &asked, slots, err);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return ok;
}

static const char *owner(const struct osy_redis_slots *slots, uint16_t slot)
{
    static char text[OSY_REDIS_ADDRESS_BYTES];
    if (slots->owners[slot] == OSY_REDIS_NO_NODE)
        return "nobody";
    osy_redis_address_format(&slots->nodes[slots->owners[slot]], text);
    return text;
}

static void tables_are_read(void **state)
{
    struct osy_redis_slots slots;
    struct osy_error err = {0};
    (void)state;
    assert_true(read_table("*3 "
                           "*4 :0 :5460 *4 $1 a :1 $2 id *0 *4 $1 b :9 $3 id2 *0 "
                           "*3 :5461 :5461 *2 $0  :2 "
                           "*3 :10923 :16383 *2 $-1 :3",
                           &slots, &err));
    assert_string_equal(owner(&slots, 0), "a:1");
    assert_string_equal(owner(&slots, 5460), "a:1");
    assert_string_equal(owner(&slots, 5461), "10.0.0.9:2");
    assert_string_equal(owner(&slots, 5462), "nobody");
    assert_string_equal(owner(&slots, 16383), "10.0.0.9:3");
    assert_int_equal(slots.slot_counts[slots.owners[0]], 5461);
}

static void bad_tables_are_refused(void **state)
{
    static const struct {
        const char *resp, *says;
    } rows[] = {
        {":1", "does not know its slots"},
        {"*0", "nobody has any slot"},
        {"*1 :1", "slots that do not exist"},
        {"*1 *3 :0 :16384 *2 $1 a :1", "slots that do not exist"},
        {"*1 *3 :-1 :1 *2 $1 a :1", "slots that do not exist"},
        {"*1 *3 :2 :1 *2 $1 a :1", "slots that do not exist"},
        {"*1 *3 $1 0 :1 *2 $1 a :1", "slots that do not exist"},
        {"*1 *2 :0 :1", "without an address"},
        {"*1 *3 :0 :1 *2 $1 ? :1", "without an address"},
        {"*1 *3 :0 :1 *2 $1 a :0", "without an address"},
        {"*1 *3 :0 :1 *2 $1 a :65536", "without an address"},
        {"*1 *3 :0 :1 *2 $1 a $1 1", "without an address"},
        {"*1 *3 :0 :1 *2 :1 :1", "without an address"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct osy_redis_slots slots;
        struct osy_error err = {0};
        if (read_table(rows[i].resp, &slots, &err))
            fail_msg("accepted: %s", rows[i].resp);
        assert_int_equal(err.code, OSY_ERR_INVALID);
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s: %s", rows[i].resp, err.message);
    }
}

static void a_table_has_room_for_16_nodes(void **state)
{
    char resp[1024] = "*17";
    struct osy_redis_slots slots;
    struct osy_error err = {0};
    (void)state;
    for (int i = 0; i <= OSY_REDIS_NODES_MAX; i++)
        sprintf(resp + strlen(resp), " *3 :%d :%d *2 $1 a :%d", i, i, i + 1);
    assert_false(read_table(resp, &slots, &err));
    assert_non_null(strstr(err.message, "more than 16"));
}

static void nodes_keep_their_places(void **state)
{
    struct osy_redis_slots slots, fresh;
    (void)state;
    osy_redis_slots_init(&slots);
    assert_true(read_table("*2 *3 :0 :9 *2 $1 a :1 *3 :10 :16383 *2 $1 b :2", &fresh, NULL));
    osy_redis_slots_merge(&slots, &fresh);
    size_t b = slots.owners[10];
    assert_true(read_table("*2 *3 :0 :99 *2 $1 c :3 *3 :100 :16383 *2 $1 b :2", &fresh, NULL));
    osy_redis_slots_merge(&slots, &fresh);
    assert_int_equal(slots.owners[16383], b);
    assert_string_equal(owner(&slots, 10), "c:3");
    assert_int_equal(slots.slot_counts[b], 16384 - 100);
    size_t count = 0; /* a is gone */
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++)
        count += slots.nodes[i].port != 0;
    assert_int_equal(count, 2);
}

static void a_slot_is_given_to_whom_a_redirection_names(void **state)
{
    const struct osy_redis_address other = {"c", 3};
    struct osy_redis_slots slots, fresh;
    (void)state;
    osy_redis_slots_init(&slots);
    assert_true(read_table("*1 *3 :0 :16383 *2 $1 a :1", &fresh, NULL));
    osy_redis_slots_merge(&slots, &fresh);
    size_t place = osy_redis_slots_give(&slots, 7, &other);
    assert_int_equal(slots.owners[7], place);
    assert_string_equal(owner(&slots, 7), "c:3");
    assert_string_equal(owner(&slots, 8), "a:1");
    osy_redis_slots_merge(&slots, &fresh); /* it may be older than the redirection */
    assert_string_equal(owner(&slots, 7), "a:1");
    assert_int_not_equal(osy_redis_slots_place(&slots, &other), OSY_REDIS_NO_NODE);
    osy_redis_slots_merge(&slots, &fresh);
    osy_redis_slots_merge(&slots, &fresh);
    for (size_t i = 0; i < OSY_REDIS_NODES_MAX; i++)
        assert_false(osy_redis_address_equal(&slots.nodes[i], &other));
}

static void a_full_table_has_no_place_left(void **state)
{
    struct osy_redis_address address = {"a", 0};
    struct osy_redis_slots slots;
    (void)state;
    osy_redis_slots_init(&slots);
    for (address.port = 1; address.port <= OSY_REDIS_NODES_MAX; address.port++)
        assert_int_not_equal(osy_redis_slots_place(&slots, &address), OSY_REDIS_NO_NODE);
    assert_int_equal(osy_redis_slots_give(&slots, 1, &address), OSY_REDIS_NO_NODE);
    assert_string_equal(owner(&slots, 1), "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_of_the_servers),
        cmocka_unit_test(all_names_of_a_restaurant_have_its_slot),
        cmocka_unit_test(redirections_are_read),
        cmocka_unit_test(other_errors_are_no_redirections),
        cmocka_unit_test(tables_are_read),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(a_table_has_room_for_16_nodes),
        cmocka_unit_test(nodes_keep_their_places),
        cmocka_unit_test(a_slot_is_given_to_whom_a_redirection_names),
        cmocka_unit_test(a_full_table_has_no_place_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
