/* Who may do what: the permission table, a principal's scope, and tokens that become principals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth/authenticator.h"
#include "shared/keys.h"
#include "shared/metrics.h"
#include "shared/revocations.h"
#include "tests/unit/shared/key_folder.h"

#define NOW_S 1800000000

static void only_the_expected_roles_have_each_permission(void **state)
{
    static const struct {
        enum api_permission permission;
        const char *who; /* guest customer staff owner admin: a letter each, or - */
    } rows[] = {
        {API_PUBLIC, "gcsoa"},
        {API_PERM_ORDER_READ, "gcsoa"},
        {API_PERM_ORDER_LIST, "--soa"},
        {API_PERM_ORDER_WRITE, "--soa"},
        {API_PERM_ORDER_CANCEL, "gcsoa"},
        {API_PERM_ORDER_LIST_OWN, "-c---"},
        {API_PERM_ORDER_REPEAT, "gc---"},
        {API_PERM_ORDER_TIMELINE, "--soa"},
        {API_PERM_SETTINGS_READ, "--soa"},
        {API_PERM_SETTINGS_WRITE, "---oa"},
        {API_PERM_DEVICE_LIST, "--soa"},
        {API_PERM_RESTAURANT_OPERATE, "--soa"},
        {API_PERM_STAFF_MANAGE, "---oa"},
        {API_PERM_RESTAURANT_MANAGE, "---oa"},
        {API_PERM_TOKEN_REVOKE, "----a"},
        {API_PERM_ESCALATION_MANAGE, "---oa"},
        {API_PERM_AUDIT_READ, "---oa"},
        {API_PERM_ACCOUNT, "-csoa"},
        {API_PERM_MENU_READ, "--soa"},
        {API_PERM_MENU_MANAGE, "---oa"},
        {API_PERM_MENU_STOCK, "--soa"},
    };
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], API_PERMISSION_COUNT);
    for (size_t i = 0; i < API_PERMISSION_COUNT; i++) {
        const char *who = rows[i].who;
        enum api_permission permission = rows[i].permission;
        assert_int_equal(api_guest_has_permission(permission), who[0] != '-');
        for (enum osy_role role = OSY_ROLE_CUSTOMER; role <= OSY_ROLE_ADMIN; role++)
            assert_int_equal(api_role_has_permission(role, permission), who[role] != '-');
        assert_int_equal(api_role_has_permission(OSY_ROLE_NONE, permission),
                         permission == API_PUBLIC);
        assert_int_equal(api_principal_has(&api_principal_none, permission),
                         permission == API_PUBLIC);
    }
}

static void scope_is_own_restaurants_own_order_or_everything(void **state)
{
    const struct osy_uuid mine = {{1}}, other = {{2}}, order = {{3}}, other_order = {{4}},
                          nobody = {{0}};
    struct api_principal staff = {
        .kind = API_PRINCIPAL_USER,
        .claims = {.role = OSY_ROLE_STAFF, .restaurant_count = 1, .restaurants = {mine}}};
    struct api_principal admin = {.kind = API_PRINCIPAL_USER, .claims = {.role = OSY_ROLE_ADMIN}};
    struct api_principal guest = {.kind = API_PRINCIPAL_GUEST,
                                  .tracking = {.restaurant_id = mine, .order_id = order}};
    (void)state;
    assert_true(api_principal_covers_restaurant(&staff, &mine));
    assert_false(api_principal_covers_restaurant(&staff, &other));
    assert_true(api_principal_covers_order(&staff, &mine, &order, &nobody));
    assert_false(api_principal_covers_order(&staff, &other, &order, &nobody));
    assert_true(api_principal_covers_restaurant(&admin, &other));
    assert_true(api_principal_covers_order(&guest, &mine, &order, &nobody));
    assert_false(api_principal_covers_order(&guest, &mine, &other_order, &nobody));
    assert_false(api_principal_covers_order(&guest, &other, &order, &nobody));
    assert_false(api_principal_covers_restaurant(&guest, &mine));
    assert_false(api_principal_covers_order(&api_principal_none, &mine, &order, &nobody));
}

static void a_customer_has_the_orders_placed_with_the_account(void **state)
{
    const struct osy_uuid me = {{1}}, another = {{2}}, restaurant = {{3}}, order = {{4}},
                          nobody = {{0}};
    struct api_principal customer = {.kind = API_PRINCIPAL_USER,
                                     .claims = {.role = OSY_ROLE_CUSTOMER, .subject = me}};
    struct api_principal staff = {.kind = API_PRINCIPAL_USER,
                                  .claims = {.role = OSY_ROLE_STAFF, .subject = me}};
    struct api_principal nameless = {.kind = API_PRINCIPAL_USER,
                                     .claims = {.role = OSY_ROLE_CUSTOMER}};
    (void)state;
    assert_true(api_principal_covers_order(&customer, &restaurant, &order, &me));
    assert_false(api_principal_covers_order(&customer, &restaurant, &order, &another));
    assert_false(api_principal_covers_order(&customer, &restaurant, &order, &nobody));
    assert_false(api_principal_covers_order(&nameless, &restaurant, &order, &nobody));
    assert_false(api_principal_covers_order(&staff, &restaurant, &order, &me));
    assert_false(api_principal_covers_order(&api_principal_none, &restaurant, &order, &nobody));
}

/* ---- tokens ---- */

struct fixture {
    struct key_folder folder;
    struct osy_keyring *keyring;
    struct osy_metrics *metrics;
    struct osy_revocations *revocations;
    struct api_authenticator *authenticator;
};

static int set_up(void **state)
{
    static const enum osy_key_kind kinds[] = {OSY_KEY_JWT, OSY_KEY_TRACKING};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char kid[OSY_KID_BYTES];

    key_folder_make(&fixture->folder);
    for (size_t i = 0; i < 2; i++)
        assert_true(osy_keys_generate(fixture->folder.path, kinds[i], kid, NULL));
    fixture->keyring =
        osy_keyring_load(fixture->folder.path, OSY_KEYS_JWT_PRIVATE | OSY_KEYS_TRACKING, NULL);
    assert_non_null(fixture->keyring);
    fixture->metrics = osy_metrics_create();
    fixture->revocations = osy_revocations_create();
    fixture->authenticator =
        api_authenticator_create(fixture->keyring, fixture->revocations, 4, fixture->metrics);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    api_authenticator_destroy(fixture->authenticator);
    osy_revocations_destroy(fixture->revocations);
    osy_metrics_destroy(fixture->metrics);
    osy_keyring_destroy(fixture->keyring);
    key_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static char *sign(struct fixture *fixture, uint8_t subject, int64_t expires_at_s)
{
    struct osy_claims claims = {.role = OSY_ROLE_STAFF,
                                .subject = {{subject}},
                                .token_id = {{9}},
                                .issued_at_s = NOW_S,
                                .expires_at_s = expires_at_s,
                                .restaurant_count = 1,
                                .restaurants = {{{7}}}};
    char *token = osy_jwt_sign(fixture->keyring, &claims, NULL);
    assert_non_null(token);
    return token;
}

static struct api_principal *show(struct fixture *fixture, const char *token, int64_t now_s)
{
    struct osy_error err = {0};
    struct api_principal *principal =
        api_authenticate(fixture->authenticator, token, strlen(token), now_s, &err);
    assert_true(principal || err.code == OSY_ERR_DENIED);
    return principal;
}

static void access_token_makes_a_user_and_is_remembered_until_it_ends(void **state)
{
    struct fixture *fixture = *state;
    char *token = sign(fixture, 1, NOW_S + 60);
    struct api_principal *first = show(fixture, token, NOW_S);
    struct api_principal *second = show(fixture, token, NOW_S + 59);

    assert_non_null(first);
    assert_int_equal(first->kind, API_PRINCIPAL_USER);
    assert_string_equal(api_principal_role(first), "staff");
    assert_true(api_principal_covers_restaurant(first, &(struct osy_uuid){{7}}));
    assert_ptr_equal(first, second);
    assert_null(show(fixture, token, NOW_S + 60));
    api_principal_unref(first);
    api_principal_unref(second);
    free(token);
}

static void revoked_token_is_refused_although_it_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    char *revoked = sign(fixture, 41, NOW_S + 60), *other = sign(fixture, 42, NOW_S + 60);
    struct api_principal *principal = show(fixture, revoked, NOW_S);

    assert_non_null(principal);
    api_principal_unref(principal);
    assert_true(osy_revocations_add(fixture->revocations,
                                    &(struct osy_revocation){OSY_REVOCATION_USER, {{41}}, NOW_S}));
    assert_null(show(fixture, revoked, NOW_S));
    principal = show(fixture, other, NOW_S);
    assert_non_null(principal);
    api_principal_unref(principal);
    free(revoked);
    free(other);
}

static void altered_token_is_refused_although_the_good_one_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    char *token = sign(fixture, 1, NOW_S + 60);
    size_t length = strlen(token);

    api_principal_unref(show(fixture, token, NOW_S));
    for (size_t i = 0; i < length; i += 7) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_null(show(fixture, token, NOW_S));
        token[i] = kept;
    }
    free(token);
}

static void cache_is_bounded_and_stays_right_when_it_overflows(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 12 };
    char *tokens[COUNT];

    for (int i = 0; i < COUNT; i++)
        tokens[i] = sign(fixture, (uint8_t)(i + 1), NOW_S + 60);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            struct api_principal *principal = show(fixture, tokens[i], NOW_S);
            assert_non_null(principal);
            assert_int_equal(principal->claims.subject.bytes[0], i + 1);
            api_principal_unref(principal);
        }
    }
    for (int i = 0; i < COUNT; i++)
        free(tokens[i]);
}

static void tracking_token_makes_a_guest_of_one_order(void **state)
{
    struct fixture *fixture = *state;
    struct osy_uuid restaurant = osy_uuid_v7(), order = osy_uuid_v7(), nobody = {{0}};
    int64_t now_s = osy_uuid_v7_time_ms(&order) / 1000;
    char token[OSY_TRACKING_TOKEN_BYTES];
    struct api_principal *principal;

    osy_tracking_sign(fixture->keyring, &restaurant, &order, token);
    principal = show(fixture, token, now_s);
    assert_non_null(principal);
    assert_int_equal(principal->kind, API_PRINCIPAL_GUEST);
    assert_string_equal(api_principal_role(principal), "guest");
    assert_true(api_principal_covers_order(principal, &restaurant, &order, &nobody));
    api_principal_unref(principal);
    assert_null(show(fixture, token, now_s + OSY_TRACKING_LIFE_S + 1));
    token[strlen(token) - 2] ^= 1;
    assert_null(show(fixture, token, now_s));
}

static void nonsense_is_refused(void **state)
{
    static const char *const tokens[] = {"", ".", "..", "a.b.c", "ost1.", "ost1...", "ost1.a.b.c"};
    struct fixture *fixture = *state;
    char *large = malloc(100001);

    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assert_null(show(fixture, tokens[i], NOW_S));
    memset(large, 'a', 100000);
    large[100000] = '\0';
    assert_null(show(fixture, large, NOW_S));
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_expected_roles_have_each_permission),
        cmocka_unit_test(scope_is_own_restaurants_own_order_or_everything),
        cmocka_unit_test(a_customer_has_the_orders_placed_with_the_account),
        cmocka_unit_test(access_token_makes_a_user_and_is_remembered_until_it_ends),
        cmocka_unit_test(revoked_token_is_refused_although_it_is_remembered),
        cmocka_unit_test(altered_token_is_refused_although_the_good_one_is_remembered),
        cmocka_unit_test(cache_is_bounded_and_stays_right_when_it_overflows),
        cmocka_unit_test(tracking_token_makes_a_guest_of_one_order),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
