#include "api/audit/head_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/json.h"
#include "shared/keys.h"

#define NAME_BYTES      sizeof "heads-YYYYMM.jsonl"
#define SIGNATURE_BYTES 64 /* Ed25519 */
#define HASH_TEXT_BYTES (2 * OSY_SHA256_BYTES + 1)
#define SIGNATURE_MARK  ",\"signature\":\""

struct api_audit_head_file {
    int folder_fd, lock_fd;
    const struct osy_keyring *keyring;  /* borrowed */
    uint8_t previous[OSY_SHA256_BYTES]; /* of the last line */
    char last_name[NAME_BYTES];         /* the newest file; empty: there is none */
    struct api_audit_head *heads;       /* owned; the last of each chain */
    size_t count;
};

/* ---- text ---- */

static void write_hash(const uint8_t hash[OSY_SHA256_BYTES], char text[HASH_TEXT_BYTES])
{
    for (size_t i = 0; i < OSY_SHA256_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static bool read_hash(const char *text, uint8_t hash[OSY_SHA256_BYTES])
{
    if (!text || strlen(text) != HASH_TEXT_BYTES - 1 ||
        strspn(text, "0123456789abcdef") != HASH_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < OSY_SHA256_BYTES; i++) {
        const char pair[] = {text[2 * i], text[2 * i + 1], '\0'};
        hash[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static void hash_line(const char *line, size_t length, uint8_t hash[OSY_SHA256_BYTES])
{
    const struct osy_piece piece = {line, length};
    osy_sha256(&piece, 1, hash);
}

/* ---- signatures ---- */

static bool sign(const struct osy_key *key, const char *text, size_t length,
                 uint8_t signature[SIGNATURE_BYTES])
{
    size_t signature_length = SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok =
        context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
        EVP_DigestSign(context, signature, &signature_length, (const uint8_t *)text, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return ok;
}

static bool is_signed(const struct osy_key *key, const char *text, size_t length,
                      const char *signature_text, size_t signature_length)
{
    uint8_t signature[SIGNATURE_BYTES + 3];
    size_t bytes = 0;
    if (signature_length != OSY_BASE64URL_LENGTH(SIGNATURE_BYTES) ||
        !osy_base64url_decode(signature_text, signature_length, signature, &bytes))
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
              EVP_DigestVerify(context, signature, bytes, (const uint8_t *)text, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return ok;
}

/* ---- reading ---- */

struct reader {
    const struct osy_keyring *keyring;
    uint8_t previous[OSY_SHA256_BYTES];
    char name[NAME_BYTES];
    int64_t line_number;
    struct api_audit_head_line line;
    api_audit_head_line_fn on_line;
    void *context;
    bool is_stopped;
    bool begins_anywhere; /* what stood before the first line is not known */
};

static bool fail_line(const struct reader *reader, const char *why, struct osy_error *err)
{
    return osy_error_set(err, OSY_ERR_INVALID, "%s line %" PRId64 ": %s", reader->name,
                         reader->line_number, why);
}

static bool read_head(const json_t *value, struct api_audit_head *head)
{
    json_int_t chain_id = json_integer_value(json_array_get(value, 0));
    json_int_t number = json_integer_value(json_array_get(value, 1));
    if (json_array_size(value) != 3 || chain_id < 1 || chain_id > INT32_MAX || number < 1)
        return false;
    head->chain_id = (int32_t)chain_id;
    head->number = number;
    return read_hash(json_string_value(json_array_get(value, 2)), head->hash);
}

static bool read_heads(const json_t *values, struct api_audit_head_line *line)
{
    line->count = json_array_size(values);
    if (!json_is_array(values) || line->count > API_AUDIT_HEADS_PER_LINE)
        return false;
    for (size_t i = 0; i < line->count; i++) {
        if (!read_head(json_array_get(values, i), &line->heads[i]))
            return false;
    }
    return true;
}

static bool read_content(struct reader *reader, json_t *root, const char *text, size_t length,
                         struct osy_error *err)
{
    const char *mark = memmem(text, length, SIGNATURE_MARK, strlen(SIGNATURE_MARK));
    const char *kid = NULL, *time = NULL, *previous = NULL, *signature = NULL;
    json_t *heads = NULL;
    uint8_t hash[OSY_SHA256_BYTES];
    const struct osy_json_field fields[] = {
        {"time", OSY_JSON_STRING, false, 1, 40, &time},
        {"kid", OSY_JSON_STRING, false, 1, OSY_KID_BYTES - 1, &kid},
        {"previous", OSY_JSON_STRING, false, 1, HASH_TEXT_BYTES, &previous},
        {"heads", OSY_JSON_ARRAY, false, 0, API_AUDIT_HEADS_PER_LINE, &heads},
        {"signature", OSY_JSON_STRING, false, 1, 200, &signature},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) || !mark ||
        !osy_time_parse(time, strlen(time), &reader->line.time_ms) ||
        !read_heads(heads, &reader->line))
        return fail_line(reader, "it is not a line of heads", err);
    const struct osy_key *key = osy_keyring_find(reader->keyring, OSY_KEY_AUDIT, kid, strlen(kid));
    if (!key)
        return fail_line(reader, "its key is not known", err);
    if (!is_signed(key, text, (size_t)(mark - text), signature, strlen(signature)))
        return fail_line(reader, "its signature is wrong", err);
    if (!read_hash(previous, hash))
        return fail_line(reader, "it is not a line of heads", err);
    return reader->begins_anywhere || memcmp(hash, reader->previous, sizeof hash) == 0 ||
           fail_line(reader, "the line before it is not the one that was there", err);
}

static bool read_line(struct reader *reader, const char *text, size_t length, struct osy_error *err)
{
    reader->line_number++;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, NULL);
    bool ok = root ? read_content(reader, root, text, length, err)
                   : fail_line(reader, "it is not a line of heads", err);
    json_decref(root);
    if (!ok)
        return false;
    hash_line(text, length, reader->previous);
    reader->begins_anywhere = false;
    reader->is_stopped = !reader->on_line(reader->context, &reader->line);
    return true;
}

static bool read_stream(struct reader *reader, FILE *stream, struct osy_error *err)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    bool ok = true;
    reader->line_number = 0;
    while (ok && !reader->is_stopped && (length = getline(&text, &capacity, stream)) > 0) {
        if (text[length - 1] == '\n') /* else it is still being written */
            ok = read_line(reader, text, (size_t)length - 1, err);
    }
    if (ok && ferror(stream))
        ok = osy_error_set(err, OSY_ERR_IO, "%s: %s", reader->name, strerror(errno));
    free(text);
    return ok;
}

static bool read_file(struct reader *reader, int folder_fd, struct osy_error *err)
{
    int fd = openat(folder_fd, reader->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
    if (!stream) {
        if (fd >= 0)
            close(fd);
        return osy_error_set(err, OSY_ERR_IO, "%s: %s", reader->name, strerror(errno));
    }
    bool ok = read_stream(reader, stream, err);
    fclose(stream);
    return ok;
}

static int choose_file(const struct dirent *entry)
{
    return strlen(entry->d_name) == NAME_BYTES - 1 && strncmp(entry->d_name, "heads-", 6) == 0 &&
           strspn(entry->d_name + 6, "0123456789") == 6 &&
           strcmp(entry->d_name + 12, ".jsonl") == 0;
}

/* All files, oldest first, through the reader; of one that begins anywhere only the newest that has a line: newer ones
 * were made by a process that died, or found no space, before its first line was written. */
static bool read_entries(struct reader *reader, int folder_fd, struct dirent *const *entries,
                         int count, struct osy_error *err)
{
    bool is_newest_first = reader->begins_anywhere;
    bool ok = true;
    for (int i = 0; ok && i < count && !reader->is_stopped; i++) {
        const char *name = entries[is_newest_first ? count - 1 - i : i]->d_name;
        memcpy(reader->name, name, NAME_BYTES); /* choose_file has seen its length */
        ok = read_file(reader, folder_fd, err);
        if (is_newest_first && !reader->begins_anywhere)
            break;
    }
    return ok;
}

/* newest: the last file's name; empty: there is none. */
static bool read_files(struct reader *reader, int folder_fd, char newest[NAME_BYTES],
                       struct osy_error *err)
{
    struct dirent **entries = NULL;
    int count = scandirat(folder_fd, ".", &entries, choose_file, alphasort);
    newest[0] = '\0';
    if (count < 0)
        return osy_error_set(err, OSY_ERR_IO, "cannot list the folder of heads: %s",
                             strerror(errno));
    if (count > 0)
        memcpy(newest, entries[count - 1]->d_name, NAME_BYTES);
    bool ok = read_entries(reader, folder_fd, entries, count, err);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return ok;
}

static int open_folder(const char *folder, struct osy_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        osy_error_set(err, OSY_ERR_IO, "folder of heads '%s': %s", folder, strerror(errno));
    return fd;
}

bool api_audit_head_files_read(const char *folder, const struct osy_keyring *keyring,
                               api_audit_head_line_fn on_line, void *context, struct osy_error *err)
{
    struct reader *reader = NULL;
    char newest[NAME_BYTES];
    int folder_fd = open_folder(folder, err);
    if (folder_fd < 0)
        return false;
    reader = osy_alloc(sizeof *reader); /* a line is large for a stack */
    reader->keyring = keyring;
    reader->on_line = on_line;
    reader->context = context;
    bool ok = read_files(reader, folder_fd, newest, err);
    free(reader);
    close(folder_fd);
    return ok;
}

/* ---- writing ---- */

const struct api_audit_head *api_audit_head_file_all(const struct api_audit_head_file *file,
                                                     size_t *count)
{
    *count = file->count;
    return file->heads;
}

static const struct api_audit_head *find_last(const struct api_audit_head_file *file,
                                              int32_t chain_id)
{
    for (size_t i = 0; i < file->count; i++) {
        if (file->heads[i].chain_id == chain_id)
            return &file->heads[i];
    }
    return NULL;
}

static void remember(struct api_audit_head_file *file, const struct api_audit_head *head)
{
    for (size_t i = 0; i < file->count; i++) {
        if (file->heads[i].chain_id == head->chain_id) {
            file->heads[i] = *head;
            return;
        }
    }
    file->heads = osy_realloc_array(file->heads, file->count + 1, sizeof *file->heads);
    file->heads[file->count++] = *head;
}

static bool remember_line(void *context, const struct api_audit_head_line *line)
{
    for (size_t i = 0; i < line->count; i++)
        remember(context, &line->heads[i]);
    return true;
}

/* What a dying process left behind the last whole line. *is_empty: there is no such line. */
static bool cut_remains(int fd, bool *is_empty)
{
    char byte = '\n';
    off_t end = lseek(fd, 0, SEEK_END);
    off_t whole = end;
    while (whole > 0 && pread(fd, &byte, 1, whole - 1) == 1 && byte != '\n')
        whole--;
    *is_empty = whole == 0;
    return end >= 0 && (whole == end || ftruncate(fd, whole) == 0);
}

static bool take_over(struct api_audit_head_file *file, struct osy_error *err)
{
    struct reader *reader = osy_alloc(sizeof *reader);
    reader->keyring = file->keyring;
    reader->on_line = remember_line;
    reader->begins_anywhere = true;
    reader->context = file;
    bool ok = read_files(reader, file->folder_fd, file->last_name, err);
    memcpy(file->previous, reader->previous, sizeof file->previous);
    free(reader);
    return ok;
}

struct api_audit_head_file *api_audit_head_file_open(const char *folder,
                                                     const struct osy_keyring *keyring,
                                                     struct osy_error *err)
{
    struct api_audit_head_file *file = NULL;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        osy_error_set(err, OSY_ERR_IO, "folder of heads '%s': %s", folder, strerror(errno));
        return NULL;
    }
    file = osy_alloc(sizeof *file);
    file->keyring = keyring;
    file->lock_fd = -1;
    file->folder_fd = open_folder(folder, err);
    if (file->folder_fd < 0)
        goto fail;
    file->lock_fd = openat(file->folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->lock_fd < 0 || flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        osy_error_set(err, errno == EWOULDBLOCK ? OSY_ERR_CONFLICT : OSY_ERR_IO,
                      "folder of heads '%s': %s", folder, strerror(errno));
        goto fail;
    }
    if (take_over(file, err))
        return file;
fail:
    api_audit_head_file_close(file);
    return NULL;
}

void api_audit_head_file_close(struct api_audit_head_file *file)
{
    if (!file)
        return;
    if (file->lock_fd >= 0)
        close(file->lock_fd); /* gives the lock back */
    if (file->folder_fd >= 0)
        close(file->folder_fd);
    free(file->heads);
    free(file);
}

static bool write_line(int fd, const struct osy_buffer *line)
{
    size_t written = 0;
    while (written < line->length) {
        ssize_t put = write(fd, line->bytes + written, line->length - written);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        written += (size_t)put;
    }
    return fsync(fd) == 0;
}

static bool make_line(const struct api_audit_head_file *file, const struct api_audit_head *heads,
                      size_t count, int64_t now_ms, struct osy_buffer *line, struct osy_error *err)
{
    const struct osy_key *key = osy_keyring_active(file->keyring, OSY_KEY_AUDIT);
    char time[OSY_TIME_TEXT_BYTES], hash[HASH_TEXT_BYTES];
    char signature_text[OSY_BASE64URL_LENGTH(SIGNATURE_BYTES) + 1];
    uint8_t signature[SIGNATURE_BYTES];
    osy_time_format(now_ms, time);
    write_hash(file->previous, hash);
    osy_buffer_printf(line, "{\"time\":\"%s\",\"kid\":\"%s\",\"previous\":\"%s\",\"heads\":[", time,
                      key->kid, hash);
    for (size_t i = 0; i < count; i++) {
        write_hash(heads[i].hash, hash);
        osy_buffer_printf(line, "%s[%" PRId32 ",%" PRId64 ",\"%s\"]", i > 0 ? "," : "",
                          heads[i].chain_id, heads[i].number, hash);
    }
    osy_buffer_char(line, ']');
    if (!sign(key, line->bytes, line->length, signature))
        return osy_error_set(err, OSY_ERR_IO, "a line of heads cannot be signed");
    osy_base64url_encode(signature, sizeof signature, signature_text);
    osy_buffer_texts(line, SIGNATURE_MARK, signature_text, "\"}\n", NULL);
    return true;
}

static bool append_line(struct api_audit_head_file *file, int fd,
                        const struct api_audit_head *heads, size_t count, int64_t now_ms,
                        struct osy_error *err)
{
    struct osy_buffer line = OSY_BUFFER_INIT;
    bool ok = make_line(file, heads, count, now_ms, &line, err);
    if (ok && !write_line(fd, &line))
        ok = osy_error_set(err, OSY_ERR_IO, "heads cannot be written: %s", strerror(errno));
    if (ok) {
        hash_line(line.bytes, line.length - 1, file->previous);
        for (size_t i = 0; i < count; i++)
            remember(file, &heads[i]);
    }
    osy_buffer_deinit(&line);
    return ok;
}

static void name_file(int64_t now_ms, char name[NAME_BYTES])
{
    char time[OSY_TIME_TEXT_BYTES];
    osy_time_format(now_ms, time);
    snprintf(name, NAME_BYTES, "heads-%.4s%.2s.jsonl", time, time + 5);
}

/* Those that have moved since they were written last; all of them in a new file. */
static size_t choose_heads(const struct api_audit_head_file *file, bool is_new,
                           const struct api_audit_head *heads, size_t count,
                           struct api_audit_head *chosen)
{
    size_t chosen_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct api_audit_head *last = find_last(file, heads[i].chain_id);
        if (is_new || !last || last->number != heads[i].number ||
            memcmp(last->hash, heads[i].hash, sizeof last->hash) != 0)
            chosen[chosen_count++] = heads[i];
    }
    return chosen_count;
}

bool api_audit_head_file_append(struct api_audit_head_file *file,
                                const struct api_audit_head *heads, size_t count, int64_t now_ms,
                                struct osy_error *err)
{
    char name[NAME_BYTES];
    name_file(now_ms, name);
    if (strcmp(name, file->last_name) < 0) /* the clock went back: files stay in order */
        memcpy(name, file->last_name, sizeof name);
    bool is_new = false;
    int fd =
        openat(file->folder_fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && cut_remains(fd, &is_new) && (!is_new || fsync(file->folder_fd) == 0);
    if (!ok)
        osy_error_set(err, OSY_ERR_IO, "%s: %s", name, strerror(errno));
    struct api_audit_head *chosen = osy_alloc_array(count + 1, sizeof *chosen);
    size_t chosen_count = ok ? choose_heads(file, is_new, heads, count, chosen) : 0;
    for (size_t i = 0; ok && i < chosen_count; i += API_AUDIT_HEADS_PER_LINE) {
        size_t left = chosen_count - i;
        ok = append_line(file, fd, &chosen[i],
                         left < API_AUDIT_HEADS_PER_LINE ? left : API_AUDIT_HEADS_PER_LINE, now_ms,
                         err);
        if (ok)
            memcpy(file->last_name, name, sizeof name);
    }
    if (fd >= 0)
        close(fd);
    free(chosen);
    return ok;
}
