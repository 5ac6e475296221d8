#include "shared/redis_common.h"

#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/config.h"

#define TCP_SCHEME      "redis://"
#define SENTINEL_SCHEME "sentinel://"
#define UNIX_SCHEME     "unix:"
#define DATABASE_MOST   999 /* far above what any server is configured for */
#define ADDRESS_BYTES   320
#define SHA1_BYTES      20

/* ---- the URL ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* RFC 3986 section 2.1. NULL for a broken escape or an encoded NUL. */
static char *decode_percent(const char *text, size_t length)
{
    char *out = osy_alloc(length + 1), *at = out;

    for (size_t i = 0; i < length; i++) {
        int high = 0, low = 0;
        if (text[i] != '%') {
            *at++ = text[i];
            continue;
        }
        high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
        low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            free(out);
            return NULL;
        }
        *at++ = (char)(high << 4 | low);
        i += 2;
    }
    *at = '\0';
    return out;
}

/* "user:password", "user" or ":password" */
static bool parse_user_info(const char *text, size_t length, struct osy_redis_url *url,
                            struct osy_error *err)
{
    const char *colon = memchr(text, ':', length);
    size_t user_length = colon ? (size_t)(colon - text) : length;

    if (!colon)
        return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has a user without a password");
    url->password = decode_percent(colon + 1, length - user_length - 1);
    if (user_length > 0)
        url->user = decode_percent(text, user_length);
    if (!url->password || (user_length > 0 && !url->user))
        return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has a broken percent-encoding");
    if (url->password[0] == '\0')
        return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has an empty password");
    return true;
}

static bool parse_database(const char *text, struct osy_redis_url *url, struct osy_error *err)
{
    char *end = NULL;
    long number = 0;

    if (text[0] == '\0')
        return true;
    number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number > DATABASE_MOST)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "the Redis URL has a database that is not a number from 0 to %d",
                             DATABASE_MOST);
    if (number > 0)
        url->database = osy_strdup(text);
    return true;
}

/* host:port, neither of which may be missing */
static bool parse_address(const char *text, size_t length, char host[256], uint16_t *port,
                          struct osy_error *err)
{
    char address[ADDRESS_BYTES];

    if (length >= sizeof address)
        return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has too long a host");
    memcpy(address, text, length);
    address[length] = '\0';
    if (!osy_address_parse(address, host, port, NULL) || host[0] == '\0' || *port == 0)
        return osy_error_set(err, OSY_ERR_INVALID, "the Redis URL has no valid host:port");
    return true;
}

/* Takes what is before the host, and returns where that begins; NULL has failed. */
static const char *take_user_info(const char *text, const char *end, struct osy_redis_url *url,
                                  struct osy_error *err)
{
    const char *at = memrchr(text, '@', (size_t)(end - text));

    if (!at)
        return text;
    return parse_user_info(text, (size_t)(at - text), url, err) ? at + 1 : NULL;
}

static bool parse_tcp(const char *text, struct osy_redis_url *url, struct osy_error *err)
{
    const char *slash = strchr(text, '/');
    const char *end = slash ? slash : text + strlen(text);
    const char *host = take_user_info(text, end, url, err);

    if (!host)
        return false;
    url->host = osy_alloc(256);
    return parse_address(host, (size_t)(end - host), url->host, &url->port, err) &&
           (!slash || parse_database(slash + 1, url, err));
}

bool osy_redis_sentinels_next(const char **sentinels, char host[256], uint16_t *port,
                              struct osy_error *err)
{
    const char *address = *sentinels;
    size_t length = strcspn(address, ";");

    *sentinels += length + (address[length] == ';');
    return parse_address(address, length, host, port, err);
}

static bool check_sentinels(const char *sentinels, struct osy_error *err)
{
    char host[256];
    uint16_t port = 0;

    do {
        if (!osy_redis_sentinels_next(&sentinels, host, &port, err))
            return false;
    } while (*sentinels);
    return true;
}

static bool parse_sentinels(const char *text, struct osy_redis_url *url, struct osy_error *err)
{
    const char *slash = strchr(text, '/'), *hosts = NULL, *name_end = NULL;

    if (!slash || slash[1] == '\0' || slash[1] == '/')
        return osy_error_set(err, OSY_ERR_INVALID,
                             "the Redis URL has no name of a master behind the Sentinels");
    hosts = take_user_info(text, slash, url, err);
    if (!hosts)
        return false;
    name_end = strchrnul(slash + 1, '/');
    url->sentinels = osy_strndup(hosts, (size_t)(slash - hosts));
    url->master = osy_strndup(slash + 1, (size_t)(name_end - slash - 1));
    return check_sentinels(url->sentinels, err) &&
           (*name_end == '\0' || parse_database(name_end + 1, url, err));
}

bool osy_redis_url_parse(const char *text, struct osy_redis_url *url, struct osy_error *err)
{
    bool ok = false;

    memset(url, 0, sizeof *url);
    if (strncmp(text, TCP_SCHEME, strlen(TCP_SCHEME)) == 0) {
        ok = parse_tcp(text + strlen(TCP_SCHEME), url, err);
    } else if (strncmp(text, SENTINEL_SCHEME, strlen(SENTINEL_SCHEME)) == 0) {
        ok = parse_sentinels(text + strlen(SENTINEL_SCHEME), url, err);
    } else if (strncmp(text, UNIX_SCHEME "/", strlen(UNIX_SCHEME "/")) == 0) {
        url->path = osy_strdup(text + strlen(UNIX_SCHEME));
        ok = true;
    } else {
        osy_error_set(
            err, OSY_ERR_INVALID,
            "the Redis URL begins with none of redis://, sentinel://, cluster:// and unix:/");
    }
    if (!ok)
        osy_redis_url_deinit(url);
    return ok;
}

void osy_redis_url_deinit(struct osy_redis_url *url)
{
    if (url->password)
        OPENSSL_cleanse(url->password, strlen(url->password));
    free(url->password);
    free(url->user);
    free(url->host);
    free(url->path);
    free(url->sentinels);
    free(url->master);
    free(url->database);
    memset(url, 0, sizeof *url);
}

int osy_redis_url_auth(const struct osy_redis_url *url, const char *argv[OSY_REDIS_AUTH_ARGUMENTS])
{
    int argc = 0;

    if (!url->password)
        return 0;
    argv[argc++] = "AUTH";
    if (url->user)
        argv[argc++] = url->user;
    argv[argc++] = url->password;
    return argc;
}

/* ---- replies ---- */

struct osy_redis_reply osy_redis_reply_view(const struct redisReply *reply)
{
    struct osy_redis_reply view = {.type = OSY_REDIS_NIL};

    switch (reply->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: view.type = OSY_REDIS_STRING; break;
    case REDIS_REPLY_ERROR: view.type = OSY_REDIS_ERROR; break;
    case REDIS_REPLY_INTEGER:
        view.type = OSY_REDIS_INTEGER;
        view.integer = reply->integer;
        break;
    case REDIS_REPLY_ARRAY:
        view.type = OSY_REDIS_ARRAY;
        view.count = reply->elements;
        view.elements = reply->element;
        break;
    default: break; /* RESP2 has no more types than these and nil */
    }
    if (view.type == OSY_REDIS_STRING || view.type == OSY_REDIS_ERROR) {
        view.text = reply->str;
        view.length = reply->len;
    }
    return view;
}

struct osy_redis_reply osy_redis_reply_at(const struct osy_redis_reply *array, size_t index)
{
    redisReply *const *elements = array->elements;

    if (array->type != OSY_REDIS_ARRAY || index >= array->count)
        return (struct osy_redis_reply){.type = OSY_REDIS_NIL};
    return osy_redis_reply_view(elements[index]);
}

bool osy_redis_reply_is_no_script(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

bool osy_redis_reply_is_read_only(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "READONLY", 8) == 0;
}

bool osy_redis_reply_is_master(const struct osy_redis_reply *reply)
{
    struct osy_redis_reply role = osy_redis_reply_at(reply, 0);

    return role.type == OSY_REDIS_STRING && role.length == strlen("master") &&
           memcmp(role.text, "master", role.length) == 0;
}

/* ---- scripts ---- */

void osy_redis_script_init(struct osy_redis_script *script, const char *text)
{
    uint8_t digest[SHA1_BYTES];

    /* Redis names scripts by SHA-1: an address, not a safeguard. */
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL) != 1)
        abort(); /* a start-up step: without SHA-1 no script can ever be called */
    script->text = text;
    for (size_t i = 0; i < SHA1_BYTES; i++)
        snprintf(script->sha1 + 2 * i, 3, "%02x", digest[i]);
}

void osy_redis_arguments_init(struct osy_redis_arguments *arguments,
                              const struct osy_redis_script *script, bool with_text, int key_count,
                              int argc, const char *const *keys_and_args, const size_t *lengths)
{
    size_t count = (size_t)argc + 3;

    snprintf(arguments->key_count, sizeof arguments->key_count, "%d", key_count);
    arguments->argc = (int)count;
    arguments->argv = osy_alloc_array(count, sizeof *arguments->argv);
    arguments->lengths = osy_alloc_array(count, sizeof *arguments->lengths);
    arguments->argv[0] = with_text ? "EVAL" : "EVALSHA";
    arguments->argv[1] = with_text ? script->text : script->sha1;
    arguments->argv[2] = arguments->key_count;
    for (int i = 0; i < argc; i++)
        arguments->argv[i + 3] = keys_and_args[i];
    for (size_t i = 0; i < count; i++)
        arguments->lengths[i] = i >= 3 && lengths ? lengths[i - 3] : strlen(arguments->argv[i]);
}

void osy_redis_arguments_deinit(struct osy_redis_arguments *arguments)
{
    free(arguments->argv);
    free(arguments->lengths);
}

struct osy_redis_call *osy_redis_call_copy(const struct osy_redis_script *script, int key_count,
                                           int argc, const char *const *argv, const size_t *lengths)
{
    size_t count = (size_t)argc, bytes = 0;
    struct osy_redis_call *call = NULL;
    char *at = NULL;

    for (size_t i = 0; i < count; i++)
        bytes += lengths ? lengths[i] : strlen(argv[i]);
    call = osy_alloc(sizeof *call + count * (sizeof(char *) + sizeof(size_t)) + bytes);
    call->script = script;
    call->key_count = key_count;
    call->argc = argc;
    call->argv = (const char **)(call + 1);
    call->lengths = (size_t *)(call->argv + count);
    at = (char *)(call->lengths + count);
    for (size_t i = 0; i < count; i++) {
        call->lengths[i] = lengths ? lengths[i] : strlen(argv[i]);
        if (call->lengths[i] > 0)
            memcpy(at, argv[i], call->lengths[i]);
        call->argv[i] = at;
        at += call->lengths[i];
    }
    return call;
}
