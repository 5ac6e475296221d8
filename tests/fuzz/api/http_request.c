/*
 * A client's bytes through parser and connection, without a socket. The first four bytes seed how the rest
 * is cut into pieces and when held requests are answered. However it is cut, the same requests must come
 * out: a difference would be a way to smuggle one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/connection.h"
#include "api/http/request.h"
#include "shared/buffer.h"

#define HELD_MAX 8

struct client {
    struct api_connection_settings settings;
    struct api_connection *connection;
    struct api_request *held[HELD_MAX];
    size_t held_count;
    struct osy_buffer seen; /* every request, in a form that can be compared */
    uint32_t random;
    bool answers_at_once;
};

static uint32_t draw(struct client *client, uint32_t bound)
{
    client->random = client->random * 1664525u + 1013904223u;
    return (client->random >> 8) % bound;
}

static void answer(struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, api_request_id(request));
    api_reply_bytes(request, 200, "text/plain", &body);
}

static void answer_held(struct client *client, size_t index)
{
    struct api_request *request = client->held[index];
    client->held[index] = client->held[--client->held_count];
    answer(request);
}

static void on_request(void *context, struct api_request *request)
{
    struct client *client = context;
    const char *value;
    size_t length;
    const char *body = api_request_body(request, &length);

    osy_buffer_printf(&client->seen, "%s %s %s [", api_request_method(request),
                      api_request_path(request), api_request_client(request));
    osy_buffer_append(&client->seen, body, length);
    if (api_request_query(request, "a", &value, NULL) && value)
        osy_buffer_text(&client->seen, value);
    osy_buffer_text(&client->seen, "]\n");
    if (client->answers_at_once)
        answer(request);
    else if (client->held_count == HELD_MAX)
        abort(); /* the pipeline's limit was passed */
    else
        client->held[client->held_count++] = request;
}

static void on_change(void *owner)
{
    (void)owner;
}

static void start(struct client *client, bool answers_at_once, uint32_t random)
{
    *client = (struct client){.answers_at_once = answers_at_once, .random = random};
    client->settings = (struct api_connection_settings){
        .limits = {.header_bytes = 2048, .url_bytes = 512, .body_bytes = 1024, .pipeline_max = 5},
        .on_request = on_request,
        .context = client,
        .on_change = on_change,
    };
    client->connection = api_connection_create(&client->settings, client, "192.0.2.1");
}

static void take_output(struct client *client)
{
    struct osy_buffer output = OSY_BUFFER_INIT;
    while (api_connection_has_output(client->connection)) {
        api_connection_take_output(client->connection, &output);
        osy_buffer_deinit(&output);
    }
}

static void answer_all(struct client *client)
{
    while (client->held_count > 0)
        answer_held(client, draw(client, (uint32_t)client->held_count));
    take_output(client);
}

static void feed_whole(struct client *client, const char *bytes, size_t length)
{
    api_connection_receive(client->connection, bytes, length);
    take_output(client);
}

static void feed_pieces(struct client *client, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t piece = 1 + draw(client, draw(client, 4) == 0 ? 200 : 8);
        if (piece > length)
            piece = length;
        api_connection_receive(client->connection, bytes, piece);
        bytes += piece;
        length -= piece;
        if (client->held_count > 0 && draw(client, 2) == 0)
            answer_held(client, draw(client, (uint32_t)client->held_count));
        if (!api_connection_wants_input(client->connection))
            answer_all(client);
    }
    answer_all(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct client whole, pieces;
    uint32_t random = 0;

    if (length < sizeof random || length > 8192)
        return 0;
    memcpy(&random, bytes, sizeof random);
    start(&whole, true, random);
    start(&pieces, false, random);
    feed_whole(&whole, (const char *)bytes + sizeof random, length - sizeof random);
    feed_pieces(&pieces, (const char *)bytes + sizeof random, length - sizeof random);
    if (whole.seen.length != pieces.seen.length ||
        (whole.seen.length > 0 &&
         memcmp(whole.seen.bytes, pieces.seen.bytes, whole.seen.length) != 0))
        abort();
    if (api_connection_phase(whole.connection) != api_connection_phase(pieces.connection))
        abort();
    if (random % 3 == 0)
        api_connection_time_out(pieces.connection);
    if (random % 3 == 1)
        api_connection_end_of_input(pieces.connection);
    api_connection_destroy(whole.connection);
    api_connection_destroy(pieces.connection);
    osy_buffer_deinit(&whole.seen);
    osy_buffer_deinit(&pieces.seen);
    return 0;
}
