/* The worker pool: what one job leaves behind for the next. No database is asked. */
#include "api/http/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/pg.h"

enum { LONG_PAST_MS = 1 };

struct probe {
    struct api_job job;
    int64_t found_ms; /* the deadline that the work met */
    bool is_done;
};

static void on_work(struct api_worker *worker, struct api_job *job)
{
    struct probe *probe = (struct probe *)job;
    probe->found_ms = osy_pg_answer_deadline(worker->pg);
    osy_pg_set_deadline(worker->pg, LONG_PAST_MS);
}

static void on_done(struct api_job *job)
{
    ((struct probe *)job)->is_done = true;
}

static void no_job_inherits_the_deadline_of_the_one_before(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct osy_error err = {0};
    struct probe probes[2] = {{.job = {.work = on_work, .done = on_done}},
                              {.job = {.work = on_work, .done = on_done}}};
    uv_loop_init(&loop);
    struct api_workers *workers =
        api_workers_create(&loop,
                           &(struct api_workers_options){.name = "test",
                                                         .threads = 1,
                                                         .queue_max = 2,
                                                         .database_url = "postgresql://127.0.0.1/"},
                           &err);
    assert_non_null(workers);
    assert_true(api_workers_submit(workers, &probes[0].job));
    assert_true(api_workers_submit(workers, &probes[1].job));
    while (!probes[0].is_done || !probes[1].is_done)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(probes[1].found_ms > LONG_PAST_MS);
    api_workers_destroy(workers);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_job_inherits_the_deadline_of_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
