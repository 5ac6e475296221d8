#include "shared/log.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/utf8.h"

/* A pipe takes a write of up to PIPE_BUF (4,096) bytes whole, so that lines of several processes
 * on one pipe do not mix. A longer text would tell nobody more. */
#define TEXT_BYTES_MAX 1000
#define LIMIT_MS       1000

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static const char *program_name = "ordersync";
static atomic_int least_level = OSY_LOG_INFO;
static _Thread_local const char *thread_trace;

void osy_log_init(const char *program, enum osy_log_level least)
{
    program_name = program;
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

bool osy_log_enabled(enum osy_log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

bool osy_log_level_parse(const char *text, enum osy_log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum osy_log_level)i;
            return true;
        }
    }
    return false;
}

void osy_log_set_trace(const char *trace_id)
{
    thread_trace = trace_id;
}

static void append_text(struct osy_buffer *line, const char *text)
{
    size_t length = text ? strnlen(text, TEXT_BYTES_MAX) : 0;

    if (!text)
        osy_buffer_text(line, "null");
    else
        osy_buffer_json_bytes(line, text,
                              length < TEXT_BYTES_MAX ? length : osy_utf8_trim(text, length));
}

static void append_member(struct osy_buffer *line, const char *name, const char *text)
{
    osy_buffer_char(line, ',');
    osy_buffer_json_string(line, name);
    osy_buffer_char(line, ':');
    append_text(line, text);
}

static void append_field(struct osy_buffer *line, const struct osy_log_field *field)
{
    if (field->type == OSY_LOG_TYPE_STR) {
        append_member(line, field->name, field->value.text);
        return;
    }
    osy_buffer_char(line, ',');
    osy_buffer_json_string(line, field->name);
    osy_buffer_char(line, ':');
    if (field->type == OSY_LOG_TYPE_INT)
        osy_buffer_i64(line, field->value.integer);
    else if (isfinite(field->value.number))
        osy_buffer_printf(line, "%.9g", field->value.number);
    else
        osy_buffer_text(line, "null"); /* JSON has no infinity */
}

/* A log that cannot be written must not stop the service: failures but EINTR give up. */
static void write_line(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

void osy_log(enum osy_log_level level, const char *event, const struct osy_log_field *fields)
{
    struct osy_buffer line = OSY_BUFFER_INIT;
    char time[OSY_TIME_TEXT_BYTES];
    int saved_errno = errno;

    osy_time_format(osy_clock_wall_ms(), time);
    osy_buffer_printf(&line, "{\"time\":\"%s\"", time);
    append_member(&line, "level", level_names[level]);
    append_member(&line, "program", program_name);
    append_member(&line, "event", event);
    if (thread_trace)
        append_member(&line, "trace_id", thread_trace);
    for (; fields && fields->type != OSY_LOG_TYPE_END; fields++)
        append_field(&line, fields);
    osy_buffer_text(&line, "}\n");
    write_line(line.bytes, line.length);
    osy_buffer_deinit(&line);
    errno = saved_errno;
}

bool osy_log_limit_pass(struct osy_log_limit *limit, int64_t monotonic_ms, uint64_t *suppressed)
{
    int64_t due_ms = atomic_load(&limit->due_ms);

    /* Of threads that come at once, one wins. */
    if (monotonic_ms < due_ms ||
        !atomic_compare_exchange_strong(&limit->due_ms, &due_ms, monotonic_ms + LIMIT_MS)) {
        atomic_fetch_add(&limit->suppressed, 1);
        return false;
    }
    *suppressed = atomic_exchange(&limit->suppressed, 0);
    return true;
}
