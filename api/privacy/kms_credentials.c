#include "api/privacy/kms_credentials.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX 16384

static const struct field {
    const char *name;
    size_t offset, size;
} fields[] = {
#define FIELD(name, member)                                    \
    {                                                          \
        name, offsetof(struct api_kms_credentials, member),    \
            sizeof((struct api_kms_credentials *)NULL)->member \
    }
    FIELD("aws_access_key_id", access_key_id),
    FIELD("aws_secret_access_key", secret_access_key),
    FIELD("aws_session_token", session_token),
#undef FIELD
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static char *trim(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text + strspn(text, " \t");
}

/* Nothing that could end a header's line. */
static bool is_plain(const char *value)
{
    for (; *value; value++)
        if (*value <= ' ' || *value > '~')
            return false;
    return true;
}

static bool set_field(struct api_kms_credentials *credentials, const char *name, const char *value,
                      int line, struct osy_error *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        char *target = (char *)credentials + fields[i].offset;
        if (strcmp(fields[i].name, name) != 0)
            continue;
        if (*target)
            return osy_error_set(err, OSY_ERR_DENIED, "line %d: %s is there twice", line, name);
        if (!*value || !is_plain(value) || strlen(value) >= fields[i].size)
            return osy_error_set(err, OSY_ERR_DENIED, "line %d: no valid %s", line, name);
        memcpy(target, value, strlen(value) + 1);
        return true;
    }
    return osy_error_set(err, OSY_ERR_DENIED, "line %d: no name that belongs here", line);
}

static bool parse(char *text, struct api_kms_credentials *credentials, struct osy_error *err)
{
    char *rest = text;

    for (int line = 1; rest; line++) {
        char *name = trim(strsep(&rest, "\n"));
        char *equals = strchr(name, '=');
        if (*name == '\0' || *name == '#' || *name == ';' || *name == '[')
            continue;
        if (!equals)
            return osy_error_set(err, OSY_ERR_DENIED, "line %d: not name = value", line);
        *equals = '\0';
        if (!set_field(credentials, trim(name), trim(equals + 1), line, err))
            return false;
    }
    if (!*credentials->access_key_id || !*credentials->secret_access_key)
        return osy_error_set(err, OSY_ERR_DENIED,
                             "aws_access_key_id or aws_secret_access_key missing");
    return true;
}

static bool check_mode(int fd, struct osy_error *err)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return osy_error_set(err, OSY_ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return osy_error_set(err, OSY_ERR_DENIED, "not a regular file");
    if (status.st_mode & (S_IRWXO | S_IWGRP))
        return osy_error_set(err, OSY_ERR_DENIED, "open to other users");
    return true;
}

/* text has room for FILE_BYTES_MAX and a NUL. */
static bool read_text(int fd, char *text, struct osy_error *err)
{
    size_t length = 0;

    while (length < FILE_BYTES_MAX) {
        ssize_t got = read(fd, text + length, FILE_BYTES_MAX - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return osy_error_set(err, OSY_ERR_IO, "%s", strerror(errno));
        if (got == 0)
            break;
        length += (size_t)got;
    }
    text[length] = '\0';
    return length < FILE_BYTES_MAX || osy_error_set(err, OSY_ERR_DENIED, "too big");
}

bool api_kms_credentials_read(const char *path, struct api_kms_credentials *credentials,
                              struct osy_error *err)
{
    char text[FILE_BYTES_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = false;

    memset(credentials, 0, sizeof *credentials);
    if (fd < 0) {
        osy_error_set(err, OSY_ERR_IO, "%s", strerror(errno));
    } else {
        ok = check_mode(fd, err) && read_text(fd, text, err) && parse(text, credentials, err);
        close(fd);
        OPENSSL_cleanse(text, sizeof text);
    }
    if (ok)
        return true;
    api_kms_credentials_wipe(credentials);
    return osy_error_prefix(err, "KMS credentials '%s'", path);
}

void api_kms_credentials_wipe(struct api_kms_credentials *credentials)
{
    OPENSSL_cleanse(credentials, sizeof *credentials);
}
