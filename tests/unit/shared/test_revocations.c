#include "shared/revocations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/jwt.h"

enum { NOW_S = 1800000000 };

static const struct osy_uuid user = {{1}}, other_user = {{2}}, session = {{3}},
                             other_session = {{4}};

static struct osy_revocation of_user(int64_t revoked_at_s)
{
    return (struct osy_revocation){OSY_REVOCATION_USER, user, revoked_at_s};
}

static bool covers(const struct osy_revocations *set, struct osy_uuid subject,
                   struct osy_uuid session_id, int64_t issued_at_s)
{
    return osy_revocations_cover(set, &(struct osy_credential){.subject = subject,
                                                               .session_id = session_id,
                                                               .issued_at_s = issued_at_s});
}

static void a_user_is_revoked_up_to_a_second(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_revocation revocation = of_user(NOW_S);
    (void)state;
    assert_false(covers(set, user, session, NOW_S));
    assert_true(osy_revocations_add(set, &revocation));
    assert_true(covers(set, user, session, NOW_S - 1));
    assert_true(covers(set, user, (struct osy_uuid){{0}}, NOW_S));
    assert_false(covers(set, user, session, NOW_S + 1));
    assert_false(covers(set, other_user, session, NOW_S - 1));
    assert_false(covers(set, other_user, user, NOW_S - 1)); /* the same UUID as a session's */
    osy_revocations_destroy(set);
}

static void a_session_is_revoked_for_good(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_revocation revocation = {OSY_REVOCATION_SESSION, session, NOW_S};
    (void)state;
    assert_true(osy_revocations_add(set, &revocation));
    assert_true(covers(set, user, session, NOW_S - 1));
    assert_true(covers(set, user, session, NOW_S + 1000));
    assert_false(covers(set, user, other_session, NOW_S - 1));
    assert_false(covers(set, session, other_session, NOW_S - 1));
    osy_revocations_destroy(set);
}

static void nobody_cannot_be_revoked(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_uuid nil = {{0}};
    (void)state;
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++)
        assert_false(osy_revocations_add(
            set, &(struct osy_revocation){(enum osy_revocation_kind)kind, nil, NOW_S}));
    assert_false(covers(set, nil, nil, NOW_S - 1));
    osy_revocations_destroy(set);
}

/* What is told twice, or late, changes nothing; what moves the moment on does. */
static void only_news_are_news(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_revocation first = of_user(NOW_S), later = of_user(NOW_S + 10);
    (void)state;
    assert_true(osy_revocations_add(set, &first));
    assert_false(osy_revocations_add(set, &first));
    assert_true(osy_revocations_add(set, &later));
    assert_false(osy_revocations_add(set, &first));
    assert_true(covers(set, user, session, NOW_S + 10));
    assert_int_equal(osy_revocations_count(set), 1);
    osy_revocations_destroy(set);
}

static void it_is_forgotten_when_no_token_from_before_can_live(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_revocation old = of_user(NOW_S);
    const struct osy_revocation young = {OSY_REVOCATION_USER, other_user, NOW_S + 100};
    (void)state;
    assert_true(osy_revocations_add(set, &old));
    assert_true(osy_revocations_add(set, &young));
    osy_revocations_forget(set, NOW_S + OSY_JWT_LIFE_MAX_S);
    assert_true(covers(set, user, session, NOW_S));
    osy_revocations_forget(set, NOW_S + OSY_JWT_LIFE_MAX_S + 1);
    assert_false(covers(set, user, session, NOW_S));
    assert_true(covers(set, other_user, session, NOW_S));
    assert_int_equal(osy_revocations_count(set), 1);
    osy_revocations_destroy(set);
}

/* One that was moved on is as young as its new moment. */
static void a_renewed_one_is_remembered_from_its_new_moment(void **state)
{
    struct osy_revocations *set = osy_revocations_create();
    const struct osy_revocation first = of_user(NOW_S), later = of_user(NOW_S + 1000);
    const struct osy_revocation between = {OSY_REVOCATION_USER, other_user, NOW_S + 500};
    (void)state;
    assert_true(osy_revocations_add(set, &first));
    assert_true(osy_revocations_add(set, &between));
    assert_true(osy_revocations_add(set, &later));
    osy_revocations_forget(set, NOW_S + OSY_JWT_LIFE_MAX_S + 600);
    assert_true(covers(set, user, session, NOW_S + 1000));
    assert_false(covers(set, other_user, session, NOW_S));
    osy_revocations_destroy(set);
}

static void a_message_tells_what_was_put_into_it(void **state)
{
    (void)state;
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++) {
        const struct osy_revocation revocation = {(enum osy_revocation_kind)kind, osy_uuid_v4(),
                                                  NOW_S};
        struct osy_revocation read;
        char text[OSY_REVOCATION_TEXT_BYTES];
        osy_revocation_format(&revocation, text);
        assert_true(osy_revocation_parse(text, strlen(text), &read));
        assert_int_equal(read.kind, revocation.kind);
        assert_true(osy_uuid_equal(&read.id, &revocation.id));
        assert_int_equal(read.revoked_at_s, NOW_S);
    }
}

static void a_message_that_is_none_is_refused(void **state)
{
#define ID "6c0f0000-0000-4000-8000-000000000001"
    static const char *const texts[] = {
        "",
        "user",
        "user ",
        "user " ID,
        "user " ID " ",
        "user " ID " x",
        "user " ID " -1",
        "user " ID " 1 ",
        "user " ID " 18000000000000",
        "user " ID "01800000000",
        "user  " ID " 1800000000",
        "users " ID " 1800000000",
        "User " ID " 1800000000",
        " " ID " 1800000000",
        "user 6c0f0000-0000-4000-8000-00000000000g 1800000000",
    };
    struct osy_revocation read;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        /* Exactly as long as it is, so that a sanitizer sees a read beyond. */
        size_t length = strlen(texts[i]);
        char *text = malloc(length > 0 ? length : 1);
        memcpy(text, texts[i], length);
        assert_false(osy_revocation_parse(text, length, &read));
        free(text);
    }
    assert_true(osy_revocation_parse("user " ID " 1800000000", 52, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_revoked_up_to_a_second),
        cmocka_unit_test(a_session_is_revoked_for_good),
        cmocka_unit_test(nobody_cannot_be_revoked),
        cmocka_unit_test(only_news_are_news),
        cmocka_unit_test(it_is_forgotten_when_no_token_from_before_can_live),
        cmocka_unit_test(a_renewed_one_is_remembered_from_its_new_moment),
        cmocka_unit_test(a_message_tells_what_was_put_into_it),
        cmocka_unit_test(a_message_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
