#include "api/escalation/webhook_client.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/escalation/public_address.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"

#define ANSWER_BYTES_MAX 65536

struct transfer {
    struct transfer *next;
    CURL *curl; /* owned, as is all but tag */
    struct curl_slist *headers;
    char *body;
    void *tag;
    size_t answer_bytes;
    bool allow_private, was_refused;
};

struct api_webhook_client {
    struct api_webhook_client_options options;
    CURLM *multi;
    struct transfer *transfers;
    size_t count;
};

bool api_webhook_init(struct osy_error *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ||
           osy_error_set(err, OSY_ERR_IO, "libcurl cannot start");
}

/* ---- the URL ---- */

static bool is_allowed_port(const char *port)
{
    return strcmp(port, "443") == 0 || strcmp(port, "8443") == 0;
}

/* False for a name: what that means is known only when it is resolved. libcurl has made one spelling of
 * all those that an IPv4 address has. */
static bool is_closed_literal(const char *host)
{
    char bare[64];
    size_t length = strlen(host);
    bool has_brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", (int)(has_brackets ? length - 2 : length),
             host + has_brackets);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (length >= sizeof bare || getaddrinfo(bare, NULL, &hints, &found) != 0)
        return false;
    bool is_closed = !api_address_is_public(found->ai_addr);
    freeaddrinfo(found);
    return is_closed;
}

struct url_parts {
    char *scheme, *host, *port, *user, *password, *fragment;
};

static const char *find_fault(const struct url_parts *parts, bool allow_private)
{
    if (!parts->scheme || !parts->host || !*parts->host || !parts->port)
        return "must be an absolute URL";
    if (parts->user || parts->password || parts->fragment)
        return "must have neither a user name nor a fragment";
    if (allow_private)
        return NULL;
    if (strcmp(parts->scheme, "https") != 0)
        return "must begin with https://";
    if (!is_allowed_port(parts->port))
        return "may have the ports 443 and 8443 only";
    if (is_closed_literal(parts->host))
        return "must not be an address of a private network";
    return NULL;
}

bool api_webhook_check_url(const char *url, bool allow_private, struct osy_error *err)
{
    struct url_parts parts = {0};
    CURLU *parsed = curl_url();
    const char *fault = "must be an absolute URL";
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
        curl_url_get(parsed, CURLUPART_SCHEME, &parts.scheme, 0);
        curl_url_get(parsed, CURLUPART_HOST, &parts.host, 0);
        curl_url_get(parsed, CURLUPART_PORT, &parts.port, CURLU_DEFAULT_PORT);
        curl_url_get(parsed, CURLUPART_USER, &parts.user, 0);
        curl_url_get(parsed, CURLUPART_PASSWORD, &parts.password, 0);
        curl_url_get(parsed, CURLUPART_FRAGMENT, &parts.fragment, 0);
        bool is_http = parts.scheme &&
                       (strcmp(parts.scheme, "https") == 0 || strcmp(parts.scheme, "http") == 0);
        fault = is_http ? find_fault(&parts, allow_private) : "must begin with https://";
    }
    char *const all[] = {parts.scheme, parts.host,     parts.port,
                         parts.user,   parts.password, parts.fragment};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        curl_free(all[i]);
    curl_url_cleanup(parsed);
    return !fault || osy_error_set(err, OSY_ERR_INVALID, "'url' %s", fault);
}

/* ---- a transfer ---- */

/* The one way to a connection: libcurl has resolved the name and is about to connect to this address. */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    (void)purpose;
    if (!transfer->allow_private && !api_address_is_public(&address->addr)) {
        transfer->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The answer's status is all that counts; a body that is too long ends the transfer. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    (void)bytes;
    transfer->answer_bytes += size * count;
    return transfer->answer_bytes <= ANSWER_BYTES_MAX ? size * count : 0;
}

static void add_header(struct transfer *transfer, const char *name, const char *value)
{
    struct osy_buffer line = OSY_BUFFER_INIT;
    osy_buffer_printf(&line, "%s: %s", name, value);
    struct curl_slist *headers = curl_slist_append(transfer->headers, line.bytes);
    if (!headers)
        abort(); /* out of memory */
    transfer->headers = headers;
    osy_buffer_deinit(&line);
}

static void sign(struct transfer *transfer, const struct api_webhook_message *message)
{
    char signature[API_WEBHOOK_SIGNATURE_BYTES];
    api_webhook_sign(message->secret, osy_clock_wall_ms() / 1000, message->delivery_id,
                     message->body, message->body_length, signature);
    add_header(transfer, "Content-Type", "application/json");
    add_header(transfer, "OrderSync-Delivery", message->delivery_id);
    add_header(transfer, "OrderSync-Signature", signature);
}

static void set_options(struct transfer *transfer, const struct api_webhook_message *message,
                        const struct api_webhook_client_options *options)
{
    CURL *curl = transfer->curl;
    const char *protocols = options->allow_private ? "https,http" : "https";
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_URL, message->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* nor one of the environment */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L); /* a connection per check */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);   /* there are threads */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* wait for no resolver that hangs */
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "OrderSync/" ORDERSYNC_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)message->body_length);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

static void free_transfer(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->curl);
    curl_slist_free_all(transfer->headers);
    free(transfer->body);
    free(transfer);
}

/* ---- the client ---- */

struct api_webhook_client *
api_webhook_client_create(const struct api_webhook_client_options *options)
{
    struct api_webhook_client *client = osy_alloc(sizeof *client);
    client->options = *options;
    client->multi = curl_multi_init();
    if (!client->multi)
        abort(); /* out of memory */
    return client;
}

static void end_transfer(struct api_webhook_client *client, struct transfer *transfer)
{
    struct transfer **link = &client->transfers;
    while (*link != transfer)
        link = &(*link)->next;
    *link = transfer->next;
    client->count--;
    curl_multi_remove_handle(client->multi, transfer->curl);
    free_transfer(transfer);
}

void api_webhook_client_destroy(struct api_webhook_client *client)
{
    if (!client)
        return;
    while (client->transfers)
        end_transfer(client, client->transfers);
    curl_multi_cleanup(client->multi);
    free(client);
}

void api_webhook_client_send(struct api_webhook_client *client,
                             const struct api_webhook_message *message, void *tag)
{
    struct transfer *transfer = osy_alloc(sizeof *transfer);
    transfer->curl = curl_easy_init();
    if (!transfer->curl)
        abort(); /* out of memory */
    transfer->body = osy_strndup(message->body, message->body_length);
    transfer->tag = tag;
    transfer->allow_private = client->options.allow_private;
    sign(transfer, message);
    set_options(transfer, message, &client->options);
    transfer->next = client->transfers;
    client->transfers = transfer;
    client->count++;
    curl_multi_add_handle(client->multi, transfer->curl);
}

size_t api_webhook_client_pending(const struct api_webhook_client *client)
{
    return client->count;
}

/* An answer counts by its status, also when its body was too long to be read to the end. */
static bool judge(const struct transfer *transfer, CURLcode code, char *detail, size_t size)
{
    long status = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    bool is_answer = status > 0 && (code == CURLE_OK || code == CURLE_WRITE_ERROR);
    if (is_answer)
        snprintf(detail, size, "answered %ld", status);
    else if (transfer->was_refused)
        snprintf(detail, size, "its address is not a public one");
    else
        snprintf(detail, size, "%s", curl_easy_strerror(code));
    return is_answer && status >= 200 && status <= 299;
}

static void finish(struct api_webhook_client *client, const CURLMsg *message,
                   api_webhook_done_fn on_done, void *context)
{
    char *private = NULL, detail[120];
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    struct transfer *transfer = (struct transfer *)(void *)private;
    bool is_delivered = judge(transfer, message->data.result, detail, sizeof detail);
    void *tag = transfer->tag;
    end_transfer(client, transfer);
    on_done(context, tag, is_delivered, detail);
}

void api_webhook_client_run(struct api_webhook_client *client, int wait_ms,
                            api_webhook_done_fn on_done, void *context)
{
    const CURLMsg *message;
    int running, left;
    curl_multi_perform(client->multi, &running);
    if (running > 0) {
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
        curl_multi_perform(client->multi, &running);
    }
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
        finish(client, message, on_done, context);
}
