/* Idempotency of handlers on workers, against a real PostgreSQL: requests made by hand, an effect that can be counted. */
#include "api/db/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/request_internal.h"
#include "shared/keys.h"
#include "shared/pg.h"
#include "tests/integration/writer/database.h"
#include "tests/unit/shared/key_folder.h"

enum { RACERS = 50 };

/* The effect: a row that names who it is for. */
#define EFFECT "INSERT INTO effects (name) VALUES ($1)"
#define REPLY  "{\"secret\":\"MARK\"}"

struct fixture {
    struct key_folder folder;
    struct osy_keyring *keyring;
    struct api_context context;
    struct api_worker worker;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char kid[OSY_KID_BYTES];
    key_folder_make(&fixture->folder);
    assert_true(osy_keys_generate(fixture->folder.path, OSY_KEY_DATA, kid, NULL));
    fixture->keyring = osy_keyring_load(fixture->folder.path, OSY_KEYS_DATA, NULL);
    assert_non_null(fixture->keyring);
    fixture->context.keyring = fixture->keyring;
    fixture->worker.context = &fixture->context;
    fixture->worker.pg =
        osy_pg_create(&(struct osy_pg_options){.url = database_url(), .application_name = "test"});
    PQclear(database_query(fixture->worker.pg, "CREATE TABLE effects (name text)", 0, NULL));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    PQclear(database_query(fixture->worker.pg, "DROP TABLE effects", 0, NULL));
    osy_pg_destroy(fixture->worker.pg);
    osy_keyring_destroy(fixture->keyring);
    key_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

/* What a test says of a request. */
struct call {
    const char *key; /* NULL: no header */
    const char *body;
    struct osy_uuid user; /* nil: a guest without a token */
    const char *path;     /* NULL: "/things" */
};

static void add_header(struct api_request *request, const char *name, const char *value)
{
    struct api_request_header *header = &request->headers[request->header_count++];
    header->name = (uint32_t)request->head.length;
    osy_buffer_append(&request->head, name, strlen(name) + 1);
    header->value = (uint32_t)request->head.length;
    osy_buffer_append(&request->head, value, strlen(value) + 1);
}

/* As it comes to a handler on a worker: its reply stays in it. */
static struct api_request *make_request(const struct call *call)
{
    static const struct api_route route = {.method = "POST", .path = "/things"};
    struct api_request *request = api_request_create();
    request->on_worker = true;
    request->method = "POST";
    request->route = &route;
    request->path = call->path ? call->path : route.path;
    osy_buffer_text(&request->body, call->body);
    if (call->key)
        add_header(request, "idempotency-key", call->key);
    if (osy_uuid_is_nil(&call->user))
        return request;
    request->principal = calloc(1, sizeof *request->principal);
    *request->principal = (struct api_principal){
        .references = 1,
        .kind = API_PRINCIPAL_USER,
        .claims = {.role = OSY_ROLE_OWNER, .subject = call->user},
    };
    return request;
}

/* The handler under test. */
static void handle(struct api_worker *worker, struct api_request *request, const char *name)
{
    struct api_db_scope scope;
    struct api_idempotency once;
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    api_db_scope_fill(&scope, request, NULL);
    if (!api_idempotency_begin(&once, worker, request, &scope))
        return;
    PGresult *made = osy_pg_query(worker->pg, EFFECT, 1, (const char *const[]){name}, &err);
    if (!made) {
        api_idempotency_fail(&once, &err);
        return;
    }
    PQclear(made);
    osy_buffer_text(&body, REPLY);
    api_idempotency_reply(&once, 201, &body);
}

/* Returns the status; the body must be as expected. */
static int run(struct api_worker *worker, const struct call *call, const char *name,
               const char *expected)
{
    struct api_request *request = make_request(call);
    handle(worker, request, name);
    assert_true(request->replied);
    int status = request->status;
    assert_non_null(strstr(request->reply_body.bytes, expected));
    api_request_destroy(request);
    return status;
}

static long count_effects(struct fixture *fixture, const char *name)
{
    PGresult *row = database_query(fixture->worker.pg,
                                   "SELECT count(*) FROM effects WHERE name = $1", 1, &name);
    long count = strtol(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    return count;
}

static void a_repetition_gets_the_first_reply_and_has_no_effect(void **state)
{
    struct fixture *fixture = *state;
    const struct call call = {.key = "repeat", .body = "{}", .user = osy_uuid_v4()};
    for (int i = 0; i < 3; i++)
        assert_int_equal(run(&fixture->worker, &call, "repeated", REPLY), 201);
    assert_int_equal(count_effects(fixture, "repeated"), 1);
}

static void without_the_header_every_request_has_its_effect(void **state)
{
    struct fixture *fixture = *state;
    const struct call call = {.body = "{}", .user = osy_uuid_v4()};
    for (int i = 0; i < 2; i++)
        assert_int_equal(run(&fixture->worker, &call, "keyless", REPLY), 201);
    assert_int_equal(count_effects(fixture, "keyless"), 2);
}

static void another_body_or_path_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct osy_uuid user = osy_uuid_v4();
    const struct call first = {"reuse", "{}", user, NULL},
                      body = {"reuse", "{\"a\":1}", user, NULL},
                      path = {"reuse", "{}", user, "/things/2"};
    assert_int_equal(run(&fixture->worker, &first, "reused", REPLY), 201);
    assert_int_equal(run(&fixture->worker, &body, "reused", "IDEMPOTENCY_KEY_REUSED"), 422);
    assert_int_equal(run(&fixture->worker, &path, "reused", "IDEMPOTENCY_KEY_REUSED"), 422);
    assert_int_equal(count_effects(fixture, "reused"), 1);
}

static void nobody_meets_the_reply_of_another(void **state)
{
    struct fixture *fixture = *state;
    const struct call mine = {.key = "shared", .body = "{}", .user = osy_uuid_v4()},
                      theirs = {.key = "shared", .body = "{}", .user = osy_uuid_v4()},
                      guest = {.key = "shared", .body = "{}"};
    assert_int_equal(run(&fixture->worker, &mine, "shared", REPLY), 201);
    assert_int_equal(run(&fixture->worker, &theirs, "shared", REPLY), 201);
    assert_int_equal(run(&fixture->worker, &guest, "shared", REPLY), 201);
    assert_int_equal(count_effects(fixture, "shared"), 3);
}

static void a_malformed_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char long_key[130];
    memset(long_key, 'x', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    const char *const keys[] = {"", "a b", "\xc3\xa9", long_key};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct call call = {.key = keys[i], .body = "{}"};
        assert_int_equal(run(&fixture->worker, &call, "malformed", "Idempotency-Key"), 400);
    }
    assert_int_equal(count_effects(fixture, "malformed"), 0);
}

static void a_refusal_leaves_no_record(void **state)
{
    struct fixture *fixture = *state;
    const struct call call = {.key = "refused", .body = "{}", .user = osy_uuid_v4()};
    struct api_request *request = make_request(&call);
    struct api_db_scope scope;
    struct api_idempotency once;
    api_db_scope_fill(&scope, request, NULL);
    assert_true(api_idempotency_begin(&once, &fixture->worker, request, &scope));
    PQclear(database_query(fixture->worker.pg, EFFECT, 1, (const char *const[]){"refused"}));
    api_idempotency_abandon(&once);
    api_request_destroy(request);
    assert_int_equal(count_effects(fixture, "refused"), 0);
    assert_int_equal(run(&fixture->worker, &call, "refused", REPLY), 201);
}

static void while_the_first_is_under_way_others_are_told_so(void **state)
{
    struct fixture *fixture = *state;
    const struct call call = {.key = "busy", .body = "{}", .user = osy_uuid_v4()};
    struct api_worker other = {.context = &fixture->context,
                               .pg = osy_pg_create(&(struct osy_pg_options){
                                   .url = database_url(), .application_name = "test"})};
    struct api_request *request = make_request(&call), *second = make_request(&call);
    struct api_db_scope scope;
    struct api_idempotency once;
    struct osy_buffer body = OSY_BUFFER_INIT;
    api_db_scope_fill(&scope, request, NULL);
    assert_true(api_idempotency_begin(&once, &fixture->worker, request, &scope));
    handle(&other, second, "busy");
    assert_int_equal(second->status, 409);
    assert_non_null(strstr(second->reply_body.bytes, "REQUEST_IN_PROGRESS"));
    assert_non_null(strstr(second->reply_headers.bytes, "Retry-After: 1"));
    osy_buffer_text(&body, REPLY);
    api_idempotency_reply(&once, 201, &body);
    assert_int_equal(run(&other, &call, "busy", REPLY), 201);
    assert_int_equal(count_effects(fixture, "busy"), 0);
    api_request_destroy(request);
    api_request_destroy(second);
    osy_pg_destroy(other.pg);
}

static void after_a_day_the_key_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const struct call call = {.key = "old", .body = "{}", .user = osy_uuid_v4()},
                      other = {.key = "old", .body = "[]", .user = call.user};
    assert_int_equal(run(&fixture->worker, &call, "old", REPLY), 201);
    PQclear(database_query(fixture->worker.pg,
                           "UPDATE request_replies SET created_at = now() - interval '25 hours'", 0,
                           NULL));
    assert_int_equal(run(&fixture->worker, &other, "old", REPLY), 201);
    assert_int_equal(run(&fixture->worker, &other, "old", REPLY), 201);
    assert_int_equal(count_effects(fixture, "old"), 2);
}

static void the_stored_reply_cannot_be_read_or_moved(void **state)
{
    struct fixture *fixture = *state;
    const struct call a = {.key = "a", .body = "{}", .user = osy_uuid_v4()},
                      b = {.key = "b", .body = "{}", .user = a.user};
    assert_int_equal(run(&fixture->worker, &a, "bound", REPLY), 201);
    assert_int_equal(run(&fixture->worker, &b, "bound", REPLY), 201);
    PGresult *found = database_query(
        fixture->worker.pg,
        "SELECT 1 FROM request_replies WHERE position('MARK'::bytea IN body) > 0", 0, NULL);
    assert_int_equal(PQntuples(found), 0);
    PQclear(found);
    PQclear(
        database_query(fixture->worker.pg,
                       "UPDATE request_replies SET body = (SELECT body FROM request_replies other"
                       "  WHERE other.key_hash <> request_replies.key_hash LIMIT 1)",
                       0, NULL));
    assert_int_equal(run(&fixture->worker, &a, "bound", "INTERNAL_ERROR"), 500);
    PQclear(database_query(fixture->worker.pg, "DELETE FROM request_replies", 0, NULL));
}

struct racer {
    struct fixture *fixture;
    pthread_t thread;
    pthread_barrier_t *start;
    struct call call;
    struct api_request *request;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct api_worker worker = {.context = &racer->fixture->context,
                                .pg = osy_pg_create(&(struct osy_pg_options){
                                    .url = database_url(), .application_name = "test"})};
    struct osy_error err = {0};
    (void)osy_pg_connection(worker.pg, &err); /* connecting is no part of the race */
    racer->request = make_request(&racer->call);
    pthread_barrier_wait(racer->start);
    handle(&worker, racer->request, "raced");
    osy_pg_destroy(worker.pg);
    return NULL;
}

static void of_fifty_at_once_one_has_its_effect(void **state)
{
    struct fixture *fixture = *state;
    struct racer racers[RACERS];
    pthread_barrier_t start;
    const struct call call = {.key = "race", .body = "{}", .user = osy_uuid_v4()};
    size_t done = 0;
    pthread_barrier_init(&start, NULL, RACERS);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.fixture = fixture, .start = &start, .call = call};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        struct api_request *request = racers[i].request;
        bool is_done = request->status == 201;
        assert_true(is_done || request->status == 409);
        assert_non_null(strstr(request->reply_body.bytes, is_done ? REPLY : "REQUEST_IN_PROGRESS"));
        done += is_done;
        api_request_destroy(request);
    }
    pthread_barrier_destroy(&start);
    assert_true(done >= 1);
    assert_int_equal(count_effects(fixture, "raced"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repetition_gets_the_first_reply_and_has_no_effect, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_the_header_every_request_has_its_effect, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_body_or_path_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_meets_the_reply_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_malformed_key_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_leaves_no_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_the_first_is_under_way_others_are_told_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(after_a_day_the_key_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_stored_reply_cannot_be_read_or_moved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_fifty_at_once_one_has_its_effect, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("idempotency", tests, database_migrate, NULL);
}
