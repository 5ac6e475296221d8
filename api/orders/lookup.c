#include "api/orders/lookup.h"

#include <stddef.h>
#include <stdlib.h>

#include "api/auth/principal.h"
#include "api/config.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/record.h"
#include "api/orders/reply.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/pg.h"

struct lookup {
    struct api_job job;
    struct api_context *context; /* borrowed */
    struct api_request
        *request; /* the loop's: the worker sees only what the scope borrows from it */
    api_order_found_fn on_found;
    struct osy_uuid order_id;
    struct api_db_scope scope;
    int64_t due_ms; /* monotonic: nobody waits for the record any more */

    /* the worker's answer */
    bool is_worked, is_found;
    struct api_order_record record;
    struct osy_error err;
};

static struct lookup *lookup_of(struct api_job *job)
{
    return (struct lookup *)((char *)job - offsetof(struct lookup, job));
}

static void on_work(struct api_worker *worker, struct api_job *job)
{
    struct lookup *lookup = lookup_of(job);
    lookup->is_worked = true;
    osy_pg_set_deadline(worker->pg, lookup->due_ms);
    lookup->is_found = api_order_record_find(&lookup->record, worker->pg, &lookup->scope,
                                             &lookup->order_id, &lookup->err);
}

static bool is_covered(const struct lookup *lookup)
{
    const struct api_order_record *record = &lookup->record;
    return api_principal_covers_order(api_request_principal(lookup->request),
                                      &record->restaurant_id, &record->order_id,
                                      &record->customer_id);
}

static void on_done(struct api_job *job)
{
    struct lookup *lookup = lookup_of(job);
    if (!lookup->is_worked) /* the pool ended before its turn came */
        api_reply_overloaded(lookup->request);
    else if (!lookup->is_found)
        api_order_reply_not_found(lookup->request, &lookup->err);
    else if (is_covered(lookup))
        lookup->on_found(lookup->context, lookup->request, &lookup->record);
    else
        api_order_reply_outcome(lookup->request, API_ORDER_NOT_FOUND);
    api_order_record_deinit(&lookup->record);
    free(lookup);
}

void api_order_look_up(struct api_context *context, struct api_request *request,
                       const struct osy_uuid *order_id, api_order_found_fn on_found)
{
    struct lookup *lookup = osy_alloc(sizeof *lookup);
    lookup->job = (struct api_job){.work = on_work, .done = on_done};
    lookup->context = context;
    lookup->request = request;
    lookup->on_found = on_found;
    lookup->order_id = *order_id;
    lookup->due_ms = osy_clock_monotonic_ms() + context->config->request_ms;
    api_db_scope_fill_order(&lookup->scope, request, &lookup->order_id);
    if (api_workers_submit(context->workers[API_POOL_WORKERS], &lookup->job))
        return;
    api_reply_overloaded(request);
    free(lookup);
}
