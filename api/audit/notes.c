#include "api/audit/notes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/auth/principal.h"
#include "api/background/task_thread.h"
#include "api/http/networks.h"
#include "api/http/request.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"

enum { SLOTS = 1024, PROBES = 8, MINUTE_MS = 60 * 1000, FLUSH_MS = 1000, ADDRESS_BYTES = 46 };

/* What makes two events one. */
struct event {
    const char *action;                 /* static */
    uint8_t network[API_ADDRESS_BYTES]; /* of one subscriber: whoever has a /64 has no more slots */
    struct osy_uuid actor_id;           /* nil: nobody; neighbours are not blamed for each other */
};

struct note {
    struct event event;
    const char *route;      /* static */
    const char *actor_role; /* static */
    int status;
    char address[ADDRESS_BYTES], trace_id[33];
    bool has_session;
    struct osy_uuid session_id;
    int64_t first_ms;          /* wall time; 0: the slot is free */
    uint32_t count, unwritten; /* of the event; and those of them that no row tells of */
};

struct api_audit_notes {
    const struct osy_keyring *keyring; /* borrowed */
    struct osy_metric *dropped;
    struct osy_pg *pg; /* owned, as is the thread; the thread's */
    struct api_task_thread *thread;
    struct osy_buffer
        pending; /* the thread's: a JSON array that is still to be written; empty: none */

    pthread_mutex_t lock; /* guards what follows */
    struct note slots[SLOTS];
};

/* ---- noting ---- */

static struct event event_of(const struct api_request *request, const char *action)
{
    const struct api_principal *principal = api_request_principal(request);
    struct event event = {.action = action};
    if (api_address_parse(api_request_client(request), event.network))
        api_address_to_subscriber(event.network);
    if (principal->kind == API_PRINCIPAL_USER)
        event.actor_id = principal->claims.subject;
    return event;
}

static size_t hash_bytes(size_t value, const void *bytes, size_t length)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < length; i++)
        value = (value ^ byte[i]) * 1099511628211u;
    return value;
}

static size_t hash(const struct event *event)
{
    size_t value = 14695981039346656037u; /* FNV-1a */
    value = hash_bytes(value, event->action, strlen(event->action));
    value = hash_bytes(value, event->network, sizeof event->network);
    return hash_bytes(value, &event->actor_id, sizeof event->actor_id);
}

static bool is_same(const struct event *one, const struct event *other)
{
    return one->action == other->action && osy_uuid_equal(&one->actor_id, &other->actor_id) &&
           memcmp(one->network, other->network, sizeof one->network) == 0;
}

/* The slot of this event, or a free one, or NULL. */
static struct note *find_slot(struct api_audit_notes *notes, const struct event *event)
{
    struct note *free_slot = NULL;
    size_t start = hash(event);
    for (size_t i = 0; i < PROBES; i++) {
        struct note *note = &notes->slots[(start + i) % SLOTS];
        if (note->first_ms == 0 && !free_slot)
            free_slot = note;
        if (note->first_ms != 0 && is_same(&note->event, event))
            return note;
    }
    return free_slot;
}

static void fill(struct note *note, const struct api_request *request, const struct event *event,
                 int status)
{
    const struct api_principal *principal = api_request_principal(request);
    *note = (struct note){.event = *event,
                          .route = api_request_route(request),
                          .actor_role = api_principal_role(principal),
                          .status = status,
                          .first_ms = osy_clock_wall_ms()};
    if (principal->kind == API_PRINCIPAL_USER) {
        note->session_id = principal->claims.session_id;
        note->has_session = !osy_uuid_is_nil(&note->session_id);
    }
    snprintf(note->address, sizeof note->address, "%s", api_request_client(request));
    snprintf(note->trace_id, sizeof note->trace_id, "%s", api_request_trace(request)->trace_id);
}

void api_audit_note(struct api_audit_notes *notes, const struct api_request *request,
                    const char *action, int status)
{
    const struct event event = event_of(request, action);
    pthread_mutex_lock(&notes->lock);
    struct note *note = find_slot(notes, &event);
    if (note && note->first_ms == 0)
        fill(note, request, &event, status);
    if (note) {
        note->count++;
        note->unwritten++;
    }
    pthread_mutex_unlock(&notes->lock);
    if (!note)
        osy_metric_inc(notes->dropped);
}

/* ---- writing ---- */

static void write_id(struct osy_buffer *out, const char *name, const struct osy_uuid *id)
{
    char text[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(id, text);
    osy_buffer_texts(out, ",\"", name, "\":\"", text, "\"", NULL);
}

static void write_name(struct osy_buffer *out, const char *name, const char *value)
{
    osy_buffer_texts(out, ",\"", name, "\":", NULL);
    osy_buffer_json_string(out, value);
}

static bool write_note(struct api_audit_notes *notes, const struct note *note)
{
    struct osy_buffer value = OSY_BUFFER_INIT, sealed = OSY_BUFFER_INIT, *out = &notes->pending;
    const struct osy_uuid *actor = &note->event.actor_id;
    osy_buffer_text(&value, "{\"route\":");
    osy_buffer_json_string(&value, note->route);
    osy_buffer_printf(&value, ",\"status\":%d,\"count\":%u}", note->status, note->unwritten);
    bool ok = api_audit_value_seal(notes->keyring, NULL, API_AUDIT_NEW, actor, value.bytes, &sealed,
                                   NULL);
    if (ok) {
        osy_buffer_printf(out, "%s{\"at_ms\":%lld", out->length > 0 ? "," : "[",
                          (long long)note->first_ms);
        write_name(out, "actor_role", note->actor_role);
        if (!osy_uuid_is_nil(actor))
            write_id(out, "actor_id", actor);
        if (note->has_session)
            write_id(out, "session_id", &note->session_id);
        write_name(out, "address", note->address);
        write_name(out, "action", note->event.action);
        write_id(out, "subject_id", actor); /* nil: nobody */
        write_name(out, "trace_id", note->trace_id);
        write_name(out, "new_value", sealed.bytes);
        osy_buffer_char(out, '}');
    }
    osy_buffer_deinit(&value);
    osy_buffer_deinit(&sealed);
    return ok;
}

/* Takes what is new out of the table: an event at once, its repetitions when their minute is over. */
static size_t take_notes(struct api_audit_notes *notes, struct note *taken, bool is_end)
{
    int64_t now_ms = osy_clock_wall_ms();
    size_t count = 0;
    pthread_mutex_lock(&notes->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        struct note *note = &notes->slots[i];
        bool is_over = is_end || now_ms - note->first_ms >= MINUTE_MS || now_ms < note->first_ms;
        if (note->first_ms == 0)
            continue;
        if (note->unwritten > 0 && (is_over || note->unwritten == note->count)) {
            taken[count++] = *note;
            note->unwritten = 0;
        }
        if (is_over)
            note->first_ms = 0;
    }
    pthread_mutex_unlock(&notes->lock);
    return count;
}

static void collect(struct api_audit_notes *notes, bool is_end)
{
    struct note *taken = osy_alloc_array(SLOTS, sizeof *taken);
    size_t count = take_notes(notes, taken, is_end);
    for (size_t i = 0; i < count; i++) {
        if (!write_note(notes, &taken[i]))
            osy_metric_inc(notes->dropped);
    }
    if (notes->pending.length > 0)
        osy_buffer_char(&notes->pending, ']');
    free(taken);
}

static bool send_pending(struct api_audit_notes *notes, struct osy_error *err)
{
    if (notes->pending.length == 0)
        return true;
    PGresult *result = osy_pg_query(notes->pg, sql_record_notes, 1,
                                    (const char *const[]){notes->pending.bytes}, err);
    PQclear(result);
    if (result)
        osy_buffer_clear(&notes->pending);
    return result != NULL;
}

static bool flush(void *context, bool *more, struct osy_error *err)
{
    struct api_audit_notes *notes = context;
    (void)more;
    if (!send_pending(notes, err)) /* those of the last time; newer ones wait in the table */
        return false;
    collect(notes, false);
    return send_pending(notes, err);
}

/* ---- life ---- */

struct api_audit_notes *api_audit_notes_create(const char *database_url,
                                               const struct osy_keyring *keyring,
                                               struct osy_metrics *metrics, struct osy_error *err)
{
    const struct api_task tasks[] = {{"write_audit_notes", FLUSH_MS, flush}, {0}};
    struct api_audit_notes *notes = osy_alloc(sizeof *notes);
    notes->keyring = keyring;
    notes->dropped = osy_metrics_counter(metrics, "audit_notes_dropped_total",
                                         "Security events for which there was no room.");
    notes->pg = osy_pg_create(
        &(struct osy_pg_options){.url = database_url, .application_name = "ordersync-notes"});
    pthread_mutex_init(&notes->lock, NULL);
    notes->thread = api_task_thread_start(tasks, notes, err);
    if (notes->thread)
        return notes;
    api_audit_notes_destroy(notes);
    return NULL;
}

void api_audit_notes_destroy(struct api_audit_notes *notes)
{
    struct osy_error err = {0};
    if (!notes)
        return;
    api_task_thread_stop(notes->thread);
    if (send_pending(notes, &err))
        collect(notes, true);
    if (!send_pending(notes, &err))
        OSY_WARN("audit_notes_lost", OSY_ERR(&err));
    osy_pg_destroy(notes->pg);
    osy_buffer_deinit(&notes->pending);
    pthread_mutex_destroy(&notes->lock);
    free(notes);
}
