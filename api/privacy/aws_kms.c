#include "api/privacy/aws_kms.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/privacy/kms_credentials.h"
#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/json.h"

enum {
    TRIES_MAX = 5,
    PAUSE_FIRST_MS = 200,
    PAUSE_MOST_MS = 2000,
    BLOB_BYTES_MAX = 6144, /* as KMS documents it */
    ANSWER_BYTES_MAX = 32768,
    TYPE_BYTES = 64,
};

struct aws_kms {
    struct osy_key_service service; /* first: it is what others see */
    char *url, *key_id, *credentials_file, *ca_file;
    char *signing; /* what libcurl wants to know: provider, region and service */
    int64_t timeout_ms;
};

/* One try of one call. */
struct attempt {
    long timeout_ms;
    struct osy_buffer answer; /* wiped: it may hold a key */
    long status;
    bool may_pass; /* it failed, and another try makes sense */
};

/* ---- base64, as KMS writes it ---- */

static void append_base64(struct osy_buffer *out, const void *bytes, size_t length)
{
    size_t most = 4 * ((length + 2) / 3) + 1; /* with the NUL */

    osy_buffer_reserve(out, most);
    out->length +=
        (size_t)EVP_EncodeBlock((unsigned char *)out->bytes + out->length, bytes, (int)length);
}

/* out has room for three quarters of text, rounded up to 3. */
static bool decode_base64(const char *text, uint8_t *out, size_t *length)
{
    size_t text_length = strlen(text);
    int decoded = -1;

    if (text_length > 0 && text_length % 4 == 0)
        decoded = EVP_DecodeBlock(out, (const unsigned char *)text, (int)text_length);
    if (decoded < 0)
        return false;
    *length = (size_t)decoded - (text[text_length - 1] == '=') - (text[text_length - 2] == '=');
    return true;
}

/* ---- one try ---- */

/* The answer's room is made beforehand, so that growing leaves no copy of a key behind. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct attempt *attempt = context;
    size_t length = size * count;

    if (length > ANSWER_BYTES_MAX - attempt->answer.length)
        return 0;
    osy_buffer_append(&attempt->answer, bytes, length);
    return length;
}

static void add_header(struct curl_slist **headers, const char *name, const char *value)
{
    struct osy_buffer line = OSY_BUFFER_INIT;

    osy_buffer_texts(&line, name, ": ", value, NULL);
    struct curl_slist *longer = curl_slist_append(*headers, line.bytes);
    if (!longer)
        abort(); /* out of memory, as osy_alloc has it */
    *headers = longer;
    osy_buffer_wipe(&line);
}

static void wipe_headers(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header; header = header->next)
        OPENSSL_cleanse(header->data, strlen(header->data));
    curl_slist_free_all(headers);
}

static struct curl_slist *make_headers(const char *target,
                                       const struct api_kms_credentials *credentials)
{
    struct curl_slist *headers = NULL;

    add_header(&headers, "Content-Type", "application/x-amz-json-1.1");
    add_header(&headers, "X-Amz-Target", target);
    if (*credentials->session_token)
        add_header(&headers, "X-Amz-Security-Token", credentials->session_token);
    return headers;
}

static void prepare(CURL *curl, const struct aws_kms *kms,
                    const struct api_kms_credentials *credentials, struct curl_slist *headers,
                    const struct osy_buffer *body, struct attempt *attempt)
{
    curl_easy_setopt(curl, CURLOPT_URL, kms->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* nor one of the environment */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* there are threads */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, attempt->timeout_ms);
    if (*kms->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, kms->ca_file);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, kms->signing);
    curl_easy_setopt(curl, CURLOPT_USERNAME, credentials->access_key_id);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, credentials->secret_access_key);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "OrderSync/" ORDERSYNC_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->bytes);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->length);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
}

static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return true;
    default: return false;
    }
}

/* The error's type without its namespace: "com.amazonaws.kms#DisabledException". Empty: there is none that can be shown. */
static void read_error_type(const struct osy_buffer *answer, char type[TYPE_BYTES])
{
    json_t *root = osy_json_parse(answer->bytes, answer->length, JSON_OBJECT, NULL);
    const char *text = json_string_value(json_object_get(root, "__type"));
    const char *hash = text ? strchr(text, '#') : NULL;
    size_t length = 0;

    if (hash)
        text = hash + 1;
    while (text && isalnum((unsigned char)text[length]))
        length++;
    if (length >= TYPE_BYTES || (text && text[length] != '\0'))
        length = 0;
    if (length > 0)
        memcpy(type, text, length);
    type[length] = '\0';
    json_decref(root);
}

static const struct refusal {
    const char *type;
    bool may_pass;
    enum osy_error_code code;
    const char *hint;
} refusals[] = {
    {"ThrottlingException", true, OSY_ERR_IO, "too many calls"},
    {"RequestLimitExceeded", true, OSY_ERR_IO, "too many calls"},
    {"KMSInternalException", true, OSY_ERR_IO, "KMS has a fault"},
    {"DependencyTimeoutException", true, OSY_ERR_IO, "KMS has a fault"},
    {"KeyUnavailableException", true, OSY_ERR_IO, "the KMS key is not available now"},
    {"UnrecognizedClientException", false, OSY_ERR_DENIED, "the access key id is not known"},
    {"InvalidClientTokenId", false, OSY_ERR_DENIED, "the access key id is not known"},
    {"InvalidSignatureException", false, OSY_ERR_DENIED,
     "the secret access key, ORDERSYNC_KMS_REGION or this machine's clock is wrong"},
    {"ExpiredTokenException", false, OSY_ERR_DENIED, "the session token has ended"},
    {"AccessDeniedException", false, OSY_ERR_DENIED, "the credentials do not allow it"},
    {"NotFoundException", false, OSY_ERR_DENIED, "there is no KMS key ORDERSYNC_KMS_KEY_ID"},
    {"DisabledException", false, OSY_ERR_DENIED, "the KMS key is disabled"},
    {"KMSInvalidStateException", false, OSY_ERR_DENIED, "the KMS key cannot be used now"},
    {"IncorrectKeyException", false, OSY_ERR_INVALID,
     "it was wrapped with another key than ORDERSYNC_KMS_KEY_ID"},
    {"InvalidCiphertextException", false, OSY_ERR_INVALID,
     "it is damaged, or was wrapped for another file name"},
};

/* Only the type is told on: the text of some errors repeats the request. */
static bool explain_refusal(struct attempt *attempt, struct osy_error *err)
{
    char type[TYPE_BYTES];

    read_error_type(&attempt->answer, type);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (strcmp(refusals[i].type, type) != 0)
            continue;
        attempt->may_pass = refusals[i].may_pass;
        return osy_error_set(err, refusals[i].code, "KMS refuses: %s (%s)", refusals[i].hint, type);
    }
    attempt->may_pass = attempt->status >= 500 || attempt->status == 429;
    return osy_error_set(err, attempt->may_pass ? OSY_ERR_IO : OSY_ERR_DENIED,
                         "KMS answers %ld%s%s", attempt->status, *type ? " " : "", type);
}

/* True when there is an answer of 200. */
static bool try_once(const struct aws_kms *kms, const char *target, const struct osy_buffer *body,
                     struct attempt *attempt, struct osy_error *err)
{
    struct api_kms_credentials credentials;
    CURL *curl = NULL;

    attempt->may_pass = false;
    attempt->answer.length = 0;
    if (!api_kms_credentials_read(kms->credentials_file, &credentials, err))
        return false;
    curl = curl_easy_init();
    if (!curl)
        abort(); /* out of memory */
    struct curl_slist *headers = make_headers(target, &credentials);
    prepare(curl, kms, &credentials, headers, body, attempt);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &attempt->status);
    curl_easy_cleanup(curl);
    wipe_headers(headers);
    api_kms_credentials_wipe(&credentials);
    if (code != CURLE_OK) {
        attempt->may_pass = may_pass(code);
        return osy_error_set(err, OSY_ERR_IO, "KMS at %s: %s", kms->url, curl_easy_strerror(code));
    }
    return attempt->status == 200 || explain_refusal(attempt, err);
}

/* ---- a call, with all its tries ---- */

static void pause_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0)
        ; /* a signal */
}

/* The answer, to be given back with release; NULL when there is none. A try has half of the time that is left, so that one
 * that hangs leaves room for another. */
static json_t *call(const struct aws_kms *kms, const char *target, const struct osy_buffer *body,
                    struct osy_error *err)
{
    struct osy_backoff backoff = {.first_ms = PAUSE_FIRST_MS, .most_ms = PAUSE_MOST_MS};
    const int64_t end_ms = osy_clock_monotonic_ms() + kms->timeout_ms;
    struct attempt attempt = {.timeout_ms = (long)(kms->timeout_ms / 2)};
    json_t *answer = NULL;
    bool ok = false;

    osy_buffer_reserve(&attempt.answer, ANSWER_BYTES_MAX + 1);
    for (int tries = 1;; tries++) {
        ok = try_once(kms, target, body, &attempt, err);
        if (ok || !attempt.may_pass || tries == TRIES_MAX)
            break;
        int64_t pause = osy_backoff_next_ms(&backoff);
        int64_t left_ms = end_ms - osy_clock_monotonic_ms() - pause;
        if (left_ms <= 1)
            break;
        pause_ms(pause);
        attempt.timeout_ms = (long)((left_ms + 1) / 2);
    }
    if (ok)
        answer = osy_json_parse(attempt.answer.bytes, attempt.answer.length, JSON_OBJECT, NULL);
    if (ok && !answer)
        osy_error_set(err, OSY_ERR_IO, "KMS' answer cannot be read");
    osy_buffer_wipe(&attempt.answer);
    return answer;
}

/* The answer's Plaintext is a key: no copy is left behind. */
static void release(json_t *answer)
{
    json_t *plaintext = json_object_get(answer, "Plaintext");

    if (json_is_string(plaintext))
        OPENSSL_cleanse((char *)(uintptr_t)json_string_value(plaintext),
                        json_string_length(plaintext));
    json_decref(answer);
}

static bool read_secret(json_t *answer, uint8_t secret[OSY_SECRET_BYTES], struct osy_error *err)
{
    const char *text = json_string_value(json_object_get(answer, "Plaintext"));
    uint8_t bytes[OSY_SECRET_BYTES + 4];
    size_t length = 0;
    bool ok = text && strlen(text) <= sizeof bytes / 3 * 4 && decode_base64(text, bytes, &length) &&
              length == OSY_SECRET_BYTES;

    if (ok)
        memcpy(secret, bytes, OSY_SECRET_BYTES);
    else
        osy_error_set(err, OSY_ERR_INVALID, "what KMS opens is not a key of %d bytes",
                      OSY_SECRET_BYTES);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return ok;
}

/* The part that both requests have: the KMS key, and what the wrapped key is bound to. */
static void append_key(struct osy_buffer *body, const struct aws_kms *kms, const char *kid)
{
    osy_buffer_text(body, "{\"KeyId\":");
    osy_buffer_json_string(body, kms->key_id);
    osy_buffer_texts(body,
                     ",\"EncryptionContext\":{\"ordersync:kind\":\"data\",\"ordersync:kid\":\"",
                     kid, "\"}", NULL); /* of a kid nothing needs escaping */
}

static bool open_key(struct osy_key_service *service, const char *kid, const void *wrapped,
                     size_t length, uint8_t secret[OSY_SECRET_BYTES], struct osy_error *err)
{
    struct aws_kms *kms = (struct aws_kms *)service;
    struct osy_buffer body = OSY_BUFFER_INIT;

    if (length == 0 || length > BLOB_BYTES_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "not 1 to %d bytes", BLOB_BYTES_MAX);
    append_key(&body, kms, kid);
    osy_buffer_text(&body, ",\"CiphertextBlob\":\"");
    append_base64(&body, wrapped, length);
    osy_buffer_text(&body, "\"}");
    json_t *answer = call(kms, "TrentService.Decrypt", &body, err);
    bool ok = answer && read_secret(answer, secret, err);
    release(answer);
    osy_buffer_deinit(&body);
    return ok;
}

static bool read_blob(json_t *answer, struct osy_buffer *wrapped, struct osy_error *err)
{
    const char *text = json_string_value(json_object_get(answer, "CiphertextBlob"));
    size_t length = 0;

    if (!text || strlen(text) > (BLOB_BYTES_MAX + 2) / 3 * 4)
        return osy_error_set(err, OSY_ERR_IO, "KMS' answer cannot be read");
    osy_buffer_reserve(wrapped, strlen(text));
    if (!decode_base64(text, (uint8_t *)wrapped->bytes + wrapped->length, &length))
        return osy_error_set(err, OSY_ERR_IO, "KMS' answer cannot be read");
    wrapped->length += length;
    return true;
}

/* A key that was made is opened again before anybody relies on it: who may make keys need not have the right to open them. */
static bool make_key(struct osy_key_service *service, const char *kid, struct osy_buffer *wrapped,
                     struct osy_error *err)
{
    struct aws_kms *kms = (struct aws_kms *)service;
    struct osy_buffer body = OSY_BUFFER_INIT;
    uint8_t made[OSY_SECRET_BYTES], opened[OSY_SECRET_BYTES];
    const size_t start = wrapped->length;

    append_key(&body, kms, kid);
    osy_buffer_text(&body, ",\"KeySpec\":\"AES_256\"}");
    json_t *answer = call(kms, "TrentService.GenerateDataKey", &body, err);
    bool ok =
        answer && read_secret(answer, made, err) && read_blob(answer, wrapped, err) &&
        open_key(service, kid, wrapped->bytes + start, wrapped->length - start, opened, err) &&
        (CRYPTO_memcmp(made, opened, sizeof made) == 0 ||
         osy_error_set(err, OSY_ERR_INVALID, "KMS opens another key than it made"));
    release(answer);
    osy_buffer_deinit(&body);
    OPENSSL_cleanse(made, sizeof made);
    OPENSSL_cleanse(opened, sizeof opened);
    return ok;
}

static void destroy(struct osy_key_service *service)
{
    struct aws_kms *kms = (struct aws_kms *)service;

    free(kms->url);
    free(kms->key_id);
    free(kms->credentials_file);
    free(kms->ca_file);
    free(kms->signing);
    free(kms);
    curl_global_cleanup();
}

struct osy_key_service *api_aws_kms_create(const struct api_aws_kms_options *options,
                                           struct osy_error *err)
{
    struct osy_buffer signing = OSY_BUFFER_INIT;
    struct aws_kms *kms = NULL;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        osy_error_set(err, OSY_ERR_IO, "libcurl cannot start");
        return NULL;
    }
    kms = osy_alloc(sizeof *kms);
    kms->service = (struct osy_key_service){.open = open_key, .make = make_key, .destroy = destroy};
    kms->url = osy_strdup(options->url);
    kms->key_id = osy_strdup(options->key_id);
    kms->credentials_file = osy_strdup(options->credentials_file);
    kms->ca_file = osy_strdup(options->ca_file);
    kms->timeout_ms = options->timeout_ms;
    osy_buffer_texts(&signing, "aws:amz:", options->region, ":kms", NULL);
    kms->signing = osy_buffer_take(&signing, NULL);
    return &kms->service;
}
