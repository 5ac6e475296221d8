#include "loadtest/stages.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "loadtest/endpoint.h"
#include "shared/buffer.h"

#define PAGE_BYTES 4194304
#define NAME_BYTES 128

const char *const load_stage_keys[] = {"commit", "publish", "receive", "write"};
const char *const load_stage_titles[] = {
    "API took it -> committed",
    "committed -> Redis has it",
    "event's time -> hub has it (1 ms steps)",
    "hub has it -> written",
};

static const struct {
    const char *urls, *name;
} sources[LOAD_STAGES] = {
    [LOAD_STAGE_COMMIT] = {"API_URLS", "order_writer_taken_to_committed_seconds"},
    [LOAD_STAGE_PUBLISH] = {"API_URLS", "events_committed_to_published_seconds"},
    [LOAD_STAGE_RECEIVE] = {"HUB_ADMIN_URLS", "ordersync_hub_commit_to_receive_seconds"},
    [LOAD_STAGE_WRITE] = {"HUB_ADMIN_URLS", "ordersync_hub_receive_to_write_seconds"},
};

/* --- asking --- */

static int connect_to(const struct load_endpoint *endpoint)
{
    struct timeval second = {.tv_sec = 1};
    int fd = socket(endpoint->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = endpoint->address.any.sa_family == AF_INET ? sizeof(endpoint->address.v4)
                                                                  : sizeof(endpoint->address.v6);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    if (connect(fd, &endpoint->address.any, length) == 0)
        return fd;
    close(fd);
    return -1;
}

/* GET /metrics: the reply ends with the connection. False when it is not a whole 200. */
static bool fetch_metrics(const char *url, struct osy_buffer *page)
{
    struct load_endpoint endpoint;
    char request[512], bytes[16384];
    if (!load_endpoint_parse(&endpoint, "http", url, NULL))
        return false;
    int fd = connect_to(&endpoint);
    if (fd < 0)
        return false;
    int length = snprintf(request, sizeof(request),
                          "GET %s/metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                          endpoint.prefix, endpoint.authority);
    ssize_t got = send(fd, request, (size_t)length, MSG_NOSIGNAL) == length ? 1 : -1;
    while (got > 0 && page->length < PAGE_BYTES) {
        got = recv(fd, bytes, sizeof(bytes), 0);
        if (got > 0)
            osy_buffer_append(page, bytes, (size_t)got);
    }
    close(fd);
    return got == 0 && page->length > 12 && strncmp(page->bytes + 8, " 200", 4) == 0;
}

/* --- parsing --- */

/* The value behind "\nname<tail>" and a space, at or behind from; NULL when there is none. */
static const char *find_value(const char *page, const char *name, const char *tail)
{
    char wanted[NAME_BYTES];
    snprintf(wanted, sizeof(wanted), "\n%s%s", name, tail);
    const char *at = strstr(page, wanted);
    return at ? at + strlen(wanted) : NULL;
}

/* le="0.001"} 12: the bound, infinite for the last one, and the count up to it. */
static bool read_bucket(const char *text, double *bound, uint64_t *count)
{
    char *end;
    *bound = strncmp(text, "+Inf", 4) == 0 ? INFINITY : strtod(text, NULL);
    const char *behind = strchr(text, '}');
    if (!behind)
        return false;
    *count = strtoull(behind + 1, &end, 10);
    return end > behind + 1;
}

static bool take_bound(struct load_stage_histogram *histogram, size_t bucket, double bound,
                       bool is_first_page)
{
    if (isinf(bound))
        return is_first_page || bucket == histogram->bound_count;
    if (bucket == LOAD_STAGE_BOUNDS || (!is_first_page && (bucket >= histogram->bound_count ||
                                                           histogram->bounds[bucket] != bound)))
        return false;
    histogram->bounds[bucket] = bound;
    if (is_first_page)
        histogram->bound_count = bucket + 1;
    return true;
}

bool load_stage_parse(struct load_stage_histogram *histogram, const char *page, const char *name)
{
    bool is_first_page = histogram->bound_count == 0;
    uint64_t below = 0, count = 0;
    double bound = 0;
    const char *at = page;
    for (size_t bucket = 0; !isinf(bound); bucket++) {
        at = find_value(at, name, "_bucket{le=\"");
        if (!at || !read_bucket(at, &bound, &count) || count < below ||
            !take_bound(histogram, bucket, bound, is_first_page))
            return false;
        histogram->counts[bucket] += count - below;
        below = count;
    }
    const char *sum = find_value(page, name, "_sum ");
    histogram->total += below;
    histogram->sum += sum ? strtod(sum, NULL) : 0;
    return sum;
}

bool load_stage_parse_start(double *started_s, const char *page)
{
    const char *start = find_value(page, "process_start_time_seconds", " ");
    *started_s += start ? strtod(start, NULL) : 0;
    return start;
}

/* --- all of them --- */

static bool read_servers(struct load_stages *stages, const char *variable)
{
    const char *urls = getenv(variable);
    char list[1024], *rest;
    snprintf(list, sizeof(list), "%s", urls ? urls : "");
    char *url = strtok_r(list, " ", &rest);
    bool ok = url;
    for (; ok && url; url = strtok_r(NULL, " ", &rest)) {
        struct osy_buffer page = OSY_BUFFER_INIT;
        ok = fetch_metrics(url, &page) && load_stage_parse_start(&stages->started_s, page.bytes);
        for (size_t i = 0; ok && i < LOAD_STAGES; i++)
            if (strcmp(sources[i].urls, variable) == 0)
                ok = load_stage_parse(&stages->of[i], page.bytes, sources[i].name);
        osy_buffer_deinit(&page);
    }
    return ok;
}

void load_stages_read(struct load_stages *stages)
{
    *stages = (struct load_stages){0};
    stages->is_known = read_servers(stages, "API_URLS") && read_servers(stages, "HUB_ADMIN_URLS");
}

static bool subtract(struct load_stage_histogram *now, const struct load_stage_histogram *before)
{
    if (now->bound_count != before->bound_count || now->total < before->total)
        return false;
    now->total -= before->total;
    now->sum -= before->sum;
    for (size_t i = 0; i <= now->bound_count; i++) {
        if (now->counts[i] < before->counts[i])
            return false;
        now->counts[i] -= before->counts[i];
    }
    return true;
}

bool load_stages_subtract(struct load_stages *now, const struct load_stages *before)
{
    now->is_known = now->is_known && before->is_known && now->started_s == before->started_s;
    for (size_t i = 0; i < LOAD_STAGES && now->is_known; i++)
        now->is_known = subtract(&now->of[i], &before->of[i]);
    return now->is_known;
}

double load_stage_quantile(const struct load_stage_histogram *histogram, double quantile)
{
    double wanted = quantile * (double)histogram->total, seen = 0, lower = 0;
    for (size_t i = 0; i < histogram->bound_count; i++) {
        double count = (double)histogram->counts[i];
        if (count > 0 && seen + count >= wanted)
            return lower + (histogram->bounds[i] - lower) * fmax(0, wanted - seen) / count;
        seen += count;
        lower = histogram->bounds[i];
    }
    return histogram->total > 0 ? lower : 0;
}

double load_stage_mean(const struct load_stage_histogram *histogram)
{
    return histogram->total > 0 ? histogram->sum / (double)histogram->total : 0;
}
