#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "hub/grants.h"
#include "shared/tracking_token.h"
#include "tests/unit/shared/key_folder.h"

enum { NOW_S = 1795000000, LIFE_S = 3600 };

static struct osy_keyring *keyring;
static struct osy_revocations *revocations;
static struct hub_target restaurant, order;

static int make_keys(void **state)
{
    struct key_folder folder;
    char kid[OSY_KID_BYTES];
    (void)state;
    key_folder_make(&folder);
    assert_true(osy_keys_generate(folder.path, OSY_KEY_JWT, kid, NULL));
    assert_true(osy_keys_generate(folder.path, OSY_KEY_TRACKING, kid, NULL));
    keyring = osy_keyring_load(folder.path, OSY_KEYS_JWT_PRIVATE | OSY_KEYS_TRACKING, NULL);
    key_folder_remove(&folder);
    assert_non_null(keyring);
    revocations = osy_revocations_create();
    restaurant =
        (struct hub_target){.kind = OSY_POSITION_RESTAURANT, .restaurant_id = osy_uuid_v7()};
    order = (struct hub_target){
        .kind = OSY_POSITION_ORDER,
        .restaurant_id = restaurant.restaurant_id,
        .order_id = osy_uuid_v7(),
    };
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    osy_revocations_destroy(revocations);
    osy_keyring_destroy(keyring);
    return 0;
}

static char *sign(enum osy_role role, const struct osy_uuid *restaurant_id)
{
    struct osy_claims claims = {
        .subject = osy_uuid_v4(),
        .token_id = osy_uuid_v4(),
        .role = role,
        .issued_at_s = NOW_S,
        .expires_at_s = NOW_S + LIFE_S,
        .restaurant_count = restaurant_id ? 1 : 0,
    };
    if (restaurant_id)
        claims.restaurants[0] = *restaurant_id;
    char *token = osy_jwt_sign(keyring, &claims, NULL);
    assert_non_null(token);
    return token;
}

static enum hub_grant_verdict check(struct hub_grants *grants, const char *token,
                                    const struct hub_target *target, int64_t now_s)
{
    struct hub_grant grant;
    return hub_grants_check(grants, token, strlen(token), target, now_s, &grant);
}

static void a_role_opens_what_it_covers(void **state)
{
    const struct osy_uuid foreign = osy_uuid_v7();
    const struct {
        enum osy_role role;
        const struct osy_uuid *restaurant_id;
        enum hub_grant_verdict verdict, of_order;
    } table[] = {
        {OSY_ROLE_STAFF, &restaurant.restaurant_id, HUB_GRANT_OK, HUB_GRANT_OK},
        {OSY_ROLE_OWNER, &restaurant.restaurant_id, HUB_GRANT_OK, HUB_GRANT_OK},
        {OSY_ROLE_ADMIN, NULL, HUB_GRANT_OK, HUB_GRANT_OK},
        {OSY_ROLE_STAFF, &foreign, HUB_GRANT_FORBIDDEN, HUB_GRANT_FORBIDDEN},
        {OSY_ROLE_OWNER, &foreign, HUB_GRANT_FORBIDDEN, HUB_GRANT_FORBIDDEN},
        {OSY_ROLE_CUSTOMER, NULL, HUB_GRANT_FORBIDDEN, HUB_GRANT_OK}, /* whose it is comes later */
    };
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 100);
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *token = sign(table[i].role, table[i].restaurant_id);
        for (int again = 0; again < 2; again++) { /* verified, then remembered */
            assert_int_equal(check(grants, token, &restaurant, NOW_S), table[i].verdict);
            assert_int_equal(check(grants, token, &order, NOW_S), table[i].of_order);
        }
        free(token);
    }
    hub_grants_destroy(grants);
}

static void a_remembered_token_ends_with_its_time(void **state)
{
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 100);
    char *token = sign(OSY_ROLE_STAFF, &restaurant.restaurant_id);
    (void)state;
    assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_OK);
    assert_int_equal(check(grants, token, &restaurant, NOW_S + LIFE_S - 1), HUB_GRANT_OK);
    assert_int_equal(check(grants, token, &restaurant, NOW_S + LIFE_S), HUB_GRANT_UNAUTHENTICATED);
    free(token);
    hub_grants_destroy(grants);
}

/* Also one that is remembered as good; whoever shows it again is told why. */
static void a_revoked_token_opens_nothing(void **state)
{
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 100);
    char *revoked = sign(OSY_ROLE_STAFF, &restaurant.restaurant_id);
    char *other = sign(OSY_ROLE_STAFF, &restaurant.restaurant_id);
    struct hub_grant grant;
    (void)state;
    assert_int_equal(hub_grants_check(grants, revoked, strlen(revoked), &restaurant, NOW_S, &grant),
                     HUB_GRANT_OK);
    assert_true(osy_revocations_add(
        revocations,
        &(struct osy_revocation){OSY_REVOCATION_USER, grant.credential.subject, NOW_S}));
    for (int again = 0; again < 2; again++)
        assert_int_equal(check(grants, revoked, &restaurant, NOW_S), HUB_GRANT_REVOKED);
    assert_int_equal(check(grants, other, &restaurant, NOW_S), HUB_GRANT_OK);
    free(revoked);
    free(other);
    hub_grants_destroy(grants);
}

static void an_altered_token_is_not_the_remembered_one(void **state)
{
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 100);
    char *token = sign(OSY_ROLE_STAFF, &restaurant.restaurant_id);
    (void)state;
    assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_OK);
    size_t middle = strlen(token) / 2;
    token[middle] = token[middle] == 'A' ? 'B' : 'A';
    assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_UNAUTHENTICATED);
    free(token);
    hub_grants_destroy(grants);
}

/* Under ASan this also shows that what is dropped is given back. */
static void the_cache_is_bounded(void **state)
{
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 2);
    (void)state;
    for (int i = 0; i < 6; i++) {
        char *token = sign(OSY_ROLE_ADMIN, NULL);
        assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_OK);
        assert_true(hub_grants_count(grants) <= 2);
        free(token);
    }
    hub_grants_destroy(grants);
}

static void a_token_whose_key_is_gone_opens_nothing_once_the_cache_is_empty(void **state)
{
    struct key_folder folder;
    char old_kid[OSY_KID_BYTES], new_kid[OSY_KID_BYTES], name[2 * OSY_KID_BYTES];
    bool is_changed = false;
    (void)state;
    key_folder_make(&folder);
    assert_true(osy_keys_generate(folder.path, OSY_KEY_JWT, old_kid, NULL));
    struct osy_keyring *shared = keyring; /* which `sign` uses */
    struct osy_keyring *own = keyring = osy_keyring_load(folder.path, OSY_KEYS_JWT_PRIVATE, NULL);
    struct hub_grants *grants = hub_grants_create(own, revocations, 100);
    char *token = sign(OSY_ROLE_ADMIN, NULL);
    keyring = shared;
    assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_OK);

    assert_true(osy_keys_generate(folder.path, OSY_KEY_JWT, new_kid, NULL));
    snprintf(name, sizeof name, "jwt-%s.key.pem", old_kid);
    key_folder_delete(&folder, name);
    snprintf(name, sizeof name, "jwt-%s.pub.pem", old_kid);
    key_folder_delete(&folder, name);
    assert_true(osy_keyring_reload(own, &is_changed, NULL));
    hub_grants_clear(grants);
    assert_int_equal(hub_grants_count(grants), 0);
    assert_int_equal(check(grants, token, &restaurant, NOW_S), HUB_GRANT_UNAUTHENTICATED);

    free(token);
    hub_grants_destroy(grants);
    osy_keyring_destroy(own);
    key_folder_remove(&folder);
}

static void a_tracking_token_opens_its_order_alone(void **state)
{
    struct hub_grants *grants = hub_grants_create(keyring, revocations, 100);
    char token[OSY_TRACKING_TOKEN_BYTES];
    int64_t now_s = osy_uuid_v7_time_ms(&order.order_id) / 1000;
    (void)state;
    osy_tracking_sign(keyring, &order.restaurant_id, &order.order_id, token);
    assert_int_equal(check(grants, token, &order, now_s), HUB_GRANT_OK);
    assert_int_equal(check(grants, token, &restaurant, now_s), HUB_GRANT_FORBIDDEN);
    struct hub_target other = order;
    other.order_id = osy_uuid_v7();
    assert_int_equal(check(grants, token, &other, now_s), HUB_GRANT_FORBIDDEN);
    other = order;
    other.restaurant_id = osy_uuid_v7();
    assert_int_equal(check(grants, token, &other, now_s), HUB_GRANT_FORBIDDEN);
    assert_int_equal(check(grants, token, &order, now_s + OSY_TRACKING_LIFE_S + 1),
                     HUB_GRANT_UNAUTHENTICATED);
    hub_grants_destroy(grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_opens_what_it_covers),
        cmocka_unit_test(a_remembered_token_ends_with_its_time),
        cmocka_unit_test(a_revoked_token_opens_nothing),
        cmocka_unit_test(an_altered_token_is_not_the_remembered_one),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(a_token_whose_key_is_gone_opens_nothing_once_the_cache_is_empty),
        cmocka_unit_test(a_tracking_token_opens_its_order_alone),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
