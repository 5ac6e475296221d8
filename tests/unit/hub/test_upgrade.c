#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/upgrade.h"

#define RID     "01890000-0000-7000-8000-000000000001"
#define OID     "01900000-0000-7000-8000-000000000002"
#define ORIGINS "https://orders.example,http://127.0.0.1:8080"

static struct hub_upgrade good(void)
{
    return (struct hub_upgrade){
        .is_get = true,
        .path = "/ws/restaurants/" RID "/orders",
        .http_version = "HTTP/1.1",
        .host = "orders.example",
        .upgrade = "websocket",
        .connection = "keep-alive, Upgrade",
        .key = "dGhlIHNhbXBsZSBub25jZQ==",
        .version = "13",
        .protocols = "ordersync.v1",
    };
}

static int status_of(const struct hub_upgrade *request)
{
    struct hub_target target;
    struct hub_refusal refusal = {0};
    return hub_upgrade_check(request, ORIGINS, &target, &refusal) ? 101 : refusal.status;
}

static void a_proper_upgrade_passes(void **state)
{
    struct hub_upgrade request = good();
    (void)state;
    assert_int_equal(status_of(&request), 101);
    request.upgrade = "WebSocket";
    request.protocols = "other, ordersync.v1";
    assert_int_equal(status_of(&request), 101);
}

static void paths_name_their_target(void **state)
{
    struct hub_target target;
    char text[OSY_UUID_TEXT_BYTES];
    (void)state;
    assert_true(hub_target_parse("/ws/orders/" OID "/status", "r=" RID, &target));
    assert_int_equal(target.kind, OSY_POSITION_ORDER);
    osy_uuid_format(&target.order_id, text);
    assert_string_equal(text, OID);
    osy_uuid_format(&target.restaurant_id, text);
    assert_string_equal(text, RID);
}

static void a_dashboard_names_no_restaurant_in_its_path(void **state)
{
    struct hub_target target;
    (void)state;
    assert_true(hub_target_parse("/ws/dashboard", NULL, &target));
    assert_true(target.is_dashboard);
    assert_int_equal(target.kind, OSY_POSITION_RESTAURANT);
    assert_true(osy_uuid_is_nil(&target.restaurant_id));
    assert_true(hub_target_parse("/ws/restaurants/" RID "/orders", NULL, &target));
    assert_false(target.is_dashboard);
}

static void other_paths_are_refused(void **state)
{
    static const struct {
        const char *path, *query;
    } table[] = {
        {"/", NULL},
        {"", NULL},
        {"/ws", NULL},
        {"/ws/dashboard/", NULL},
        {"/ws/dashboard", "r=" RID},
        {"/ws/restaurants/" RID, NULL},
        {"/ws/restaurants/" RID "/orders/", NULL},
        {"/ws/restaurants/" RID "/orders", "r=" RID},
        {"/ws/restaurants//orders", NULL},
        {"/ws/restaurants/" RID "0/orders", NULL},
        {"/ws/restaurants/018900000000700080000000000000010000/orders", NULL},
        {"/WS/restaurants/" RID "/orders", NULL},
        {"/ws/orders/" OID "/status", NULL},
        {"/ws/orders/" OID "/status", "r="},
        {"/ws/orders/" OID "/status", "r=" RID "&r=" RID},
        {"/ws/orders/" OID "/status", "q=" RID},
        {"/ws/orders/" OID "/orders", "r=" RID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct hub_upgrade request = good();
        request.path = table[i].path;
        request.query = table[i].query;
        assert_int_equal(status_of(&request), 404);
    }
}

static void what_is_no_proper_upgrade_is_refused(void **state)
{
    struct hub_upgrade request;
    (void)state;
#define REFUSED(field, value, status)                  \
    do {                                               \
        request = good();                              \
        request.field = value;                         \
        assert_int_equal(status_of(&request), status); \
    } while (0)
    REFUSED(is_get, false, 405);
    REFUSED(upgrade, NULL, 426);
    REFUSED(upgrade, "h2c", 426);
    REFUSED(upgrade, "websocket, h2c", 426);
    REFUSED(version, NULL, 426);
    REFUSED(version, "8", 426);
    REFUSED(version, "13, 13", 426);
    REFUSED(http_version, "HTTP/1.0", 400);
    REFUSED(http_version, NULL, 400);
    REFUSED(host, NULL, 400);
    REFUSED(host, "", 400);
    REFUSED(host, "a,b", 400);
    REFUSED(connection, NULL, 400);
    REFUSED(connection, "keep-alive", 400);
    REFUSED(connection, "upgraded", 400);
    REFUSED(key, NULL, 400);
    REFUSED(key, "short==", 400);
    REFUSED(key, "dGhlIHNhbXBsZSBub25jZQ=", 400);
    REFUSED(key, "dGhlIHNhbXBsZSBub25j!Q==", 400);
    REFUSED(has_body, true, 400);
    REFUSED(protocols, NULL, 400);
    REFUSED(protocols, "ordersync.v2", 400);
    REFUSED(protocols, "ordersync.v11", 400);
    REFUSED(protocols, "ORDERSYNC.V1", 400);
#undef REFUSED
}

static void only_listed_origins_pass(void **state)
{
    static const struct {
        const char *origin;
        int status;
    } table[] = {
        {NULL, 101}, /* not a browser */
        {"https://orders.example", 101},
        {"http://127.0.0.1:8080", 101},
        {"", 403},
        {"null", 403},
        {"http://orders.example", 403},
        {"https://orders.example:443", 403},
        {"https://orders.example.evil", 403},
        {"https://evil.orders.example", 403},
        {"https://orders.exampl", 403},
        {"HTTPS://ORDERS.EXAMPLE", 403},
        {"https://orders.example/", 403},
        {"https://orders.example, https://evil", 403},
        {"https://orders.example,http://127.0.0.1:8080", 403},
        {"http://127.0.0.1", 403},
        {"\x7f", 403}, /* too long for its buffer */
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct hub_upgrade request = good();
        request.origin = table[i].origin;
        assert_int_equal(status_of(&request), table[i].status);
    }
}

static void a_bearer_token_is_taken_from_its_header(void **state)
{
    (void)state;
    assert_string_equal(hub_bearer_token("Bearer abc"), "abc");
    assert_string_equal(hub_bearer_token("bearer   abc"), "abc");
    assert_null(hub_bearer_token("Basic abc"));
    assert_null(hub_bearer_token("Bearer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proper_upgrade_passes),
        cmocka_unit_test(paths_name_their_target),
        cmocka_unit_test(a_dashboard_names_no_restaurant_in_its_path),
        cmocka_unit_test(other_paths_are_refused),
        cmocka_unit_test(what_is_no_proper_upgrade_is_refused),
        cmocka_unit_test(only_listed_origins_pass),
        cmocka_unit_test(a_bearer_token_is_taken_from_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
